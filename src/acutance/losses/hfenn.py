"""HFENN, the high-frequency error norm of the 2017 system, as a loss.

``HFENN(y_hat, y) = mean over pixels of LoG(y_hat - y)^2 / 1e-4`` on BT.601 studio luma in [0, 1].
The metric HFENI is its inverse; both constants are explained in docs/protocol.md.
"""

import numpy as np
import torch
from torch import Tensor, nn

from acutance.image.colour import BT601_STUDIO_WEIGHTS
from acutance.image.filters import HFENN_CONSTANT, band_matrix, log_factors


class HFENN(nn.Module):
    """``mean LoG(luma(sr - hr))^2 / 1e-4`` of each patch, computed in fp32.

    The filter runs on the part of the patch where it fits: mirrored edges inside a training patch
    would be errors that no picture has. It is applied as two matrix products per separable part,
    with banded matrices: on a CPU twelve times faster than a convolution of one channel.
    """

    luma: Tensor

    def __init__(self, size: int = 15, sigma: float = 1.5) -> None:
        super().__init__()
        luma = torch.tensor(BT601_STUDIO_WEIGHTS).reshape(1, 3, 1, 1)
        self.register_buffer("luma", luma, persistent=False)
        self._columns, self._rows = log_factors(size, sigma)
        self._bands: dict[tuple[int, int, torch.device], tuple[Tensor, Tensor]] = {}

    def forward(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """Both ``(N, 3, H, W)`` in [0, 1], at least ``size`` pixels on each axis; ``(N,)``."""
        with torch.autocast(sr_NCHW.device.type, enabled=False):
            error_NHW = ((sr_NCHW - hr_NCHW).float() * self.luma).sum(dim=1)
            _, height, width = error_NHW.shape
            left, right = self._matrices(height, width, error_NHW.device)
            parts = len(self._rows)
            filtered = (error_NHW @ right).unflatten(2, (parts, -1)).transpose(1, 2)
            edges_NHW: Tensor = left @ filtered.flatten(1, 2)
            assert edges_NHW.shape[2] == width - len(self._rows[0]) + 1
            return edges_NHW.square().mean(dim=(1, 2)) / HFENN_CONSTANT

    def _matrices(self, height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """``(H', parts*H)`` and ``(W, parts*W')``: the filters of each axis, side by side."""
        key = (height, width, device)
        if key not in self._bands:
            left = np.concatenate([band_matrix(taps, height) for taps in self._columns], axis=1)
            right = np.concatenate([band_matrix(taps, width) for taps in self._rows]).T
            self._bands[key] = (
                torch.from_numpy(left).float().to(device),
                torch.from_numpy(np.ascontiguousarray(right)).float().to(device),
            )
        return self._bands[key]
