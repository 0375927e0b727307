"""The pool of degraded crops: the same whenever asked, refreshed a few at a time."""

from typing import Any

import numpy as np
import pytest

from acutance.data.degradation_pipeline import PRESETS
from acutance.data.degradation_pool import NUMBERS, DegradationPool, make_crop, smallest_photo
from acutance.errors import UserError
from acutance.image.resize import resize

from .test_degradations import smooth

PHOTOS = [smooth(90, 110).astype(np.uint8), 255 - smooth(100, 84).astype(np.uint8)]


def pool(**changes: Any) -> DegradationPool:
    settings = {"scale": 2, "crop": 16, "size": 5, "seed": 1, "preset": PRESETS["photo"]}
    return DegradationPool(PHOTOS, **{**settings, **changes})


def test_crops_are_in_register_with_their_ground_truth() -> None:
    for number in range(20):
        made = make_crop(PHOTOS, number, scale=2, crop=16, seed=0, preset=PRESETS["clean"])
        reduced = resize(made.hr.astype(np.float64), 16, 16)
        inner = np.abs(reduced - made.lr)[2:-2, 2:-2]
        assert inner.max() < 0.6
        assert made.strength == 0


def test_a_pool_depends_on_its_seed_and_on_how_many_were_made() -> None:
    first, second = pool(), pool()
    assert np.array_equal(first.lr, second.lr)
    assert not np.array_equal(first.lr, pool(seed=2).lr)
    before = first.lr.copy()
    assert first.refresh(2).tolist() == [0, 1]
    assert np.array_equal(first.lr[2:], before[2:])
    assert not np.array_equal(first.lr[:2], before[:2])
    first.refresh(4)
    assert first.made == 11
    resumed = pool(made=11)
    assert resumed.made == 11
    for name in ("lr", "hr", "strength"):
        assert np.array_equal(getattr(first, name), getattr(resumed, name))


def test_workers_make_the_same_crops() -> None:
    alone, together = pool(), pool(workers=3)
    for _ in range(2):
        for name in ("made", "lr", "hr", "strength"):
            assert np.array_equal(getattr(alone, name), getattr(together, name))
        assert np.array_equal(alone.refresh(4), together.refresh(4))


def test_batches_are_cut_from_the_crops() -> None:
    held = pool()
    random = np.random.default_rng(0).random((6, NUMBERS))
    lr, hr, strength = held.patches(random, 8)
    assert lr.shape == (6, 8, 8, 3)
    assert hr.shape == (6, 16, 16, 3)
    for i in range(6):
        places = [
            (slot, y, x)
            for slot in range(5)
            for y in range(9)
            for x in range(9)
            if np.array_equal(held.lr[slot, y : y + 8, x : x + 8], lr[i])
        ]
        assert any(
            np.array_equal(held.hr[s, 2 * y : 2 * y + 16, 2 * x : 2 * x + 16], hr[i])
            and held.strength[s] == strength[i]
            for s, y, x in places
        )
    last = held.patches(np.full((1, NUMBERS), 1 - 1e-12), 8)
    assert np.array_equal(last[0][0], held.lr[-1, -8:, -8:])
    with pytest.raises(ValueError, match="does not fit"):
        held.patches(random, 17)


def test_small_photos_are_left_out() -> None:
    assert smallest_photo(16, 2) == 80
    with pytest.raises(UserError, match="at least 86 pixels"):
        DegradationPool([PHOTOS[1]], scale=2, crop=19, size=1, seed=0, preset=PRESETS["clean"])
