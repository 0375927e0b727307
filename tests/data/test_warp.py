"""Warped copies: the photo turned about its middle, without corners that show nothing."""

import numpy as np

from acutance.data.warp import SIZES, STRETCH, warp


def blob(height: int, width: int, sigma: float) -> np.ndarray:
    """A bright, round, soft dot in the middle of a gray picture."""
    y, x = np.mgrid[:height, :width]
    squared = (y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2
    gray = 40 + 200 * np.exp(-squared / (2 * sigma**2))
    return np.repeat(gray.round().astype(np.uint8)[..., None], 3, axis=2)


def test_a_copy_is_the_same_for_the_same_name_and_number_and_no_other() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    first = warp(photo, "a", 0)
    assert np.array_equal(first, warp(photo, "a", 0))
    others = [warp(photo, "a", 1), warp(photo, "b", 0)]
    assert not any(first.shape == other.shape and (first == other).all() for other in others)


def test_sizes_lie_in_their_range_and_differ_by_no_more_than_the_stretch() -> None:
    photo = np.zeros((200, 300, 3), dtype=np.uint8)
    for number in range(40):
        height, width, _ = warp(photo, "a", number).shape
        down, across = height / 200, width / 300
        assert SIZES[0] - 0.01 < min(down, across)
        assert max(down, across) < SIZES[1] + 0.01
        assert 1 / STRETCH - 0.02 < down / across < STRETCH + 0.02


def test_no_side_is_smaller_than_asked_for_unless_the_photo_is() -> None:
    photo = np.zeros((100, 300, 3), dtype=np.uint8)
    shapes = [warp(photo, "a", number, at_least=260).shape for number in range(20)]
    assert all(height == 100 and 260 <= width <= 270 for height, width, _ in shapes)


def test_there_are_no_empty_corners() -> None:
    photo = np.full((60, 200, 3), 180, dtype=np.uint8)
    for number in range(20):
        assert (warp(photo, "a", number, at_least=200) == 180).all()


def middle_and_spread(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Down and across, in pixels, of what is brighter than the ground."""
    weight = (picture[..., 0].astype(float) - 43).clip(0, None)
    axes = np.mgrid[: weight.shape[0], : weight.shape[1]]
    middle = np.array([(weight * axis).sum() / weight.sum() for axis in axes])
    away = axes - middle[:, None, None]
    return middle, np.sqrt((weight * away**2).sum(axis=(1, 2)) / weight.sum())


def test_the_middle_stays_and_what_is_round_is_stretched_as_drawn() -> None:
    photo = blob(121, 161, sigma=9)
    _, before = middle_and_spread(photo)
    for number in range(10):
        copy = warp(photo, "a", number)
        middle, after = middle_and_spread(copy)
        size = np.array(copy.shape[:2])
        assert np.allclose(middle, (size - 1) / 2, atol=0.6)
        assert np.allclose(after, before * size / photo.shape[:2], rtol=0.03)


def test_the_photo_is_turned() -> None:
    """A bright band across the middle has another slope in each copy."""
    photo = np.full((161, 161, 3), 20, dtype=np.uint8)
    photo[72:89] = 230
    slopes = []
    for number in range(8):
        copy = warp(photo, "a", number)[..., 0].astype(float)
        y, x = np.nonzero(copy > 125)
        near = np.abs(x - copy.shape[1] / 2) < copy.shape[1] / 4
        slopes.append(np.polyfit(x[near], y[near], 1)[0])
    assert max(slopes) - min(slopes) > 0.3
    assert all(abs(slope) < 1.4 for slope in slopes)
