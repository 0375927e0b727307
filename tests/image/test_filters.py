"""The Laplacian of Gaussian against its formula, MATLAB's manual and scipy."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.ndimage import correlate

from acutance.image.filters import (
    band_matrix,
    correlate_separable,
    log_factors,
    log_filter,
    log_kernel,
)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def fspecial_log(size: int, sigma: str) -> np.ndarray:
    """The formula in MATLAB's manual of ``fspecial``, in 50 digits; then the mean is taken off."""
    with localcontext() as context:
        context.prec = 50
        variance = Decimal(sigma) ** 2
        axis = range(-(size // 2), size // 2 + 1)
        squares = [[Decimal(x * x + y * y) for x in axis] for y in axis]
        gaussian = [[(-r / (2 * variance)).exp() for r in row] for row in squares]
        total = sum(sum(row) for row in gaussian)
        kernel = [
            [(r - 2 * variance) * g / (variance**2 * total) for r, g in zip(*rows, strict=True)]
            for rows in zip(squares, gaussian, strict=True)
        ]
        mean = sum(sum(row) for row in kernel) / size**2
        return np.array([[float(value - mean) for value in row] for row in kernel])


def test_kernel_is_the_formula() -> None:
    np.testing.assert_allclose(log_kernel(), fspecial_log(15, "1.5"), rtol=0, atol=1e-15)
    np.testing.assert_allclose(log_kernel(13, 2.0), fspecial_log(13, "2"), rtol=0, atol=1e-15)


def test_kernel_is_the_one_printed_for_matlabs_defaults() -> None:
    """``fspecial('log')``, 5x5 with sigma 0.5, as MATLAB displays it."""
    quarter = [[0.0448, 0.0468, 0.0564], [0.0468, 0.3167, 0.7146], [0.0564, 0.7146, -4.9048]]
    np.testing.assert_allclose(log_kernel(5, 0.5)[:3, :3], quarter, atol=5e-5)


def test_kernel_sums_to_zero_and_is_symmetric() -> None:
    kernel = log_kernel()
    assert kernel.shape == (15, 15)
    assert abs(kernel.sum()) < 1e-15
    np.testing.assert_array_equal(kernel, kernel.T)
    np.testing.assert_array_equal(kernel, kernel[::-1])


def test_factors_make_the_kernel() -> None:
    columns, rows = log_factors()
    np.testing.assert_allclose(np.einsum("ki,kj->ij", columns, rows), log_kernel(), atol=1e-15)


@pytest.mark.parametrize("shape", [(1, 1), (4, 6), (15, 15), (64, 65), (150, 90)])
def test_filter_equals_scipy(shape: tuple[int, int]) -> None:
    """scipy's ``reflect`` repeats the edge pixel, as MATLAB's ``symmetric`` does."""
    image = noise(*shape)
    expected = correlate(image, log_kernel(), mode="reflect")
    np.testing.assert_allclose(log_filter(image), expected, rtol=0, atol=1e-14)


def test_filter_is_a_second_derivative() -> None:
    """On ``x^2`` the Laplacian is 2; the kernel's finite window loses a thousandth of it."""
    image = np.tile(np.arange(40.0) ** 2, (40, 1))
    np.testing.assert_allclose(log_filter(image)[10:-10, 10:-10], 2, rtol=2e-3)


def test_separable_correlation_equals_scipy() -> None:
    """Several images at once, uneven taps, more than one block of rows."""
    images, column, row = noise(2, 140, 70), noise(4), noise(3)
    result = correlate_separable(images, column, row)
    assert result.shape == (2, 137, 68)
    for image, filtered in zip(images, result, strict=True):
        expected = correlate(image, np.outer(column, row), origin=(-1, 0))
        np.testing.assert_allclose(filtered, expected[1:-2, 1:-1], atol=1e-13)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        log_kernel(14)
    with pytest.raises(ValueError, match="at least 3"):
        band_matrix(np.ones(3), 2)
