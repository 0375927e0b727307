"""The composite content loss, with its weights set by the schedule."""

import torch
from torch import Tensor, nn

from acutance.losses.derivative import differentiated
from acutance.losses.hfenn import HFENN
from acutance.losses.luma import Luma
from acutance.losses.pixel import PIXEL_LOSSES
from acutance.losses.ssim import SSIMLoss

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
        self.luma = Luma()
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
        """A scalar; ``content`` is a key of ``PIXEL_LOSSES``; a weight of 0 skips its filter.

        With ``luma`` the content loss compares luma alone, as HFENN and SSIM do anyway.
        """
        pixel = PIXEL_LOSSES[content]

        def function(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
            """Each patch's value and its derivative, of RGB and of luma apart until the end."""
            error = sr - hr
            error_luma = self.luma(error) if alpha or beta or luma else error
            value, by_error = pixel(error_luma if luma else error)
            by_luma = by_error if luma else None
            if alpha:
                more, by_more = self.hfenn.of_luma(error_luma)
                value = value + alpha * more
                by_luma = _plus(by_luma, by_more, alpha)
            if log:
                slope = (LOG_SCALE / (value + LOG_FLOOR))[:, None, None]
                value = LOG_SCALE * torch.log(value + LOG_FLOOR)
                by_luma = None if by_luma is None else by_luma.mul_(slope)
                by_error = by_error if luma else by_error.mul_(slope[..., None])
            if beta:
                hr_luma = self.luma(hr)
                more, by_more = self.ssim.of_luma(error_luma + hr_luma, hr_luma)
                value = value + beta * more
                by_luma = _plus(by_luma, by_more, beta)
            if luma:
                assert by_luma is not None
                return value, self.luma.transposed(by_luma)
            if by_luma is not None:
                by_error.addcmul_(by_luma[:, None], self.luma.weights[:, None, None])
            return value, by_error

        return differentiated(function, sr_NCHW, hr_NCHW).mean()


def _plus(first: Tensor | None, second: Tensor, weight: float) -> Tensor:
    """``first + weight * second``, in place where that is possible."""
    return second.mul_(weight) if first is None else first.add_(second, alpha=weight)
