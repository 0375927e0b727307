"""The noise estimate: right on known noise, about nothing on clean pictures."""

import numpy as np
import pytest
import pyvips

from acutance.image.noise import LARGEST, features, noise_level
from acutance.inference.strength import LEAST_NOISE

from .test_jpeg import saved, scene


def noisy(sigma: float, *, gray: bool = False, seed: int = 1) -> np.ndarray:
    image = scene(160, 200)
    channels = 1 if gray else 3
    noise = np.random.default_rng(seed).normal(0, sigma, (*image.shape[:2], channels))
    return (image + noise).round().clip(0, 255).astype(np.uint8)


def level(image: np.ndarray, quality: int | None = None) -> float:
    return noise_level([image.astype(np.float32)], quality=quality)


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("sigma", [5, 9])
def test_noise_is_measured(sigma: float, gray: bool) -> None:
    assert level(noisy(sigma, gray=gray)) == pytest.approx(sigma, abs=2.5)


@pytest.mark.parametrize("quality", [90, 75])
def test_noise_under_jpeg_is_measured(quality: int) -> None:
    """Less well: JPEG removes much of it."""
    found = [level(saved(noisy(sigma), quality), quality) for sigma in (0, 5, 10)]
    assert found[0] < LEAST_NOISE
    assert found[0] < found[1] < found[2]
    assert found[2] == pytest.approx(10, abs=4)


@pytest.mark.parametrize("sigma", [25, 40])
def test_strong_noise_is_seen_where_it_cuts_off_pixels(sigma: float) -> None:
    random = np.random.default_rng(0)
    for dark in (scene(160, 200) * 0.3, 255 - scene(160, 200) * 0.3):
        image = (dark + random.normal(0, sigma, dark.shape)).round().clip(0, 255)
        assert level(image) > 9


def test_text_on_white_paper_is_no_noise() -> None:
    random = np.random.default_rng(0)
    paper = np.full((160, 200, 3), 255.0, np.float32)
    for row in range(8, 152, 12):  # strokes of gray, in lines
        paper[row : row + 7, 8:192] = random.choice([0.0, 255.0, 120.0], (1, 184, 1))
    assert level(paper) == 0


def test_what_is_clean_stays_clean() -> None:
    y, x = np.mgrid[:160, :200]
    gradient = np.stack([60 + y / 2, 50 + x / 2, 90 + 0 * x], axis=2).astype(np.uint8)
    for image in (scene(160, 200), gradient, np.full_like(gradient, 128)):
        assert level(image) < 2.5


def test_crops_are_taken_together() -> None:
    image = noisy(8).astype(np.float32)
    whole = noise_level([image])
    parts = noise_level([image[:80], image[80:]])
    assert parts == pytest.approx(whole, abs=1e-3)


def test_it_is_never_absurd() -> None:
    random = np.random.default_rng(0)
    for image in (random.integers(0, 256, (64, 64, 3)), 255 * random.integers(0, 2, (64, 64, 3))):
        for quality in (None, 1, 100):
            assert 0 <= level(image, quality) <= LARGEST


def test_nothing_is_said_of_too_few_blocks() -> None:
    assert features([np.full((30, 30, 3), 128, np.float32)]) is None
    assert features([np.zeros((200, 200, 3), np.float32)]) is None  # all black: cut off
    assert level(noisy(8)[:24, :32]) == 0
    assert noise_level([]) == 0


def test_a_picture_of_another_depth_has_the_same_noise() -> None:
    deep = pyvips.Image.new_from_array(noisy(8)).cast("ushort") * 257
    levels = deep.numpy().astype(np.float32) / 257
    assert noise_level([levels]) == pytest.approx(level(noisy(8)), abs=1e-3)
