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
    input with zeros around, and between its values.

    Args:
        columns: taps down the image, one each of ``(K, taps)``.
        rows: taps across.
        step: computes every ``step``-th value on each axis, from the first one.
    """

    def __init__(
        self, columns: NDArray[np.float64], rows: NDArray[np.float64], step: int = 1
    ) -> None:
        if not all(np.allclose(taps, taps[:, ::-1]) for taps in (columns, rows)):
            raise ValueError("the taps must be symmetric")
        self.reach, self.step = columns.shape[1] - 1, step
        if self.reach % step or BLOCK % step:
            raise ValueError(f"a step of {step} does not divide {self.reach} and {BLOCK}")
        self._buffers = _Buffers()
        self._correlate = _Bands(columns, rows, self._buffers, fewer=step)
        self._spread = _Bands(columns, rows, self._buffers, more=step)

    def __call__(self, x_NHW: Tensor) -> Tensor:
        """``(N, H, W)`` to ``(N, h, w)``, ``h = (H - reach - 1) // step + 1``; raises ValueError
        where nothing fits."""
        size = min(x_NHW.shape[1:])
        if size <= self.reach:
            raise ValueError(f"the filter needs at least {self.reach + 1} pixels, not {size}")
        return self._correlate(x_NHW)

    def transposed(self, y_NHW: Tensor) -> Tensor:
        """``(N, h, w)`` to ``(N, step * h + reach, step * w + reach)``, of which the last
        ``step - 1`` rows and columns are zero."""
        wide, inside = self.room(y_NHW, *y_NHW.shape)
        inside.copy_(y_NHW)
        return self.spread(wide)

    def room(self, like: Tensor, count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Zeros, and the part of them for ``(count, height, width)`` values: ``spread`` of the
        whole is ``transposed`` of the part. The next call may give the same memory."""
        r = self.reach // self.step
        wide = self._buffers("room", like, count, height + 2 * r, width + 2 * r)
        return wide, wide[:, r:-r, r:-r]

    def spread(self, wide_NHW: Tensor) -> Tensor:
        """The adjoint, of values with ``reach / step`` zeros around."""
        return self._spread(wide_NHW)


class _Buffers:
    """Memory by name and shape: new memory for every patch would cost more than the arithmetic."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], Tensor] = {}

    def __call__(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Zeros, then what was left in it."""
        key = (name, shape, like.device, torch.is_inference_mode_enabled())
        if key not in self._kept:
            self._kept[key] = like.new_zeros(shape)
        return self._kept[key]


class _Bands:
    """A correlation that keeps every ``fewer``-th output, or whose inputs have ``more - 1`` zeros
    between them, block by block of outputs."""

    def __init__(
        self,
        columns: NDArray[np.float64],
        rows: NDArray[np.float64],
        buffers: _Buffers,
        *,
        fewer: int = 1,
        more: int = 1,
    ) -> None:
        self._columns, self._rows, self._buffers = columns, rows, buffers
        self._fewer, self._more = fewer, more
        self._reach: int = columns.shape[1] - 1
        self._bands: dict[tuple[int, torch.device], tuple[Tensor, Tensor]] = {}

    def __call__(self, x_NHW: Tensor) -> Tensor:
        return self._down(self._across(x_NHW))

    def _across(self, x_NHW: Tensor) -> Tensor:
        """All rows' taps: ``(N, H, K, w)``."""
        x_NHW = x_NHW.contiguous()
        count, height, width = x_NHW.shape
        kinds, out_width = len(self._rows), self._outputs(width)
        out_NHKW = self._buffers("across", x_NHW, count, height, kinds, out_width)
        block = self._block(out_width, x_NHW.device)
        blocks = out_width // block
        done = blocks * block
        _, band = self._band(block, x_NHW.device)
        # Every block's inputs, which overlap, as one batch of matrices without copying them.
        shape, steps = (blocks, count * height, len(band)), (self._input(block), width, 1)
        inputs = x_NHW.as_strided(shape, steps, x_NHW.storage_offset())
        found = torch.bmm(inputs, band.expand(blocks, -1, -1))
        found = found.view(blocks, count, height, kinds, block).permute(1, 2, 3, 0, 4)
        out_NHKW[..., :done].unflatten(-1, (blocks, block)).copy_(found)
        if rest := out_width - done:
            _, band = self._band(rest, x_NHW.device)
            inputs = x_NHW[:, :, self._input(done) :][:, :, : len(band)]
            out_NHKW[..., done:] = (inputs @ band).unflatten(-1, (kinds, rest))
        return out_NHKW

    def _down(self, x_NHKW: Tensor) -> Tensor:
        """All columns' taps, each on its own kind, added: ``(N, h, W)``."""
        count, height, kinds, width = x_NHKW.shape
        out_height = self._outputs(height)
        out_NHW = x_NHKW.new_empty(count, out_height, width)
        block = self._block(out_height, x_NHKW.device)
        blocks = out_height // block
        done = blocks * block
        band, _ = self._band(block, x_NHKW.device)
        advance, taken = self._input(block) * kinds, band.shape[1]
        x_NRW = x_NHKW.flatten(1, 2)
        if count <= blocks:
            for x_RW, out_HW in zip(x_NRW, out_NHW, strict=True):
                shape, steps = (blocks, taken, width), (advance * width, width, 1)
                inputs = x_RW.as_strided(shape, steps, x_RW.storage_offset())
                out = out_HW[:done].view(blocks, block, width)
                torch.bmm(band.expand(blocks, -1, -1), inputs, out=out)
        else:
            for index in range(blocks):
                inputs = x_NRW[:, index * advance : index * advance + taken]
                found = torch.bmm(band.expand(count, -1, -1), inputs)
                out_NHW[:, index * block : (index + 1) * block] = found
        if done < out_height:
            band, _ = self._band(out_height - done, x_NHKW.device)
            inputs = x_NRW[:, blocks * advance :][:, : band.shape[1]]
            torch.matmul(band, inputs, out=out_NHW[:, done:])
        return out_NHW

    def _outputs(self, inputs: int) -> int:
        """How many an axis has."""
        return (self._more * inputs - self._reach - 1) // self._fewer + 1

    def _input(self, output: int) -> int:
        """The first input that an output reads, where a block begins."""
        return output * self._fewer // self._more

    def _block(self, size: int, device: torch.device) -> int:
        return min(BLOCK, size) if device.type == "cpu" else size

    def _band(self, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Matrices for ``size`` outputs: down ``(size, inputs * K)``, where the kinds of a row lie
        together, and across ``(inputs, K * size)``."""
        key = (size, device)
        if key not in self._bands:
            down = np.stack([self._matrix(taps, size) for taps in self._columns], axis=2)
            across = np.concatenate([self._matrix(taps, size) for taps in self._rows]).T
            self._bands[key] = (
                torch.from_numpy(down.reshape(size, -1)).float().to(device),
                torch.from_numpy(np.ascontiguousarray(across)).float().to(device),
            )
        return self._bands[key]

    def _matrix(self, taps: NDArray[np.float64], size: int) -> NDArray[np.float64]:
        """``(size, inputs)``: a band, without what is left out or multiplies zeros."""
        first_to_last = (size - 1) * self._fewer + 1
        band = band_matrix(taps, first_to_last + self._reach)
        return band[:: self._fewer, :: self._more]
