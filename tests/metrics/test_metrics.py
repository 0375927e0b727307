"""PSNR, SSIM and HFENI against scikit-image, scipy and closed forms; checkerboards."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import correlate, gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from acutance.data.benchmarks import find_benchmarks
from acutance.evaluation.run import bicubic
from acutance.image.colour import bt601_studio_luma
from acutance.image.filters import log_kernel
from acutance.metrics.checkerboard import checkerboard
from acutance.metrics.hfeni import hfeni, hfenn
from acutance.metrics.psnr import psnr
from acutance.metrics.ssim import gaussian_taps, ssim


def reference_ssim(first: np.ndarray, second: np.ndarray, region: str) -> float:
    """scikit-image with MATLAB's window; it averages where the window fits."""
    if region == "whole":
        first, second = (np.pad(x, 5, mode="edge") for x in (first, second))
    value = structural_similarity(
        first,
        second,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(value)


def textured_pair(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A picture with edges, ramps and texture, and a distorted copy."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    picture = 0.4 + 0.2 * np.sin(x / 5 + y / 11) + 0.3 * ((x - width / 2) ** 2 < 90 + y * 3)
    picture += 0.05 * rng.standard_normal((height, width))
    copy = 0.9 * np.roll(picture, 1, axis=1) + 0.04 + 0.03 * rng.standard_normal((height, width))
    return picture.clip(0, 1), copy.clip(0, 1)


def test_psnr_by_hand() -> None:
    black, gray = np.zeros((4, 4)), np.full((4, 4), 0.1)
    assert psnr(black, gray) == pytest.approx(20)
    assert psnr(255 * black, 255 * gray, peak=255) == pytest.approx(20)
    assert psnr(gray, gray) == float("inf")


@pytest.mark.parametrize("shape", [(11, 11), (12, 40), (75, 64), (160, 131)])
@pytest.mark.parametrize("region", ["whole", "valid"])
def test_ssim_and_psnr_equal_scikit_image(shape: tuple[int, int], region: str) -> None:
    first, second = textured_pair(*shape)
    expected = reference_ssim(first, second, region)
    assert ssim(first, second, region=region) == pytest.approx(expected, abs=1e-9)  # type: ignore[arg-type]
    expected = peak_signal_noise_ratio(first, second, data_range=1.0)
    assert psnr(first, second) == pytest.approx(expected, abs=1e-9)


@pytest.mark.benchmark
def test_ssim_and_psnr_equal_scikit_image_on_set5(benchmarks: Path) -> None:
    for image in find_benchmarks(benchmarks, ["Set5"]):
        lr, hr = image.load(4, round_lr=False)
        first = bt601_studio_luma(hr / 255)
        second = bt601_studio_luma(np.rint(bicubic(4)(lr).clip(0, 1) * 255) / 255)
        expected = peak_signal_noise_ratio(first, second, data_range=1.0)
        assert psnr(first, second) == pytest.approx(expected, abs=1e-6)
        for region in ("whole", "valid"):
            expected = reference_ssim(first, second, region)
            assert ssim(first, second, region=region) == pytest.approx(expected, abs=1e-9)  # type: ignore[arg-type]


def test_ssim_of_constants_is_its_luminance_term() -> None:
    """Without variance ``SSIM = (2ab + C1) / (a^2 + b^2 + C1)``, on every scale of values."""
    expected = (2 * 0.3 * 0.5 + 1e-4) / (0.09 + 0.25 + 1e-4)
    first, second = np.full((16, 16), 0.3), np.full((16, 16), 0.5)
    assert ssim(first, second) == pytest.approx(expected, abs=1e-12)
    assert ssim(255 * first, 255 * second, peak=255) == pytest.approx(expected, abs=1e-12)
    assert ssim(first, first, region="whole") == pytest.approx(1)


def test_ssim_needs_its_window() -> None:
    with pytest.raises(ValueError, match="11 x 11"):
        ssim(np.zeros((10, 30)), np.zeros((10, 30)))


def test_gaussian_is_fspecials() -> None:
    """Centre and corner of ``fspecial('gaussian', 11, 1.5)``, from its formula."""
    axis = np.arange(-5, 6)
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    window /= window.sum()
    np.testing.assert_allclose(np.outer(gaussian_taps(), gaussian_taps()), window, atol=1e-16)


def test_hfenn_is_its_formula_by_scipy() -> None:
    first, second = textured_pair(61, 83)
    filtered = correlate(first - second, log_kernel(), mode="reflect")
    expected = float(np.mean(filtered**2) / 1e-4)
    assert hfenn(first, second) == pytest.approx(expected, rel=1e-12)
    assert hfeni(first, second) == pytest.approx(1 / expected, rel=1e-12)


def test_hfenn_of_an_impulse_is_the_kernels_energy() -> None:
    impulse = np.zeros((64, 50))
    impulse[30, 20] = 0.1
    expected = 0.1**2 * (log_kernel() ** 2).sum() / impulse.size / 1e-4
    assert hfenn(impulse, np.zeros_like(impulse)) == pytest.approx(expected, rel=1e-12)


def test_hfenn_ignores_brightness_and_equal_images_are_infinitely_good() -> None:
    first, _ = textured_pair(40, 40)
    assert hfenn(first, first + 0.1) == pytest.approx(0, abs=1e-20)
    assert hfeni(first, first) == float("inf")


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_a_checkerboard_is_what_repeats_with_the_grid(scale: int) -> None:
    random = np.random.default_rng(0)
    # Smooth noise: power falls with the frequency, as in photos.
    photo = 128 + 15 * gaussian_filter(random.standard_normal((160, 200)), 0.6)
    y, x = np.mgrid[:160, :200]
    dots = 2.0 * scale * ((y % scale == 0) & (x % scale == 0))
    other = 2 * scale + 1
    elsewhere = 2.0 * scale * ((y % other == 0) & (x % other == 0))
    assert checkerboard(photo, photo, scale) == 0
    assert checkerboard(photo + dots, photo, scale) > 2
    assert abs(checkerboard(photo + elsewhere, photo, scale)) < 0.5
    assert abs(checkerboard(photo + random.standard_normal(photo.shape), photo, scale)) < 0.5
    assert math.isnan(checkerboard(photo[: 8 * scale - 1], photo[: 8 * scale - 1], scale))
