"""Luma inside a loss: BT.601 studio range, as the field measures it."""

import torch
from torch import Tensor, nn

from acutance.image.colour import BT601_STUDIO_WEIGHTS


class Luma(nn.Module):
    """The weighted sum of R, G and B in fp32, without the offset, which cancels in a difference."""

    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(BT601_STUDIO_WEIGHTS), persistent=False)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [0, 1] to ``(N, H, W)`` in [0, 219/255], whatever autocast says."""
        with torch.autocast(x_NCHW.device.type, enabled=False):
            return (self.weights @ x_NCHW.float().flatten(2)).reshape(x_NCHW[:, 0].shape)

    def transposed(self, gradient_NHW: Tensor) -> Tensor:
        """A derivative by luma, ``(N, H, W)``, to one by R, G and B, ``(N, 3, H, W)``."""
        return gradient_NHW[:, None] * self.weights[:, None, None]
