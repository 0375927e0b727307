"""Random training patches from photos that stay in memory, on the CPU or on a GPU.

All photos lie end to end in one flat byte tensor; a batch is one gather from it. Flips and
transposes are made by the gather's indices, at no cost. The LR patches are made from the gathered
HR by the package's own bicubic, as two small matrix products, so that a patch may start at any HR
pixel: ``scale * scale`` different LR pictures of every photo instead of one.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from acutance.data.datasets import Pair
from acutance.errors import UserError
from acutance.image.resize import bicubic_matrix

CELL = 8  # LR pixels: where patches may be centred is decided on this grid
MARGIN = 2  # LR pixels: as far as the antialiased bicubic reaches past a patch
BLOCK = 16  # LR columns that are reduced at a time on a CPU


NUMBERS = 8
"""Random numbers that a patch takes: a cell, a place around it, three flips, and whether and how
its colours are interchanged."""

ORDERS = torch.tensor([[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
"""The orders of red, green and blue, but for the photo's own."""


def uniform(count: int, numbers: int, generator: torch.Generator) -> Tensor:
    """``(count, numbers)`` float64 in [0, 1), on the CPU."""
    return torch.rand((count, numbers), generator=generator, dtype=torch.float64)


class Pictures:
    """8-bit pictures of any sizes end to end in one flat tensor on a device.

    Args:
        pictures: ``(H, W, 3)`` each.
        device: where they live.
    """

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], device: torch.device) -> None:
        flat = torch.from_numpy(np.concatenate([picture.reshape(-1, 3) for picture in pictures]))
        self._pixels = flat.to(device)
        self.heights = torch.tensor([picture.shape[0] for picture in pictures], device=device)
        self.widths = torch.tensor([picture.shape[1] for picture in pictures], device=device)
        areas = self.heights * self.widths
        self._offsets = torch.cumsum(areas, 0) - areas

    def patches(
        self,
        number: Tensor,
        top: Tensor,
        left: Tensor,
        flips: Tensor,
        size: int,
        *,
        margin: int = 0,
    ) -> Tensor:
        """Squares of pictures, turned, with a margin that is mirrored at a picture's edges.

        Args:
            number: ``(n,)``, which pictures.
            top: ``(n,)``, first row of each square, without the margin.
            left: ``(n,)``, first column.
            flips: ``(n, 3)``: upside down, mirrored, transposed.
            size: pixels on a side, without the margin.
            margin: pixels around.

        Returns:
            ``(n, 3, size + 2*margin, size + 2*margin)`` float32 in [0, 1].
        """
        steps = torch.arange(-margin, size + margin, device=number.device)
        forward, backward = steps[None, :], steps.flip(0)[None, :]
        height, width = self.heights[number, None], self.widths[number, None]
        y = _mirror(top[:, None] + torch.where(flips[:, :1], backward, forward), height)
        x = _mirror(left[:, None] + torch.where(flips[:, 1:2], backward, forward), width)
        row = self._offsets[number, None] + y * width
        transposed = flips[:, 2:]
        down, across = torch.where(transposed, x, row), torch.where(transposed, row, x)
        index = down[:, :, None] + across[:, None, :]
        gathered = self._pixels.index_select(0, index.flatten()).reshape(*index.shape, 3)
        planes = gathered.new_empty(len(index), 3, *index.shape[1:], dtype=torch.float32)
        return planes.copy_(gathered.permute(0, 3, 1, 2)).mul_(1 / 255)


