"""HFENN, the high-frequency error norm of the 2017 system, as a loss.

``HFENN(y_hat, y) = mean over pixels of LoG(y_hat - y)^2 / 1e-4`` on BT.601 studio luma in [0, 1].
The metric HFENI is its inverse; both constants are explained in docs/protocol.md.
"""

import torch
from torch import Tensor, nn

from acutance.image.filters import HFENN_CONSTANT, log_factors
from acutance.losses.correlation import Separable
from acutance.losses.derivative import differentiated
from acutance.losses.luma import Luma


class HFENN(nn.Module):
    """``mean LoG(luma(sr - hr))^2 / 1e-4`` of each patch, computed in fp32.

    The filter runs on the part of the patch where it fits: mirrored edges inside a training patch
    would be errors that no picture has. The third factor of the kernel, the mean that MATLAB
    subtracts, is left out: it is a sum of 9e-6 over the window, below what fp32 resolves beside the
    other two, and would take a third of the time.
    """

    def __init__(self, size: int = 15, sigma: float = 1.5) -> None:
        super().__init__()
        self.luma = Luma()
        columns, rows = log_factors(size, sigma)
        self._log = Separable(columns[:2], rows[:2])

    def forward(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """Both ``(N, 3, H, W)`` in [0, 1], at least ``size`` pixels on each axis; ``(N,)``."""

        def function(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
            value, gradient = self.of_luma(self.luma(sr - hr))
            return value, self.luma.transposed(gradient)

        return differentiated(function, sr_NCHW, hr_NCHW)

    def of_luma(self, error_NHW: Tensor) -> tuple[Tensor, Tensor]:
        """The luma error's HFENN ``(N,)``, and its derivative by that error ``(N, H, W)``.

        ``d/de mean (L e)^2 / c = 2 L^T L e / (n c)``.
        """
        edges = self._log(error_NHW)
        count = edges[0].numel() * HFENN_CONSTANT
        wide, inside = self._log.room(edges, *edges.shape)
        torch.mul(edges, 2 / count, out=inside)
        return edges.square_().sum(dim=(1, 2)) / count, self._log.spread(wide)
