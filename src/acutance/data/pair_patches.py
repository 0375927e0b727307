"""Random training patches of a person's own LR/HR pairs, on the CPU or on a GPU."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from acutance.data.datasets import Pair
from acutance.data.patches import CELL, NUMBERS, Pictures, cells_of, uniform
from acutance.errors import UserError


class PairSampler:
    """Draws batches of LR and HR patches as ``PatchSampler`` does, but the LR is the pair's own.

    So a patch starts at a whole LR pixel.

    Args:
        pairs: each at least one patch large for some patch size used.
        scale: upscaling factor of the pairs.
        device: where the pictures live and batches are made.
        drop_flattest: share of cells left out, by the spread of their LR.
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
        self._lr = Pictures([pair.lr for pair in pairs], self.device)
        self._hr = Pictures([pair.hr for pair in pairs], self.device)
        self._strengths = torch.tensor([pair.strength or 0.0 for pair in pairs])
        self._all_cells = cells_of(pairs, drop_flattest).to(self.device)
        self._cells: dict[int, Tensor] = {}

    def cells(self, patch: int) -> Tensor:
        """``(n, 3)``: pair, top and left of every cell whose pair holds a patch of this size."""
        if patch not in self._cells:
            pair = self._all_cells[:, 0]
            fits = (self._lr.heights[pair] >= patch) & (self._lr.widths[pair] >= patch)
            if not fits.any():
                raise UserError(
                    f"no pair is large enough for a patch of {patch} LR pixels: "
                    "give larger pictures or a smaller patch"
                )
            self._cells[patch] = self._all_cells[fits]
        return self._cells[patch]

    def batch(
        self,
        count: int,
        patch: int,
        generator: torch.Generator,
        share: Callable[[Tensor], Tensor] = lambda rows: rows,
    ) -> tuple[Tensor, Tensor]:
        """``count`` random patches; arguments and result as ``PatchSampler.batch``."""
        lr, hr, _ = self.patches(share(uniform(count, NUMBERS, generator)), patch)
        return lr, hr

    def patches(self, random: Tensor, patch: int) -> tuple[Tensor, Tensor, Tensor]:
        """The patches that random numbers stand for.

        Args:
            random: ``(n, NUMBERS)`` float64 in [0, 1), on the CPU.
            patch: LR pixels on a side.

        Returns:
            LR ``(n, 3, patch, patch)``, channels last, and HR ``(n, 3, s*patch, s*patch)``, in
            planes, float32 in [0, 1], and the pairs' strengths ``(n,)`` on the CPU.
        """
        cells = self.cells(patch)
        spans = torch.tensor([len(cells), patch + CELL, patch + CELL])
        chosen, up, to_left = (random[:, :3] * spans).long().to(self.device).unbind(dim=1)
        flips = (random[:, 3:6] < 0.5).to(self.device)
        number, y, x = cells[chosen].unbind(dim=1)
        top = (y + CELL - up).clamp_(min=0).minimum(self._lr.heights[number] - patch)
        left = (x + CELL - to_left).clamp_(min=0).minimum(self._lr.widths[number] - patch)
        s = self.scale
        lr = self._lr.patches(number, top, left, flips, patch)
        hr = self._hr.patches(number, top * s, left * s, flips, patch * s)
        lr = lr.contiguous(memory_format=torch.channels_last)
        return lr, hr, self._strengths[number.cpu()]
