"""The composite content loss ``content + alpha * HFENN``, with alpha set by the schedule."""

from collections.abc import Callable

from torch import Tensor, nn

from acutance.losses.hfenn import HFENN
from acutance.losses.pixel import l1, mse

CONTENT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "mse": mse}


class CompositeLoss(nn.Module):
    """``content(sr, hr) + alpha * HFENN(sr, hr)``; ``alpha = 0`` skips the filter."""

    def __init__(self) -> None:
        super().__init__()
        self.hfenn = HFENN()

    def forward(self, sr_NCHW: Tensor, hr_NCHW: Tensor, content: str, alpha: float) -> Tensor:
        """A scalar; ``content`` is a key of ``CONTENT``."""
        loss = CONTENT[content](sr_NCHW, hr_NCHW)
        if alpha:
            loss = loss + alpha * self.hfenn(sr_NCHW, hr_NCHW)
        return loss
