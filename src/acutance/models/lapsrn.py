"""LapSRN: a Laplacian pyramid, twice the size a level, each level supervised.

Source: Lai, Huang, Ahuja and Yang, "Deep Laplacian pyramid networks for fast and accurate
super-resolution", CVPR 2017, and the structure stored in its published weights. Luma goes in at
the size of LR. Two branches climb together:

    features   convolution; then a level: ``depth`` convolutions, transposed convolution (3x3, x2)
    image      a level: transposed convolution (4x4, x2) plus a convolution of the new features

3x3 convolutions with 64 channels, leaky ReLU of slope 0.2, zeros at the edges. Training compares
each level's image with the photo reduced to its size, by the Charbonnier loss
(``acutance.losses.pixel``). The image branch starts as bilinear interpolation and the residuals at
zero, so that an untrained network is bilinear.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acutance.models.blocks import he_start
from acutance.models.luma import LumaNetwork

SCALES = (2, 4, 8)
SLOPE = 0.2


@dataclass(frozen=True, kw_only=True)
class LapSRNConfig:
    """Shape of a LapSRN."""

    scale: int
    """Upscaling factor: 2, 4 or 8, a level for each factor of 2."""
    depth: int = 0
    """Convolutions of a level before its upsampling; 0 takes the paper's: 10, and 5 at x8."""
    channels: int = 64
    """Feature channels."""

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale must be one of {SCALES}, not {self.scale}")
        if self.depth < 0 or self.channels < 1:
            raise ValueError("depth must be at least 0 and channels at least 1")
        if self.depth == 0:
            object.__setattr__(self, "depth", 5 if self.scale == 8 else 10)

    @property
    def levels(self) -> int:
        """Doublings."""
        return self.scale.bit_length() - 1

    @property
    def multiple(self) -> int:
        """LR height and width are padded to a multiple of this."""
        return 1

    @property
    def receptive_field(self) -> int:
        """LR pixels on each side, counted from the result down.

        A transposed 3x3 convolution of stride 2 reads the pixel below and one more; the image
        branch reaches no further than the features.
        """
        reach = 1  # the residual's convolution
        for _ in range(self.levels):
            reach = -(-reach // 2) + 1 + self.depth
        return reach + 1

    @property
    def feature_values(self) -> int:
        """Values of the feature maps alive at once for one LR pixel."""
        return 3 * self.channels * self.scale**2


class Level(nn.Module):
    """Features and image, twice as large."""

    def __init__(self, config: LapSRNConfig) -> None:
        super().__init__()
        c = config.channels
        self.convs = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for _ in range(config.depth))
        self.up_features = nn.ConvTranspose2d(c, c, 3, stride=2)
        self.residual = nn.Conv2d(c, 1, 3, padding=1)
        self.up_image = nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1, bias=False)
        for conv in self.convs:
            he_start(conv, slope=SLOPE)
        he_start(self.up_features, slope=SLOPE)
        for parameter in self.residual.parameters():
            nn.init.zeros_(parameter)
        bilinear = torch.tensor([0.25, 0.75, 0.75, 0.25])
        with torch.no_grad():
            self.up_image.weight.copy_(bilinear[:, None] * bilinear[None, :])

    def forward(self, features_NCHW: Tensor, image_N1HW: Tensor) -> tuple[Tensor, Tensor]:
        for conv in self.convs:
            features_NCHW = _leaky(conv(features_NCHW))
        # 2n + 1 rows and columns: the last ones are cut, as in the published networks.
        features_NCHW = _leaky(self.up_features(features_NCHW)[:, :, :-1, :-1])
        residual = self.residual(features_NCHW).float()
        with torch.autocast(image_N1HW.device.type, enabled=False):
            image_N1HW = self.up_image(image_N1HW) + residual
        return features_NCHW, image_N1HW


class LapSRN(LumaNetwork):
    """``(N, 3, h, w)`` in [0, 1] to ``(N, 3, s*h, s*w)``; ``forward_all`` gives every level."""

    def __init__(self, config: LapSRNConfig) -> None:
        super().__init__(config.scale, [2**level for level in range(1, config.levels)])
        self.config = config
        self.head = nn.Conv2d(1, config.channels, 3, padding=1)
        he_start(self.head, slope=SLOPE)
        self.levels = nn.ModuleList(Level(config) for _ in range(config.levels))

    def luma_outputs(self, lr_N1HW: Tensor, bicubic_N1HW: Tensor) -> list[Tensor]:
        """The images of the levels, the largest first."""
        features, image = _leaky(self.head(lr_N1HW)), lr_N1HW
        images = []
        for level in self.levels:
            features, image = level(features, image)
            images.append(image)
        return images[::-1]


def _leaky(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, SLOPE)
