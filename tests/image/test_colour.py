"""Luma against scikit-image and the constants of BT.601."""

import numpy as np
import pytest
from skimage.color import rgb2ycbcr

from acutance.image.colour import bt601_studio_luma


@pytest.mark.parametrize(
    ("rgb", "luma"),
    [
        ((0, 0, 0), 16),
        ((255, 255, 255), 235),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
    ],
)
def test_primaries(rgb: tuple[int, int, int], luma: float) -> None:
    assert 255 * bt601_studio_luma(np.array(rgb) / 255) == pytest.approx(luma, abs=1e-9)


def test_equals_scikit_image() -> None:
    image = np.random.default_rng(0).random((20, 30, 3))
    np.testing.assert_allclose(255 * bt601_studio_luma(image), rgb2ycbcr(image)[..., 0], atol=1e-9)


def test_gray_as_rgb_is_the_protocols_formula() -> None:
    gray = np.arange(256.0)
    image = np.repeat(gray[:, None], 3, axis=1) / 255
    np.testing.assert_allclose(255 * bt601_studio_luma(image), 16 + 219 / 255 * gray, atol=1e-9)


def test_dtype_stays() -> None:
    assert bt601_studio_luma(np.zeros((2, 2, 3), np.float32)).dtype == np.float32
