"""Peak signal-to-noise ratio."""

import numpy as np
from numpy.typing import NDArray


def psnr(first: NDArray[np.floating], second: NDArray[np.floating], *, peak: float = 1.0) -> float:
    """``10 log10(peak^2 / mean((a - b)^2))`` in dB; infinity for equal images.

    Args:
        first: any shape, floats.
        second: the same shape.
        peak: the largest value there can be. Luma in studio range still counts from 0 to 1.
    """
    error = float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))
