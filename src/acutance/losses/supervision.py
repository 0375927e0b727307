"""Deep supervision: a network's intermediate outputs are compared with the photo too.

Source: DRCN supervises every recursion, its paper's equations 10 to 12; LapSRN every level, against
the photo reduced to the level's size by bicubic.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from acutance.image.resize import bicubic_matrix


class Supervision(nn.Module):
    """``(1 - a) loss(result) + a mean over intermediate outputs of loss(output)``.

    Args:
        criterion: the loss of one output, a scalar.
    """

    def __init__(self, criterion: nn.Module) -> None:
        super().__init__()
        self.criterion = criterion

    def forward(
        self,
        outputs: Sequence[Tensor],
        hr_NCHW: Tensor,
        *,
        supervision: float = 0.0,
        **criterion_settings: Any,
    ) -> Tensor:
        """A scalar.

        Args:
            outputs: the result ``(N, 3, H, W)``, then intermediate outputs, as large or smaller.
            hr_NCHW: the photo, ``(N, 3, H, W)`` in [0, 1].
            supervision: the weight ``a``; 0 leaves intermediate outputs out.
            criterion_settings: what the criterion takes besides.
        """
        loss: Tensor = self.criterion(outputs[0], hr_NCHW, **criterion_settings)
        others = outputs[1:]
        if not supervision or not others:
            return loss
        each = [
            self.criterion(output, reduce(hr_NCHW, *output.shape[2:]), **criterion_settings)
            for output in others
        ]
        return (1 - supervision) * loss + supervision * torch.stack(each).mean()


def reduce(hr_NCHW: Tensor, height: int, width: int) -> Tensor:
    """Antialiased bicubic reduction, fp32; mirrored at the patch's own edges."""
    if hr_NCHW.shape[2:] == (height, width):
        return hr_NCHW
    rows, columns = (
        torch.from_numpy(bicubic_matrix(n_in, n_out)).float().to(hr_NCHW.device)
        for n_in, n_out in zip(hr_NCHW.shape[2:], (height, width), strict=True)
    )
    with torch.autocast(hr_NCHW.device.type, enabled=False):
        return rows @ (hr_NCHW.contiguous() @ columns.T)
