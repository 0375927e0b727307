"""Filtering of one axis inside a loss, forward and backward, as products with small matrices.

A convolution of a single channel is slow on a CPU, and one product with a matrix for the whole axis
multiplies mostly zeros. In blocks, the filters of HFENN and SSIM take a third of the time.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from acutance.image.filters import band_matrix

BLOCK = 32  # outputs a product on a CPU; on a GPU one product for the axis is quicker


class Correlation:
    """Correlates the last axis of fp32 tensors with ``taps``, where they fit.

    ``y[..., i] = sum over k of taps[k] * x[..., i + k]``; the last axis shrinks by ``taps - 1``.
    """

    def __init__(self, taps: NDArray[np.float64]) -> None:
        self.taps = taps
        self._bands: dict[tuple[int, torch.device], Tensor] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """Raises ValueError where the taps fit nowhere."""
        reach = len(self.taps) - 1
        whole = x.shape[-1] + reach  # the backward pass has that many inputs
        key = (reach + BLOCK if x.device.type == "cpu" else whole + reach, x.device)
        if x.shape[-1] <= reach:
            raise ValueError(f"the filter needs at least {reach + 1} pixels, not {x.shape[-1]}")
        if key not in self._bands:
            self._bands[key] = torch.from_numpy(band_matrix(self.taps, key[0])).float().to(x.device)
        result: Tensor = _Correlate.apply(x, self._bands[key])
        return result


class _Correlate(torch.autograd.Function):
    """The derivative of a correlation is the correlation of the padded gradient, taps reversed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, band: Tensor) -> Tensor:
        ctx.band = band
        return _in_blocks(x, band)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        block, taken = ctx.band.shape
        reach = taken - block
        padded = torch.nn.functional.pad(gradient, (reach, reach))
        return _in_blocks(padded, ctx.band.flip(0, 1)), None


def _in_blocks(x: Tensor, band: Tensor) -> Tensor:
    block, reach = band.shape[0], band.shape[1] - band.shape[0]
    size = x.shape[-1] - reach
    out = x.new_empty((*x.shape[:-1], size))
    for start in range(0, size, block):
        count = min(block, size - start)
        part = x[..., start : start + count + reach]
        out[..., start : start + count] = part @ band[:count, : count + reach].T
    return out


def correlate_separable(x_NHW: Tensor, column: Correlation, row: Correlation) -> Tensor:
    """``row`` across, then ``column`` down: ``(..., H, W)`` to ``(..., H', W')``."""
    return column(row(x_NHW).transpose(-1, -2)).transpose(-1, -2)
