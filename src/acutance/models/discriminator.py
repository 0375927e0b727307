"""Discriminators of the GAN stage: is this picture upscaled, or a photo?

Both give one logit for every place of the picture, so that each is judged by its own neighbourhood:

- ``patch``: a PatchGAN (Isola et al., "Image-to-image translation with conditional adversarial
  networks", CVPR 2017), cheap enough for a CPU.
- ``unet``: a U-Net with skips that judges every pixel (Schonfeld, Schiele and Khoreva, "A U-Net
  based discriminator for GANs", CVPR 2020; Wang et al., "Real-ESRGAN", ICCVW 2021), for a GPU.

All convolutions are divided by their largest singular value (Miyato et al., "Spectral
normalization for GANs", ICLR 2018), so that neither side of the game can run away.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from acutance.image.filters import log_kernel

SLOPE = 0.2
"""Of the leaky ReLUs, as in both papers."""

BANDS = ((5, 0.6), (11, 1.5))
"""Size and sigma of the two Laplacians of Gaussian whose bands can be judged."""


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """Shape of a discriminator."""

    kind: Literal["patch", "unet"] = "patch"
    """``patch`` for a CPU, ``unet`` for a GPU."""
    channels: int = 32
    """Features of the first convolution; they double with every halving."""
    bands: bool = False
    """Judge high-frequency bands instead of the picture: colours stay out of the game."""


class Discriminator(nn.Module):
    """``(N, 3, H, W)`` in [0, 1] to logits ``(N, 1, h, w)``: above 0 means a photo.

    H and W are multiples of 8. ``forward`` also gives the features of every layer, for matching.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.bands = Bands() if config.bands else None
        channels_in = 3 * len(BANDS) if config.bands else 3
        trunk = {"patch": PatchTrunk, "unet": UNetTrunk}[config.kind]
        self.trunk: nn.Module = trunk(channels_in, config.channels)

    def look(self, x_NCHW: Tensor) -> Tensor:
        """What is judged of a picture: the picture centred at 0, or its high-frequency bands."""
        return 2 * x_NCHW - 1 if self.bands is None else self.bands(x_NCHW)

    def judge(self, seen_NCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits of what ``look`` gave, and the features of every layer."""
        logits, features = self.trunk(seen_NCHW)
        return logits, features

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits of pictures, and the features of every layer."""
        return self.judge(self.look(x_NCHW))


def _conv(channels_in: int, channels_out: int, size: int, *, stride: int = 1) -> nn.Module:
    conv = nn.Conv2d(channels_in, channels_out, size, stride, padding=(size - 1) // 2)
    return spectral_norm(conv)


class PatchTrunk(nn.Module):
    """4x4 convolutions of stride 2 down to an eighth, then 3x3: each logit sees 54 pixels."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        c = channels
        self.layers = nn.ModuleList(
            [
                _conv(channels_in, c, 4, stride=2),
                _conv(c, 2 * c, 4, stride=2),
                _conv(2 * c, 4 * c, 4, stride=2),
                _conv(4 * c, 4 * c, 3),
            ]
        )
        self.last = _conv(4 * c, 1, 3)

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for layer in self.layers:
            x_NCHW = F.leaky_relu(layer(x_NCHW), SLOPE)
            features.append(x_NCHW)
        return self.last(x_NCHW), features


class UNetTrunk(nn.Module):
    """Three halvings and three doublings with skips: a logit for every pixel."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        c = channels
        self.first = _conv(channels_in, c, 3)
        self.down = nn.ModuleList(_conv(c * 2**i, c * 2 ** (i + 1), 4, stride=2) for i in range(3))
        self.up = nn.ModuleList(_conv(c * 2 ** (i + 1), c * 2**i, 3) for i in reversed(range(3)))
        self.fuse = nn.ModuleList([_conv(c, c, 3), _conv(c, c, 3)])
        self.last = _conv(c, 1, 3)

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = F.leaky_relu(self.first(x_NCHW), SLOPE)
        features = [x]
        for layer in self.down:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        skips = features[:3]
        for layer, skip in zip(self.up, reversed(skips), strict=True):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(layer(x), SLOPE) + skip
            features.append(x)
        for layer in self.fuse:
            x = F.leaky_relu(layer(x), SLOPE)
        return self.last(x), features


class Bands(nn.Module):
    """Laplacians of Gaussian of R, G and B at two scales: zero on whatever is flat or a ramp.

    Each is divided by the sum of its absolute weights' half, so that a sharp edge gives about 1.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        largest = max(size for size, _ in BANDS)
        kernel = torch.zeros(3 * len(BANDS), 3, largest, largest)
        for band, (size, sigma) in enumerate(BANDS):
            log = torch.from_numpy(log_kernel(size, sigma)).float()
            log = F.pad(log / (log.abs().sum() / 2), [(largest - size) // 2] * 4)
            for colour in range(3):
                kernel[colour * len(BANDS) + band, colour] = log
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """``(N, 3, H, W)`` to ``(N, 6, H, W)`` in about [-1, 1], fp32; edges mirrored.

        All colours in one convolution, though most of its weights are zero: its gradient takes a
        fifth of the time of one colour after the other.
        """
        reach = self.kernel.shape[-1] // 2
        with torch.autocast(x_NCHW.device.type, enabled=False):
            padded = F.pad(x_NCHW.float(), [reach] * 4, mode="reflect")
            return F.conv2d(padded, self.kernel)
