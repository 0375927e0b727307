"""DRCN: one convolution applied sixteen times, every time supervised.

Source: Kim, Lee and Lee, "Deeply-recursive convolutional network for image super-resolution",
CVPR 2016. Bicubic luma ``x`` goes in at the size of the result:

    H_0   = embedding of x, two convolutions with ReLU
    H_d   = ReLU(W * H_{d-1} + b),  d = 1..16, the same W and b each time
    y_d   = x + reconstruction of H_d, two convolutions, the same for every d
    y     = sum over d of w_d y_d,  w learned

3x3 convolutions with 256 channels throughout, zeros at the edges. Training supervises y and every
y_d. As in the paper the recursion starts as the identity; the last convolution starts at zero and
w_d at 1/16, so that an untrained network is exactly bicubic.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acutance.models.blocks import he_start
from acutance.models.luma import LumaNetwork

SCALES = (2, 3, 4, 8)


@dataclass(frozen=True, kw_only=True)
class DRCNConfig:
    """Shape of a DRCN."""

    scale: int
    """Upscaling factor: 2, 3, 4 or 8."""
    recursions: int = 16
    """How often the recursive convolution is applied."""
    channels: int = 256
    """Feature channels."""

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale must be one of {SCALES}, not {self.scale}")
        if self.recursions < 1 or self.channels < 1:
            raise ValueError("recursions and channels must be at least 1")

    @property
    def multiple(self) -> int:
        """LR height and width are padded to a multiple of this."""
        return 1

    @property
    def receptive_field(self) -> int:
        """LR pixels on each side: each convolution reaches one HR pixel, bicubic two LR pixels."""
        return -(-(self.recursions + 4) // self.scale) + 2

    @property
    def feature_values(self) -> int:
        """Values of the feature maps alive at once for one LR pixel."""
        return 4 * self.channels * self.scale**2


class DRCN(LumaNetwork):
    """``(N, 3, h, w)`` in [0, 1] to ``(N, 3, s*h, s*w)``; ``forward_all`` gives every y_d too."""

    def __init__(self, config: DRCNConfig) -> None:
        super().__init__(config.scale)
        self.config = config
        c = config.channels
        self.embedding = nn.ModuleList(
            [nn.Conv2d(1, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)]
        )
        self.recursion = nn.Conv2d(c, c, 3, padding=1)
        self.reconstruction = nn.ModuleList(
            [nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, 1, 3, padding=1)]
        )
        self.ensemble = nn.Parameter(torch.full((config.recursions,), 1 / config.recursions))
        for conv in (*self.embedding, self.recursion, *self.reconstruction):
            he_start(conv)
        nn.init.dirac_(self.recursion.weight)
        for parameter in self.reconstruction[1].parameters():
            nn.init.zeros_(parameter)

    def luma_outputs(self, lr_N1HW: Tensor, bicubic_N1HW: Tensor) -> list[Tensor]:
        """``y``, then ``y_1`` to ``y_16``."""
        hidden = bicubic_N1HW
        for conv in self.embedding:
            hidden = torch.relu(conv(hidden))
        y = torch.zeros_like(bicubic_N1HW)
        each = []
        for d in range(self.config.recursions):
            hidden = torch.relu(self.recursion(hidden))
            residual = self.reconstruction[1](torch.relu(self.reconstruction[0](hidden)))
            y_d = bicubic_N1HW + residual.float()
            y = y + self.ensemble[d] * y_d
            each.append(y_d)
        return [y, *each]