class PatchSampler:
    """Draws batches of LR and HR patches.

    A patch is placed around a random cell of 8x8 LR pixels, at any HR pixel. The flattest cells
    (sky, walls) are left out: they teach nothing and would take up to a third of the time.

    Args:
        pairs: photos, each at least one patch large for some patch size used.
        scale: upscaling factor of the pairs.
        device: where the photos live and batches are made.
        drop_flattest: share of cells left out, by the spread of their LR luma.
        recoloured: share of the patches whose red, green and blue are interchanged.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        scale: int,
        device: torch.device | str = "cpu",
        drop_flattest: float = 0.25,
        recoloured: float = 0.0,
    ) -> None:
        self.scale = scale
        self._recoloured = recoloured
        self.device = torch.device(device)
        self._hr = Pictures([p.hr for p in pairs], self.device)
        self._all_cells = cells_of(pairs, drop_flattest).to(self.device)
        self._cells: dict[int, Tensor] = {}
        self._reductions: dict[int, Tensor] = {}

    def cells(self, patch: int) -> Tensor:
        """``(n, 3)``: photo, top and left of every cell whose photo holds a patch of this size."""
        if patch not in self._cells:
            photo, size = self._all_cells[:, 0], patch * self.scale
            fits = (self._hr.heights[photo] >= size) & (self._hr.widths[photo] >= size)
            cells = self._all_cells[fits]
            if not len(cells):
                raise UserError(
                    f"no photo is large enough for a patch of {size} pixels: "
                    "give larger photos or a smaller patch"
                )
            self._cells[patch] = cells
        return self._cells[patch]

    def batch(
        self,
        count: int,
        patch: int,
        generator: torch.Generator,
        share: Callable[[Tensor], Tensor] = lambda rows: rows,
    ) -> tuple[Tensor, Tensor]:
        """``count`` random patches.

        Args:
            count: patches.
            patch: LR pixels on a side.
            generator: a CPU generator; the same state gives the same batch on any device.
            share: takes the rows, of ``count``, that this process makes.

        Returns:
            LR ``(count, 3, patch, patch)``, rounded to 8 bits, channels last, and HR
            ``(count, 3, s*patch, s*patch)``, in planes, as the network gives its result; float32 in
            [0, 1].
        """
        return self.patches(share(uniform(count, NUMBERS, generator)), patch)

    def patches(self, random: Tensor, patch: int) -> tuple[Tensor, Tensor]:
        """The patches that random numbers stand for.

        Args:
            random: ``(n, NUMBERS)`` float64 in [0, 1), on the CPU.
            patch: LR pixels on a side.

        Returns:
            as ``batch``.
        """
        cells, s = self.cells(patch), self.scale
        # The cell lies somewhere inside the patch; at a picture's edge the patch is moved inside.
        spans = torch.tensor([len(cells), (patch + CELL) * s, (patch + CELL) * s])
        # Drawn on the CPU, as whole numbers: not every device has float64.
        number, up, to_left = (random[:, :3] * spans).long().to(self.device).unbind(dim=1)
        flips = (random[:, 3:6] < 0.5).to(self.device)
        cell = cells[number]
        photo = cell[:, 0]
        height, width = self._hr.heights[photo], self._hr.widths[photo]
        top = (cell[:, 1] + CELL) * s - up
        left = (cell[:, 2] + CELL) * s - to_left
        top = torch.minimum(top.clamp_(min=0), height - patch * s)
        left = torch.minimum(left.clamp_(min=0), width - patch * s)
        margin = MARGIN * s
        wide = self._hr.patches(photo, top, left, flips, patch * s, margin=margin)
        wide = self._recolour(wide, random[:, 6:])
        hr = wide[:, :, margin:-margin, margin:-margin]
        return self._reduce(wide, patch), hr.contiguous()

    def _recolour(self, rgb_NCHW: Tensor, random: Tensor) -> Tensor:
        """Red, green and blue interchanged where the first of two numbers is small enough."""
        if not self._recoloured:
            return rgb_NCHW
        orders = ORDERS[(random[:, 1] * len(ORDERS)).long()]
        orders[random[:, 0] >= self._recoloured] = torch.arange(3)
        rows = torch.arange(len(orders))[:, None]
        return rgb_NCHW[rows.to(self.device), orders.to(self.device)]

    def _reduce(self, wide_NCHW: Tensor, patch: int) -> Tensor:
        """The antialiased bicubic of a patch with its margin, rounded to 8 bits."""
        if patch not in self._reductions:
            padded = patch + 2 * MARGIN
            rows = bicubic_matrix(padded * self.scale, padded)[MARGIN:-MARGIN]
            self._reductions[patch] = torch.from_numpy(rows).float().to(self.device)
        matrix = self._reductions[patch]
        lr = matrix @ self._reduce_across(wide_NCHW, matrix)
        lr = lr.mul_(255).round_().clamp_(0, 255).mul_(1 / 255)
        return lr.contiguous(memory_format=torch.channels_last)

    def _reduce_across(self, x_NCHW: Tensor, matrix: Tensor) -> Tensor:
        """``x @ matrix.T``; on a CPU in blocks of columns, without most of the matrix's zeros."""
        block = BLOCK if x_NCHW.device.type == "cpu" else len(matrix)
        rows = x_NCHW.view(-1, x_NCHW.shape[-1])
        reduced = rows.new_empty(len(rows), len(matrix))
        for start in range(0, len(matrix), block):
            end = min(start + block, len(matrix))
            taken = slice(start * self.scale, (end + 2 * MARGIN) * self.scale)
            torch.mm(rows[:, taken], matrix[start:end, taken].T, out=reduced[:, start:end])
        return reduced.view(*x_NCHW.shape[:-1], -1)


def _mirror(index: Tensor, size: Tensor) -> Tensor:
    """Indices outside a photo, by less than its size, mirrored with the edge pixel repeated."""
    index = torch.where(index < 0, -1 - index, index)
    return torch.where(index >= size, 2 * size - 1 - index, index)


def cells_of(pairs: Sequence[Pair], drop_flattest: float) -> Tensor:
    """``(n, 3)``: photo, top and left of every full cell that is not among the flattest.

    Flatness is the standard deviation of the cell's LR green.
    """
    cells, spreads = [], []
    for number, pair in enumerate(pairs):
        rows, columns = pair.lr.shape[0] // CELL, pair.lr.shape[1] // CELL
        green = pair.lr[: rows * CELL, : columns * CELL, 1].astype(np.float32)
        spread = green.reshape(rows, CELL, columns, CELL).std(axis=(1, 3))
        top, left = np.mgrid[:rows, :columns] * CELL
        cells.append(np.stack([np.full(top.size, number), top.ravel(), left.ravel()], axis=1))
        spreads.append(spread.ravel())
    all_cells, spread = np.concatenate(cells).astype(np.int64), np.concatenate(spreads)
    keep = spread >= np.quantile(spread, drop_flattest) if len(spread) else spread > 0
    return torch.from_numpy(all_cells[keep])
