"""The generator ``G(x) = Bicubic(x) + DNN(x)``.

Source: Korobchenko and Foco, "Single image super-resolution using deep learning" (NVIDIA, 2017):
downscaling layers (D) for the receptive field, skip connections (S) for low-level detail, residual
blocks (R) for convergence. The trunk runs at the size of the low-resolution image (LR); each level
below halves it. The tail is a pixel shuffle (Shi et al., CVPR 2016) that starts at zero, so an
untrained generator is exactly bicubic. Each part can be left out, for ablations.

A generator for photos takes a fourth plane, constant over the picture: how much noise and
compression to remove (Zhang, Zuo and Zhang, "FFDNet", IEEE TIP 2018, gives a denoiser its noise
level so).

With ``equivariant`` it commutes with flips and quarter turns (``equivariance.py``), where the sides
are multiples of ``config.multiple``.

With ``consistent`` the result, made small again, is the input: the DNN adds only what the input
does not tell (``consistency.py``), ``G(x) = Bicubic'(x) + P DNN(x)``.
"""

import dataclasses
from dataclasses import dataclass

from torch import Tensor, nn

from acutance.models.blocks import BicubicUpscale, Up, pad_to_multiple, residual_blocks
from acutance.models.consistency import Consistency
from acutance.models.equivariance import Channels, tie

