"""Single degradations: against formulas, and none of them moves the picture."""

import numpy as np
import pytest
from scipy import ndimage

from acutance.data.degradations import (
    KERNELS,
    KernelName,
    add_noise,
    blur,
    gaussian_kernel,
    jpeg,
    shrink,
)


def impulse(height: int, width: int, y: int, x: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.float32)
    image[y, x] = 255
    return image


def smooth(height: int, width: int) -> np.ndarray:
    """Smooth waves in colour, 8 bits, as floats."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(y / 9 + x / 14), np.cos(y / 12 - x / 10), np.sin(y / 8) * np.cos(x / 11)]
    return np.asarray(np.rint(128 + 90 * np.stack(waves, axis=2)), dtype=np.float32)


def centroid(image: np.ndarray) -> np.ndarray:
    """Of the first channel, in the coordinates where the picture spans 0 to 1."""
    weight = image[:, :, 0].astype(np.float64)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    sums = np.array([(weight * y).sum(), (weight * x).sum()]) / weight.sum()
    return sums / image.shape[:2]


@pytest.mark.parametrize(("across", "along", "angle"), [(1.5, 1.5, 0.0), (0.4, 2.0, 0.6)])
def test_blur_is_a_gaussian_of_the_drawn_widths(across: float, along: float, angle: float) -> None:
    image = np.random.default_rng(0).uniform(0, 255, (30, 40, 3)).astype(np.float32)
    kernel = gaussian_kernel(across, along, angle)
    expected = ndimage.convolve(image.astype(np.float64), kernel[:, :, None], mode="nearest")
    blurred = blur(image, across=across, along=along, angle=angle)
    np.testing.assert_allclose(blurred, expected, atol=0.01)
    # The second moments of what becomes of a point are the covariance that was asked for.
    spot = blur(impulse(41, 41, 20, 20), across=across, along=along, angle=angle)[:, :, 0] / 255
    y, x = np.mgrid[-20:21, -20:21]
    found = np.array(
        [[(spot * x * x).sum(), (spot * x * y).sum()], [(spot * x * y).sum(), (spot * y * y).sum()]]
    )
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    wanted = turn.T @ np.diag([across**2, along**2]) @ turn
    np.testing.assert_allclose(found, wanted, atol=0.12)


@pytest.mark.parametrize("kernel", list(KERNELS))
@pytest.mark.parametrize("sizes", [(16, 12), (23, 17), (64, 48)])
def test_reduction_keeps_flat_and_does_not_move(kernel: KernelName, sizes: tuple[int, int]) -> None:
    flat = np.full((64, 48, 3), 77, np.float32)
    np.testing.assert_allclose(shrink(flat, *sizes, kernel), 77, atol=1e-3)
    spot = blur(impulse(64, 48, 21, 30), across=4, along=4, angle=0)
    moved = centroid(shrink(spot, *sizes, kernel)) - centroid(spot)
    assert np.abs(moved * (64, 48)).max() < 0.05  # HR pixels
    # A ramp stays a ramp, with each pixel at its own place.
    ramp = np.repeat(np.arange(64, dtype=np.float32)[:, None, None], 48, 1).repeat(3, 2)
    rows = shrink(ramp, *sizes, kernel)[:, 0, 0]
    expected = (np.arange(sizes[0]) + 0.5) * 64 / sizes[0] - 0.5
    np.testing.assert_allclose(rows[4:-4], expected[4:-4], atol=0.1)


def test_area_is_the_mean_over_each_pixel() -> None:
    image = np.random.default_rng(1).uniform(0, 255, (12, 8, 3)).astype(np.float32)
    blocks = image.reshape(3, 4, 2, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shrink(image, 3, 2, "area"), blocks, atol=1e-3)
    # Three pixels to two: each takes one and a half.
    three = np.array([0, 60, 120], np.float32).reshape(3, 1, 1).repeat(3, 2)
    np.testing.assert_allclose(shrink(three, 2, 1, "area")[:, 0, 0], [20, 100], atol=1e-4)


def test_gaussian_noise_has_the_drawn_deviation() -> None:
    flat = np.full((128, 128, 3), 100, np.float32)
    noisy = add_noise(flat, kind="gaussian", sigma=7, gray=False, seed=3)
    assert (noisy - flat).std() == pytest.approx(7, rel=0.02)
    assert abs((noisy - flat).mean()) < 0.2
    again = add_noise(flat, kind="gaussian", sigma=7, gray=False, seed=3)
    assert np.array_equal(noisy, again)
    assert not np.array_equal(noisy, add_noise(flat, kind="gaussian", sigma=7, gray=False, seed=4))
    gray = add_noise(flat, kind="gaussian", sigma=7, gray=True, seed=3)
    assert np.array_equal(gray[:, :, 0], gray[:, :, 2])


@pytest.mark.parametrize("level", [0, 32, 128, 230])
def test_poisson_noise_grows_with_the_root_of_the_light(level: int) -> None:
    flat = np.full((128, 128, 3), level, np.float32)
    noise = add_noise(flat, kind="poisson", sigma=6, gray=False, seed=0) - flat
    assert noise.std() == pytest.approx(6 * np.sqrt(level / 128), rel=0.03, abs=1e-6)
    assert abs(noise.mean()) < 0.2


def test_no_noise_changes_nothing() -> None:
    image = smooth(8, 8)
    assert np.array_equal(add_noise(image, kind="poisson", sigma=0, gray=True, seed=0), image)


@pytest.mark.parametrize("subsample", [False, True])
def test_jpeg_loses_more_at_lower_quality_and_does_not_move(subsample: bool) -> None:
    image = smooth(61, 83)
    errors = []
    for quality in (95, 75, 40):
        decoded = jpeg(image, quality=quality, subsample=subsample)
        assert decoded.shape == image.shape
        errors.append(float(((decoded - image) ** 2).mean()))
        own = errors[-1]
        for axis in (0, 1):
            for step in (-1, 1):
                assert ((np.roll(decoded, step, axis) - image) ** 2).mean() > own
    assert errors == sorted(errors)
    assert errors[0] > 0
