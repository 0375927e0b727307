"""Filtering inside a loss by products with small banded matrices.

A convolution of a single channel is slow on a CPU, and one product with a matrix for the whole axis
multiplies mostly zeros. In blocks, several filters at once, it is products of matrices that stay in
the cache.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from acutance.image.filters import band_matrix

BLOCK = 16  # outputs a product on a CPU; on a GPU one product for the axis is quicker


class Separable:
    """The correlation with ``sum over k of outer(columns[k], rows[k])``, where it fits, in fp32.

    ``transposed`` is its adjoint, which derivatives need. The taps must be symmetric, as those of
    Gaussian, Laplacian of Gaussian and box are: so the adjoint is the same correlation of the
    input with zeros around.

    Args:
        columns: taps down the image, one each of ``(K, taps)``.
        rows: taps across.
    """

    def __init__(self, columns: NDArray[np.float64], rows: NDArray[np.float64]) -> None:
        if not all(np.allclose(taps, taps[:, ::-1]) for taps in (columns, rows)):
            raise ValueError("the taps must be symmetric")
        self._columns, self._rows = columns, rows
        self.reach = columns.shape[1] - 1
        self._bands: dict[tuple[int, torch.device], tuple[Tensor, Tensor]] = {}
        self._buffers: dict[tuple[object, ...], Tensor] = {}

    def __call__(self, x_NHW: Tensor) -> Tensor:
        """``(N, H, W)`` to ``(N, H - reach, W - reach)``; raises ValueError where nothing fits."""
        size = min(x_NHW.shape[1:])
        if size <= self.reach:
            raise ValueError(f"the filter needs at least {self.reach + 1} pixels, not {size}")
        return self._down(self._across(x_NHW))

    def transposed(self, y_NHW: Tensor) -> Tensor:
        """``(N, H, W)`` to ``(N, H + reach, W + reach)``."""
        wide, inside = self.room(y_NHW, *y_NHW.shape)
        inside.copy_(y_NHW)
        return self(wide)

    def room(self, like: Tensor, count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Zeros, and the part of them for ``(count, height, width)`` values: correlated, the whole
        gives what ``transposed`` gives of the part. The next call may give the same memory."""
        r = self.reach
        wide = self._buffer("room", like, count, height + 2 * r, width + 2 * r)
        return wide, wide[:, r:-r, r:-r]

    def _buffer(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Zeros, then what was left in it: new memory for every patch would cost more than the
        arithmetic on it."""
        key = (name, shape, like.device, torch.is_inference_mode_enabled())
        if key not in self._buffers:
            self._buffers[key] = like.new_zeros(shape)
        return self._buffers[key]

    def _across(self, x_NHW: Tensor) -> Tensor:
        """All rows' taps: ``(N, H, K, W - reach)``."""
        x_NHW = x_NHW.contiguous()
        count, height, width = x_NHW.shape
        kinds, out_width = len(self._rows), width - self.reach
        out_NHKW = self._buffer("across", x_NHW, count, height, kinds, out_width)
        block = self._block(out_width, x_NHW.device)
        blocks = out_width // block
        done = blocks * block
        _, band = self._band(block, x_NHW.device)
        # Every block's inputs, which overlap, as one batch of matrices without copying them.
        shape, steps = (blocks, count * height, block + self.reach), (block, width, 1)
        inputs = x_NHW.as_strided(shape, steps, x_NHW.storage_offset())
        found = torch.bmm(inputs, band.expand(blocks, -1, -1))
        found = found.view(blocks, count, height, kinds, block).permute(1, 2, 3, 0, 4)
        out_NHKW[..., :done].unflatten(-1, (blocks, block)).copy_(found)
        if rest := out_width - done:
            _, band = self._band(rest, x_NHW.device)
            out_NHKW[..., done:] = (x_NHW[:, :, done:] @ band).unflatten(-1, (kinds, rest))
        return out_NHKW

    def _down(self, x_NHKW: Tensor) -> Tensor:
        """All columns' taps, each on its own kind, added: ``(N, H - reach, W)``."""
        count, height, kinds, width = x_NHKW.shape
        out_height = height - self.reach
        out_NHW = x_NHKW.new_empty(count, out_height, width)
        block = self._block(out_height, x_NHKW.device)
        blocks = out_height // block
        done = blocks * block
        band, _ = self._band(block, x_NHKW.device)
        taken = (block + self.reach) * kinds
        x_NRW = x_NHKW.flatten(1, 2)
        if count <= blocks:
            for x_RW, out_HW in zip(x_NRW, out_NHW, strict=True):
                shape, steps = (blocks, taken, width), (block * kinds * width, width, 1)
                inputs = x_RW.as_strided(shape, steps, x_RW.storage_offset())
                out = out_HW[:done].view(blocks, block, width)
                torch.bmm(band.expand(blocks, -1, -1), inputs, out=out)
        else:
            for start in range(0, done, block):
                inputs = x_NRW[:, start * kinds : start * kinds + taken]
                out = out_NHW[:, start : start + block]
                torch.bmm(band.expand(count, -1, -1), inputs, out=out)
        if done < out_height:
            band, _ = self._band(out_height - done, x_NHKW.device)
            torch.matmul(band, x_NRW[:, done * kinds :], out=out_NHW[:, done:])
        return out_NHW

    def _block(self, size: int, device: torch.device) -> int:
        return min(BLOCK, size) if device.type == "cpu" else size

    def _band(self, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Matrices for ``size`` outputs: down ``(size, (size + reach) * K)``, where the kinds of a
        row lie together, and across ``(size + reach, K * size)``."""
        key = (size, device)
        if key not in self._bands:
            down = np.stack([band_matrix(t, size + self.reach) for t in self._columns], axis=2)
            across = np.concatenate([band_matrix(t, size + self.reach) for t in self._rows]).T
            self._bands[key] = (
                torch.from_numpy(down.reshape(size, -1)).float().to(device),
                torch.from_numpy(np.ascontiguousarray(across)).float().to(device),
            )
        return self._bands[key]
