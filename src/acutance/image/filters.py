"""Laplacian of Gaussian, the filter behind HFENN and HFENI.

Source: MATLAB's ``fspecial('log', size, sigma)``; its use as a measure of high-frequency error is
from Ravishankar and Bresler, "MR image reconstruction from highly undersampled k-space data by
dictionary learning", IEEE TMI 2011.
"""

import numpy as np
from numpy.typing import NDArray


HFENN_CONSTANT = 1e-4
"""Divisor of the mean squared LoG error: the unit of HFENN, as loss and as metric."""


def log_kernel(size: int = 15, sigma: float = 1.5) -> NDArray[np.float64]:
    """The Laplacian of Gaussian of MATLAB's ``fspecial('log', size, sigma)``.

    ``h = g * (x^2 + y^2 - 2 sigma^2) / sigma^4``, with ``g`` the Gaussian normalised to sum 1 over
    the window; then the mean is subtracted, so that the kernel sums to zero.

    Returns:
        ``(size, size)`` float64, symmetric.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size must be odd and positive, not {size}")
    radius = (size - 1) // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    squared_distance = x**2 + y**2
    gaussian = np.exp(-squared_distance / (2 * sigma**2))
    gaussian[gaussian < np.finfo(np.float64).eps * gaussian.max()] = 0
    gaussian /= gaussian.sum()
    kernel = gaussian * (squared_distance - 2 * sigma**2) / sigma**4
    return np.asarray(kernel - kernel.mean(), dtype=np.float64)


def log_factors(
    size: int = 15, sigma: float = 1.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``log_kernel`` as a sum of three separable filters.

    ``x^2 + y^2 - 2 sigma^2 = (x^2 - sigma^2) + (y^2 - sigma^2)`` splits the Laplacian into two
    products of one-dimensional filters; the subtracted mean is the third.

    Returns:
        Columns and rows, both ``(3, size)``: ``kernel = sum_k outer(columns[k], rows[k])``.
    """
    radius = (size - 1) // 2
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    gaussian = np.exp(-(x**2) / (2 * sigma**2))
    gaussian /= gaussian.sum()
    second_derivative = gaussian * (x**2 - sigma**2) / sigma**4
    mean = 2 * second_derivative.sum() / size**2
    ones = np.ones(size)
    columns = np.stack([second_derivative, gaussian, -mean * ones])
    return columns, np.stack([gaussian, second_derivative, ones])


def log_filter(image_HW: NDArray[np.floating]) -> NDArray[np.float64]:
    """``filter_symmetric(image, log_kernel())`` by the three separable parts: ten times faster."""
    columns, rows = log_factors()
    size = columns.shape[1]
    padded = np.pad(image_HW.astype(np.float64), size // 2, mode="symmetric")
    height, width = image_HW.shape
    result = np.zeros((height, width))
    for column, row in zip(columns, rows, strict=True):
        part = sum(tap * padded[i : i + height] for i, tap in enumerate(column))
        result += sum(tap * part[:, i : i + width] for i, tap in enumerate(row))
    return result


def filter_symmetric(
    image_HW: NDArray[np.floating], kernel: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Correlate with an odd-sized square kernel; edges mirrored with the edge pixel repeated.

    The same as MATLAB's ``imfilter(image, kernel, 'symmetric')``.

    Returns:
        An array of the image's shape and dtype.
    """
    radius = kernel.shape[0] // 2
    padded = np.pad(image_HW, radius, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("hwij,ij->hw", windows, kernel.astype(image_HW.dtype))
