"""HFENN, the high-frequency error norm of the 2017 system, as a loss.

``HFENN(y_hat, y) = mean over pixels of LoG(y_hat - y)^2 / 1e-4`` on BT.601 studio luma in [0, 1].
The metric HFENI is its inverse; both constants are explained in docs/protocol.md.
"""

import torch
from torch import Tensor, nn

from acutance.image.filters import HFENN_CONSTANT, log_factors
from acutance.losses.correlation import Correlation, correlate_separable
from acutance.losses.luma import Luma


class HFENN(nn.Module):
    """``mean LoG(luma(sr - hr))^2 / 1e-4`` of each patch, computed in fp32.

    The filter runs on the part of the patch where it fits: mirrored edges inside a training patch
    would be errors that no picture has.
    """

    def __init__(self, size: int = 15, sigma: float = 1.5) -> None:
        super().__init__()
        self.luma = Luma()
        columns, rows = log_factors(size, sigma)
        self._parts = [
            (Correlation(column), Correlation(row))
            for column, row in zip(columns, rows, strict=True)
        ]

    def forward(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """Both ``(N, 3, H, W)`` in [0, 1], at least ``size`` pixels on each axis; ``(N,)``."""
        with torch.autocast(sr_NCHW.device.type, enabled=False):
            error_NHW = self.luma(sr_NCHW.float() - hr_NCHW.float())
            edges_NHW = torch.stack(
                [correlate_separable(error_NHW, column, row) for column, row in self._parts]
            ).sum(dim=0)
            return edges_NHW.square().mean(dim=(1, 2)) / HFENN_CONSTANT
