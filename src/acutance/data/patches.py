"""Random training patches from photos that stay in memory, on the CPU or on a GPU.

All photos lie end to end in two flat byte tensors; a batch is one gather in each. Flips and
transposes are made by the gather's indices, at no cost.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from acutance.data.datasets import Pair
from acutance.errors import UserError

CELL = 8  # LR pixels: where patches may be centred is decided on this grid


class PatchSampler:
    """Draws batches of aligned LR and HR patches.

    A patch is placed around a random cell of 8x8 LR pixels. The flattest cells (sky, walls) are
    left out: they teach nothing and would take up to a third of the time.

    Args:
        pairs: photos, each at least one patch large for some patch size used.
        scale: upscaling factor of the pairs.
        device: where the photos live and batches are made.
        drop_flattest: share of cells left out, by the spread of their LR luma.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        scale: int,
        device: torch.device | str = "cpu",
        drop_flattest: float = 0.25,
    ) -> None:
        self.scale = scale
        self.device = torch.device(device)
        self._hr = torch.from_numpy(np.concatenate([p.hr.reshape(-1, 3) for p in pairs]))
        self._lr = torch.from_numpy(np.concatenate([p.lr.reshape(-1, 3) for p in pairs]))
        self._hr, self._lr = self._hr.to(self.device), self._lr.to(self.device)
        heights = [p.lr.shape[0] for p in pairs]
        widths = [p.lr.shape[1] for p in pairs]
        self._heights = torch.tensor(heights, device=self.device)
        self._widths = torch.tensor(widths, device=self.device)
        areas = self._heights * self._widths
        self._offsets = torch.cumsum(areas, 0) - areas
        cells, spread = _cells(pairs)
        keep = spread >= np.quantile(spread, drop_flattest) if len(spread) else spread > 0
        self._all_cells = torch.from_numpy(cells[keep]).to(self.device)
        self._cells: dict[int, Tensor] = {}

    def cells(self, patch: int) -> Tensor:
        """``(n, 3)``: photo, top and left of every cell whose photo holds a patch of this size."""
        if patch not in self._cells:
            photo = self._all_cells[:, 0]
            fits = (self._heights[photo] >= patch) & (self._widths[photo] >= patch)
            cells = self._all_cells[fits]
            if not len(cells):
                raise UserError(
                    f"no photo is large enough for a patch of {patch * self.scale} pixels: "
                    "give larger photos or a smaller patch"
                )
            self._cells[patch] = cells
        return self._cells[patch]

    def batch(self, count: int, patch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """``count`` random patches.

        Args:
            count: patches.
            patch: LR pixels on a side.
            generator: a CPU generator; the same state gives the same batch on any device.

        Returns:
            LR ``(count, 3, patch, patch)`` and HR ``(count, 3, s*patch, s*patch)``, float32 in
            [0, 1], channels last.
        """
        cells = self.cells(patch)
        random = torch.rand((count, 6), generator=generator).to(self.device)
        cell = cells[(random[:, 0] * len(cells)).long().clamp_(max=len(cells) - 1)]
        photo = cell[:, 0]
        height, width = self._heights[photo], self._widths[photo]
        # The cell lies somewhere inside the patch; at a picture's edge the patch is moved inside.
        top = cell[:, 1] + CELL - (random[:, 1] * (patch + CELL)).long()
        left = cell[:, 2] + CELL - (random[:, 2] * (patch + CELL)).long()
        top = torch.minimum(top.clamp_(min=0), height - patch)
        left = torch.minimum(left.clamp_(min=0), width - patch)
        flips = random[:, 3:] < 0.5
        lr = self._gather(self._lr, self._offsets[photo], width, top, left, flips, patch)
        s = self.scale
        hr = self._gather(
            self._hr, self._offsets[photo] * s * s, width * s, top * s, left * s, flips, patch * s
        )
        return lr, hr

    def _gather(
        self,
        pixels: Tensor,
        offset: Tensor,
        width: Tensor,
        top: Tensor,
        left: Tensor,
        flips: Tensor,
        size: int,
    ) -> Tensor:
        """Patches as floats; ``flips`` is ``(n, 3)``: upside down, mirrored, transposed."""
        steps = torch.arange(size, device=self.device)
        forward, backward = steps[None, :], steps.flip(0)[None, :]
        y = top[:, None] + torch.where(flips[:, :1], backward, forward)
        x = left[:, None] + torch.where(flips[:, 1:2], backward, forward)
        row = offset[:, None] + y * width[:, None]
        plain = row[:, :, None] + x[:, None, :]
        index = torch.where(flips[:, 2, None, None], plain.transpose(1, 2), plain)
        patches = pixels[index.reshape(-1)].reshape(len(index), size, size, 3)
        return patches.permute(0, 3, 1, 2).float().mul_(1 / 255)


def _cells(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Photo, top and left of every full cell, and the standard deviation of its LR green."""
    cells, spreads = [], []
    for number, pair in enumerate(pairs):
        rows, columns = pair.lr.shape[0] // CELL, pair.lr.shape[1] // CELL
        green = pair.lr[: rows * CELL, : columns * CELL, 1].astype(np.float32)
        spread = green.reshape(rows, CELL, columns, CELL).std(axis=(1, 3))
        top, left = np.mgrid[:rows, :columns] * CELL
        cells.append(np.stack([np.full(top.size, number), top.ravel(), left.ravel()], axis=1))
        spreads.append(spread.ravel())
    return np.concatenate(cells).astype(np.int64), np.concatenate(spreads)
