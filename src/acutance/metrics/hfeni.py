"""HFENN and HFENI, the high-frequency error norm of the 2017 system and its inverse.

``HFENN(y_hat, y) = mean over pixels of LoG(y_hat - y)^2 / 1e-4`` on luma in [0, 1], and
``HFENI = 1 / HFENN``: higher is better. The definition was recovered from published networks and
numbers; docs/protocol.md says how firmly.
"""

import numpy as np
from numpy.typing import NDArray

from acutance.image.filters import HFENN_CONSTANT, log_filter


def hfenn(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """``mean LoG(first - second)^2 / 1e-4``; both ``(H, W)`` luma in [0, 1]; edges mirrored."""
    error = first.astype(np.float64) - second.astype(np.float64)
    return float(np.mean(log_filter(error) ** 2) / HFENN_CONSTANT)


def hfeni(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """``1 / HFENN``; infinity for equal images."""
    norm = hfenn(first, second)
    return float("inf") if norm == 0 else 1 / norm
