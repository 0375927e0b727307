"""Pixel losses of each patch: ``(N, 3, H, W)`` in [0, 1] to ``(N,)``."""

from torch import Tensor

CHARBONNIER_EPSILON = 1e-3
"""As in LapSRN's paper: about a quarter of an 8-bit step."""


def l1(sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
    """``mean |sr - hr|``: robust early in training (Zhao et al., IEEE TCI 2017)."""
    return (sr_NCHW - hr_NCHW).abs().mean(dim=(1, 2, 3))


def mse(sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
    """``mean (sr - hr)^2``: what PSNR measures."""
    return (sr_NCHW - hr_NCHW).square().mean(dim=(1, 2, 3))


def charbonnier(sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
    """``mean sqrt((sr - hr)^2 + epsilon^2)``: L1 without its corner (Lai et al., CVPR 2017)."""
    squared = (sr_NCHW - hr_NCHW).square() + CHARBONNIER_EPSILON**2
    return squared.sqrt().mean(dim=(1, 2, 3))
