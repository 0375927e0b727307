"""Filters: the Laplacian of Gaussian of HFENN and HFENI, and the Gaussian window of SSIM.

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
    """Correlate with ``log_kernel()``; edges mirrored with the edge pixel repeated.

    The same as MATLAB's ``imfilter(image, fspecial('log', 15, 1.5), 'symmetric')``, by the three
    separable parts.

    Args:
        image_HW: floats of any range.

    Returns:
        ``(H, W)`` float64.
    """
    columns, rows = log_factors()
    padded = np.pad(image_HW.astype(np.float64), columns.shape[1] // 2, mode="symmetric")
    result = np.zeros(image_HW.shape)
    for column, row in zip(columns, rows, strict=True):
        result += correlate_separable(padded, column, row)
    return result


SSIM_SIZE = 11
"""Pixels on a side of SSIM's window."""


def gaussian_taps(size: int = SSIM_SIZE, sigma: float = 1.5) -> NDArray[np.float64]:
    """A Gaussian window of one axis, sum 1; the two-dimensional one is its outer product."""
    x = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(x**2) / (2 * sigma**2))
    return np.asarray(taps / taps.sum(), dtype=np.float64)


_BLOCK = 64  # output rows a product: keeps the matrices dense and in the cache


def band_matrix(taps: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The ``(size - taps + 1, size)`` matrix that correlates with ``taps`` where they fit.

    Raises ValueError when they fit nowhere.
    """
    rows = size - len(taps) + 1
    if rows < 1:
        raise ValueError(f"the filter needs at least {len(taps)} pixels, not {size}")
    band = np.zeros((rows, size))
    for offset, tap in enumerate(taps):
        band[np.arange(rows), np.arange(rows) + offset] = tap
    return band


def correlate_separable(
    images: NDArray[np.float64], column: NDArray[np.float64], row: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Correlate with the kernel ``outer(column, row)`` where it fits.

    Args:
        images: ``(..., H, W)``.
        column: taps down the image.
        row: taps across the image.

    Returns:
        ``(..., H - len(column) + 1, W - len(row) + 1)``.
    """
    return _correlate_rows(_correlate_rows(images, column).swapaxes(-1, -2), row).swapaxes(-1, -2)


def _correlate_rows(images: NDArray[np.float64], taps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the last axis but one, as products with a banded matrix: faster than tap by tap."""
    rows, reach = images.shape[-2] - len(taps) + 1, len(taps) - 1
    band = band_matrix(taps, min(rows, _BLOCK) + reach)
    out = np.empty((*images.shape[:-2], rows, images.shape[-1]))
    for start in range(0, rows, _BLOCK):
        count = min(_BLOCK, rows - start)
        block = images[..., start : start + count + reach, :]
        np.matmul(band[:count, : count + reach], block, out=out[..., start : start + count, :])
    return out
