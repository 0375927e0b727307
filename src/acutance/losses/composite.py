"""The composite content loss, with its weights set by the schedule."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from acutance.losses.hfenn import HFENN
from acutance.losses.pixel import charbonnier, l1, mse
from acutance.losses.ssim import SSIMLoss

CONTENT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": l1,
    "mse": mse,
    "charbonnier": charbonnier,
}

LOG_SCALE = 0.01
"""About the size of the content loss itself, so that a logarithm leaves gradients as large."""

LOG_FLOOR = 1e-5
"""Keeps patches without any detail from ruling the logarithm."""


class CompositeLoss(nn.Module):
    """``content + alpha * HFENN``, optionally its logarithm a patch, and ``+ beta * (1 - SSIM)``.

    The mean of logarithms is what PSNR averages over images (the "PSNR loss" of Chen et al.,
    "HINet", CVPRW 2021): every patch counts alike, where the mean itself is ruled by hard texture.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hfenn = HFENN()
        self.ssim = SSIMLoss()

    def forward(
        self,
        sr_NCHW: Tensor,
        hr_NCHW: Tensor,
        *,
        content: str,
        alpha: float = 0.0,
        beta: float = 0.0,
        log: bool = False,
        luma: bool = False,
    ) -> Tensor:
        """A scalar; ``content`` is a key of ``CONTENT``; a weight of 0 skips its filter.

        With ``luma`` the content loss compares luma alone, as HFENN and SSIM do anyway.
        """
        compared = [sr_NCHW, hr_NCHW]
        if luma:
            compared = [self.hfenn.luma(x)[:, None] for x in compared]
        loss_N = CONTENT[content](*compared)
        if alpha:
            loss_N = loss_N + alpha * self.hfenn(sr_NCHW, hr_NCHW)
        if log:
            loss_N = LOG_SCALE * torch.log(loss_N + LOG_FLOOR)
        if beta:
            loss_N = loss_N + beta * self.ssim(sr_NCHW, hr_NCHW)
        return loss_N.mean()