SCALES = (2, 3, 4, 8)


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Shape of a generator. Level 0 is at LR size, level i at LR / 2^i."""

    scale: int
    """Upscaling factor: 2, 3, 4 or 8."""
    channels: tuple[int, ...] = (48, 96, 128)
    """Feature channels of each level."""
    down_blocks: tuple[int, ...] = (2, 1, 2)
    """Residual blocks of each level on the way down; the last entry is the deepest level's."""
    up_blocks: tuple[int, ...] = (5, 1)
    """Residual blocks of each level on the way up, from level 0; one entry fewer."""
    bicubic: bool = True
    """Add ``Bicubic(x)``; without it, the network draws the whole picture itself."""
    skips: bool = True
    """Add each level's features on the way down to those on the way up."""
    residuals: bool = True
    """Add each block's input to its output."""
    strength: bool = False
    """Take a fourth plane: how much noise and compression to remove, 0 (none) to 1."""
    consistent: bool = False
    """Whether the result, reduced, is the input. For clean inputs: noise in them stays."""
    slope: float = 0.0
    """What the blocks' ReLUs do to negative values; 0 is the plain one."""
    equivariant: bool = False
    """Whether the weights are tied so that the network commutes with flips and quarter turns."""

    def __post_init__(self) -> None:
        # JSON gives lists; tuples keep the config hashable.
        for name in ("channels", "down_blocks", "up_blocks"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.scale not in SCALES:
            raise ValueError(f"scale must be one of {SCALES}, not {self.scale}")
        if not len(self.channels) == len(self.down_blocks) == len(self.up_blocks) + 1:
            raise ValueError(
                "channels, down_blocks and up_blocks describe different numbers of levels"
            )
        if not 0 <= self.slope < 1:
            raise ValueError(f"slope must be at least 0 and less than 1, not {self.slope}")
        if self.equivariant and any(width % 8 for width in self.channels):
            raise ValueError("equivariant needs channels in multiples of 8")
        if self.consistent and (self.strength or not self.bicubic):
            raise ValueError("consistent needs bicubic, and no strength: noise is not to be kept")

    @property
    def channels_in(self) -> int:
        """Planes of the input: RGB, and the strength where there is one."""
        return 4 if self.strength else 3

    @property
    def multiple(self) -> int:
        """LR height and width are padded to a multiple of this."""
        return int(2 ** (len(self.channels) - 1))

    @property
    def receptive_field(self) -> int:
        """LR pixels on each side of an output pixel's own that can influence it.

        Each 3x3 convolution of level i reaches 2^i further; a 2x2 stride-2 convolution and a pixel
        shuffle tie a pixel to the block of 2^(levels-1) that it lies in, counted once.
        """
        reach = 2  # head and tail
        for level, blocks in enumerate(self.down_blocks):
            reach += 2 * blocks * 2**level
        for level, blocks in enumerate(self.up_blocks):
            reach += 2 * blocks * 2**level
        reach += Consistency.reach if self.consistent else 0
        return max(reach + self.multiple - 1, 2)


class Generator(nn.Module):
    """``Bicubic(x) + DNN(x)``: ``(N, 3, h, w)`` in [0, 1] to ``(N, 3, s*h, s*w)``, not clipped.

    With ``config.strength`` the input is ``(N, 4, h, w)``: the bicubic sees RGB alone.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.bicubic = BicubicUpscale(config.scale) if config.bicubic else None
        self.consistency = Consistency(config.scale) if config.consistent else None
        self.head = nn.Conv2d(config.channels_in, c[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            residual_blocks(
                c[i], config.down_blocks[i], residuals=config.residuals, slope=config.slope
            )
            for i in range(len(c))
        )
        self.down = nn.ModuleList(nn.Conv2d(c[i], c[i + 1], 2, stride=2) for i in range(len(c) - 1))
        self.up = nn.ModuleList(Up(c[i + 1], c[i]) for i in range(len(c) - 1))
        self.decoder = nn.ModuleList(
            residual_blocks(
                c[i], config.up_blocks[i], residuals=config.residuals, slope=config.slope
            )
            for i in range(len(c) - 1)
        )
        self.tail = nn.Conv2d(c[0], 3 * config.scale**2, 3, padding=1)
        assert self.tail.bias is not None
        nn.init.zeros_(self.tail.bias)
        if self.bicubic is not None:
            nn.init.zeros_(self.tail.weight)
        if config.equivariant:
            self._tie()

    def _tie(self) -> None:
        """Tie the weights of every convolution."""
        colours, features = Channels(turning=False), Channels(turning=True)
        tie(self.head, inputs=colours, outputs=features)
        for part in (self.encoder, self.decoder, self.down):
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    tie(module, inputs=features, outputs=features)
        for up in self.up.modules():
            if isinstance(up, Up):
                tie(up.conv, inputs=features, outputs=dataclasses.replace(features, upscale=2))
        pixels = dataclasses.replace(colours, upscale=self.config.scale)
        tie(self.tail, inputs=features, outputs=pixels)

    def forward(self, lr_NCHW: Tensor) -> Tensor:
        """Any height and width: pads right and bottom symmetrically, and crops."""
        height, width = lr_NCHW.shape[-2:]
        padded = pad_to_multiple(lr_NCHW, self.config.multiple)
        sr = self.forward_aligned(padded)
        return sr[..., : height * self.config.scale, : width * self.config.scale]

    def forward_aligned(self, lr_NCHW: Tensor) -> Tensor:
        """Height and width are multiples of ``config.multiple``; what an export traces."""
        if self.consistency is not None:
            return self._picture(self.consistency.bicubic(lr_NCHW)) + self.dnn(lr_NCHW)
        dnn = self.dnn(lr_NCHW)
        if self.bicubic is None:
            return dnn
        bicubic: Tensor = self.bicubic(lr_NCHW[:, :3])
        return bicubic + dnn

    def dnn(self, lr_NCHW: Tensor) -> Tensor:
        """``DNN(x)``: what is added to bicubic. Sizes as for ``forward_aligned``."""
        x = self.head(lr_NCHW)
        skips = []
        for level, down in enumerate(self.down):
            x = self.encoder[level](x)
            skips.append(x)
            x = down(x)
        x = self.encoder[-1](x)
        for level in reversed(range(len(self.up))):
            x = self.up[level](x)
            x = self.decoder[level](x + skips[level] if self.config.skips else x)
        phases = self.tail(x)
        if self.consistency is not None:
            phases = self.consistency.complement(phases)
        return self._picture(phases)

    def _picture(self, phases_NCHW: Tensor) -> Tensor:
        """``(N, 3*s*s, h, w)`` to ``(N, 3, s*h, s*w)``, fp32."""
        return nn.functional.pixel_shuffle(phases_NCHW, self.config.scale).float()
