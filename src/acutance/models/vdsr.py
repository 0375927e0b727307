"""VDSR: twenty plain convolutions that add what bicubic misses.

Source: Kim, Lee and Lee, "Accurate image super-resolution using very deep convolutional networks",
CVPR 2016. Bicubic luma goes in at the size of the result; 20 convolutions of 3x3, 64 channels,
ReLU between them, zeros at the edges; the last one's output is added to the input. One set of
weights serves every scale in the paper, since the scale is only in the bicubic.

The last convolution starts at zero here, so that an untrained network is exactly bicubic.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from acutance.models.blocks import he_start
from acutance.models.luma import LumaNetwork

SCALES = (2, 3, 4, 8)


@dataclass(frozen=True, kw_only=True)
class VDSRConfig:
    """Shape of a VDSR."""

    scale: int
    """Upscaling factor: 2, 3, 4 or 8."""
    depth: int = 20
    """Convolutions in all."""
    channels: int = 64
    """Feature channels."""

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale must be one of {SCALES}, not {self.scale}")
        if self.depth < 2 or self.channels < 1:
            raise ValueError("depth must be at least 2 and channels at least 1")

    @property
    def multiple(self) -> int:
        """LR height and width are padded to a multiple of this."""
        return 1

    @property
    def receptive_field(self) -> int:
        """LR pixels on each side: each convolution reaches one HR pixel, bicubic two LR pixels."""
        return -(-self.depth // self.scale) + 2

    @property
    def feature_values(self) -> int:
        """Values of the feature maps alive at once for one LR pixel."""
        return 3 * self.channels * self.scale**2


class VDSR(LumaNetwork):
    """``bicubic(Y) + f(bicubic(Y))``: ``(N, 3, h, w)`` in [0, 1] to ``(N, 3, s*h, s*w)``."""

    def __init__(self, config: VDSRConfig) -> None:
        super().__init__(config.scale)
        self.config = config
        widths = [1, *[config.channels] * (config.depth - 1), 1]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        for conv in self.convs:
            he_start(conv)
        for parameter in self.convs[-1].parameters():
            nn.init.zeros_(parameter)

    def luma_outputs(self, lr_N1HW: Tensor, bicubic_N1HW: Tensor) -> list[Tensor]:
        """The result alone."""
        x = bicubic_N1HW
        for conv in self.convs[:-1]:
            x = torch.relu(conv(x))
        return [bicubic_N1HW + self.convs[-1](x).float()]
