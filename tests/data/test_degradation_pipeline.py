"""Degradations drawn and applied: repeatable, in range, in register with the photo."""

import json

import numpy as np
import pytest

from acutance.data.datasets import make_pair
from acutance.data.degradation_pipeline import (
    CLEAN,
    PRESETS,
    Blur,
    Degradation,
    Jpeg,
    Noise,
    Stage,
    degrade,
    draw,
    generator_for,
    preset,
)
from acutance.errors import UserError

from .test_degradations import centroid, smooth


def noise_of(sigma: float) -> Noise:
    return Noise(kind="gaussian", sigma=sigma, gray=False, seed=0)


def photo(height: int = 96, width: int = 132) -> np.ndarray:
    return smooth(height, width).astype(np.uint8)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_the_same_seed_and_name_give_the_same_picture(scale: int) -> None:
    made = []
    for _ in range(2):
        drawn = draw(generator_for(7, "a photo"), scale=scale, preset=PRESETS["degraded"])
        made.append(degrade(photo(), drawn, scale=scale))
    assert made[0].shape == (96 // scale, 132 // scale, 3)
    assert made[0].dtype == np.uint8
    assert np.array_equal(*made)
    for seed, name in ((8, "a photo"), (7, "another")):
        other = draw(generator_for(seed, name), scale=scale, preset=PRESETS["degraded"])
        assert not np.array_equal(degrade(photo(), other, scale=scale), made[0])


def test_draws_stay_in_their_ranges_and_reach_them() -> None:
    random = np.random.default_rng(0)
    drawn = [draw(random, scale=4, preset=PRESETS["photo"]) for _ in range(3000)]
    clean = [d for d in drawn if d is CLEAN]
    assert len(clean) / len(drawn) == pytest.approx(0.3, abs=0.03)
    blurs = [d.blur for d in drawn if d.blur]
    stages = [s for d in drawn if d is not CLEAN for s in d.stages]
    noises, jpegs = [s.noise for s in stages if s.noise], [s.jpeg for s in stages if s.jpeg]
    widths = [w for b in blurs for w in (b.across, b.along)]
    assert 0.2 <= min(widths) < 0.25
    assert 1.95 < max(widths) <= 2
    assert 0 <= min(n.sigma for n in noises) < 0.1
    assert 11.9 < max(n.sigma for n in noises) <= 12
    assert {j.quality for j in jpegs} == set(range(40, 96))
    assert {s.kernel for s in stages} == {"bicubic", "bilinear", "area", "lanczos3"}
    assert {n.kind for n in noises} == {"gaussian", "poisson"}
    twice = [d for d in drawn if len(d.stages) == 2]
    assert len(twice) / (len(drawn) - len(clean)) == pytest.approx(0.3, abs=0.03)
    assert all(1 <= d.stages[0].size <= 4 and d.stages[1].size == 1 for d in twice)
    assert any(b.across == b.along for b in blurs)
    assert any(b.across != b.along for b in blurs)


def test_harsh_pictures_are_noisier_always_twice_and_a_share_of_mixed() -> None:
    random = np.random.default_rng(0)
    harsh = [draw(random, scale=4, preset=PRESETS["harsh"]) for _ in range(500)]
    assert all(len(d.stages) == 2 for d in harsh)
    noises = [s.noise.sigma for d in harsh for s in d.stages if s.noise]
    assert 1 <= min(noises) < 2
    assert 29 < max(noises) <= 30
    assert {s.jpeg.quality for d in harsh for s in d.stages if s.jpeg} == set(range(30, 96))
    mixed = [draw(random, scale=4, preset=PRESETS["mixed"]) for _ in range(3000)]
    # Noise above 12 in one of two stages, where each has it in 18 of 29 draws.
    strong = sum(any(s.noise and s.noise.sigma > 12 for s in d.stages) for d in mixed)
    assert strong / len(mixed) == pytest.approx(0.25 * (1 - (11 / 29) ** 2), abs=0.03)


def test_clean_is_the_pair_of_the_bicubic_training() -> None:
    pair = make_pair("x", photo(), 4)
    assert np.array_equal(degrade(pair.hr, CLEAN, scale=4), pair.lr)
    assert draw(np.random.default_rng(0), scale=4, preset=PRESETS["clean"]) is CLEAN


def test_strength_is_what_there_is_to_remove() -> None:
    def strength(*stages: Stage) -> float:
        return Degradation(blur=Blur(across=2, along=2, angle=0), stages=stages).strength

    assert CLEAN.strength == 0
    assert strength(Stage(kernel="area")) == 0
    assert strength(Stage(kernel="area", noise=noise_of(6))) == pytest.approx(0.5)
    assert strength(Stage(kernel="area", noise=noise_of(12))) == pytest.approx(1)
    saved = Jpeg(quality=70, subsample=True)
    assert strength(Stage(kernel="area", jpeg=saved)) == pytest.approx(0.5)
    both = strength(Stage(kernel="area", noise=noise_of(6), jpeg=saved))
    assert both == pytest.approx(np.sqrt(0.5))
    early = Stage(kernel="area", size=2, noise=noise_of(6))
    assert strength(early, Stage(kernel="area")) == pytest.approx(0.25)
    random = np.random.default_rng(0)
    drawn = [draw(random, scale=4, preset=PRESETS["degraded"]).strength for _ in range(500)]
    assert min(drawn) > 0
    assert max(drawn) <= 1
    assert 0.5 < float(np.median(drawn)) < 0.95


def test_the_strength_of_two_stages_is_the_noise_that_is_left() -> None:
    """Noise before a reduction by 2 leaves half its deviation, as the strength assumes."""
    flat = np.full((256, 256, 3), 120, np.uint8)
    stages = (Stage(kernel="area", size=2, noise=noise_of(10)), Stage(kernel="area"))
    twice = Degradation(blur=None, stages=stages)
    left = degrade(flat, twice, scale=2).astype(float).std()
    assert left / 12 == pytest.approx(twice.strength, rel=0.05)


@pytest.mark.parametrize("seed", range(12))
def test_a_spot_stays_where_it_was(seed: int) -> None:
    y, x = np.mgrid[:128, :96]
    spot = 255 * np.exp(-((y - 70) ** 2 + (x - 41) ** 2) / (2 * 12**2))
    hr = np.rint(spot)[:, :, None].repeat(3, 2).astype(np.uint8)
    drawn = draw(np.random.default_rng(seed), scale=4, preset=PRESETS["degraded"])
    quiet = Degradation(  # noise would move the centroid by chance
        blur=drawn.blur,
        stages=tuple(Stage(kernel=s.kernel, size=s.size, jpeg=s.jpeg) for s in drawn.stages),
    )
    lr = degrade(hr, quiet, scale=4).astype(float)
    lr[lr < 12] = 0  # what JPEG leaves in the dark
    hr_cut = np.where(hr < 12, 0, hr)
    moved = (centroid(lr) - centroid(hr_cut)) * (128, 96)
    assert np.abs(moved).max() < 0.35  # HR pixels; half an LR pixel would be 2


def test_parameters_become_json() -> None:
    drawn = draw(np.random.default_rng(5), scale=4, preset=PRESETS["degraded"])
    entry = json.loads(json.dumps(drawn.as_dict()))
    assert entry["strength"] == pytest.approx(drawn.strength, abs=1e-4)
    assert entry["stages"][-1]["jpeg"]["quality"] == drawn.stages[-1].jpeg.quality  # type: ignore[union-attr]


def test_wrong_wishes() -> None:
    with pytest.raises(ValueError, match="not a multiple of 4"):
        degrade(photo(30, 32), CLEAN, scale=4)
    with pytest.raises(UserError, match="photo, degraded, mixed, harsh, jpeg, clean"):
        preset("mine")
