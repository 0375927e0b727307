"""Structural similarity, as MATLAB's ``ssim`` computes it.

Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
structural similarity", IEEE TIP 2004.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from acutance.image.filters import SSIM_SIZE, correlate_separable, gaussian_taps


def ssim(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    *,
    peak: float = 1.0,
    region: Literal["whole", "valid"] = "valid",
) -> float:
    """Mean of the SSIM map of two single-channel images; 11x11 Gaussian window, sigma 1.5.

    ``SSIM = (2 mu_a mu_b + C1)(2 cov + C2) / ((mu_a^2 + mu_b^2 + C1)(var_a + var_b + C2))`` with
    ``C1 = (0.01 peak)^2`` and ``C2 = (0.03 peak)^2``. Variances are the biased, weighted ones.

    Args:
        first: ``(H, W)`` floats.
        second: the same shape.
        peak: the largest value there can be.
        region: ``whole`` averages over every pixel with edges replicated (MATLAB's ``ssim``);
            ``valid`` over the places where the window fits (Wang's original, most papers).

    Raises:
        ValueError: smaller than the window.
    """
    if min(first.shape) < SSIM_SIZE:
        raise ValueError(f"SSIM needs at least {SSIM_SIZE} x {SSIM_SIZE} pixels, not {first.shape}")
    a, b = first.astype(np.float64), second.astype(np.float64)
    if region == "whole":
        a, b = (np.pad(x, SSIM_SIZE // 2, mode="edge") for x in (a, b))
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    taps = gaussian_taps()
    mu_a, mu_b, mean_aa, mean_bb, mean_ab = correlate_separable(
        np.stack([a, b, a * a, b * b, a * b]), taps, taps
    )
    var_a, var_b, cov = mean_aa - mu_a**2, mean_bb - mu_b**2, mean_ab - mu_a * mu_b
    numerator = (2 * mu_a * mu_b + c1) * (2 * cov + c2)
    denominator = (mu_a**2 + mu_b**2 + c1) * (var_a + var_b + c2)
    return float(np.mean(numerator / denominator))
