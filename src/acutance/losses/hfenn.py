"""HFENN, the high-frequency error norm of the 2017 system, as a loss.

``HFENN(y_hat, y) = mean over pixels of LoG(y_hat - y)^2 / 1e-4`` on BT.601 studio luma in [0, 1].
The metric HFENI is its inverse; both constants are explained in docs/protocol.md.
"""

import torch
from torch import Tensor, nn

from acutance.image.colour import BT601_STUDIO_WEIGHTS
from acutance.image.filters import log_kernel

HFENN_CONSTANT = 1e-4


class HFENN(nn.Module):
    """``mean LoG(luma(sr - hr))^2 / 1e-4``, computed in fp32.

    The filter runs on the part of the patch where it fits: mirrored edges inside a training patch
    would be errors that no picture has. The 15x15 kernel is a sum of two separable ones plus a
    constant, but at one channel a dense convolution costs less than a residual block.
    """

    luma: Tensor
    kernel: Tensor

    def __init__(self, size: int = 15, sigma: float = 1.5) -> None:
        super().__init__()
        luma = torch.tensor(BT601_STUDIO_WEIGHTS).reshape(1, 3, 1, 1)
        kernel = torch.from_numpy(log_kernel(size, sigma)).float().reshape(1, 1, size, size)
        self.register_buffer("luma", luma, persistent=False)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """Both ``(N, 3, H, W)`` in [0, 1], at least ``size`` pixels on each axis; a scalar."""
        with torch.autocast(sr_NCHW.device.type, enabled=False):
            error = ((sr_NCHW - hr_NCHW).float() * self.luma).sum(dim=1, keepdim=True)
            edges = nn.functional.conv2d(error, self.kernel)
            return edges.square().mean() / HFENN_CONSTANT
