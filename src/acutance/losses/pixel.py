"""Pixel losses: a function of each error, averaged over a patch, and its derivative."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

CHARBONNIER_EPSILON = 1e-3
"""As in LapSRN's paper: about a quarter of an 8-bit step."""


@dataclass(frozen=True)
class PixelLoss:
    """``mean of value(sr - hr)``."""

    value: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]

    def __call__(self, error: Tensor) -> tuple[Tensor, Tensor]:
        """Errors ``(N, ...)`` to the mean of each patch ``(N,)`` and its derivative by them."""
        count = error[0].numel()
        return self.value(error).flatten(1).mean(dim=1), self.derivative(error).mul_(1 / count)


def _charbonnier(error: Tensor) -> Tensor:
    return error.square().add_(CHARBONNIER_EPSILON**2).sqrt_()


PIXEL_LOSSES = {
    "l1": PixelLoss(Tensor.abs, Tensor.sign),
    "mse": PixelLoss(Tensor.square, lambda error: 2 * error),
    "charbonnier": PixelLoss(_charbonnier, lambda error: error / _charbonnier(error)),
}
"""``|e|``, robust early in training (Zhao et al., IEEE TCI 2017); ``e^2``, what PSNR measures;
``sqrt(e^2 + epsilon^2)``, L1 without its corner (Lai et al., CVPR 2017)."""
