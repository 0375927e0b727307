"""A person's own pairs: matched, checked, and trained on as they are."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from acutance.data.alignment import shift_between
from acutance.data.datasets import Pair, is_held_out, make_pair
from acutance.data.degradation_pipeline import PRESETS, degrade, draw, generator_for
from acutance.data.pair_patches import PairSampler
from acutance.data.pairs import load_training_data, measured_strength, pair_folders
from acutance.data.patches import NUMBERS
from acutance.errors import UserError

from ..conftest import picture

NAMES = [name for name in (f"p{i}" for i in range(60)) if not is_held_out(name)]
HELD_OUT = next(name for name in (f"p{i}" for i in range(400)) if is_held_out(name))


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyvips.Image.new_from_array(np.ascontiguousarray(image)).write_to_file(str(path))


def write_pair(folder: Path, name: str, hr: np.ndarray, lr: np.ndarray | None = None) -> None:
    write(folder / "hr" / f"{name}.png", hr)
    write(folder / "lr" / f"{name}.png", make_pair(name, hr, 2).lr if lr is None else lr)


def load(folder: Path, smallest_lr: int = 16):  # type: ignore[no-untyped-def]
    return load_training_data(folder, scale=2, smallest_lr=smallest_lr, copies=(0.5,))


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (0, -1), (2, 3), (-9, 5)])
@pytest.mark.parametrize("noisy", [False, True])
def test_a_shift_of_hr_pixels_is_found_in_fractions_of_lr_pixels(
    shift: tuple[int, int], noisy: bool
) -> None:
    scene = picture(5, 300, 340)
    whole, moved = (scene[20 + y : 260 + y, 20 + x : 300 + x] for y, x in ((0, 0), shift))
    lr = make_pair("moved", moved, 4).lr.mean(axis=2)
    if noisy:
        lr = lr + np.random.default_rng(0).normal(0, 4, lr.shape)
    found = shift_between(lr, make_pair("whole", whole, 4).lr.mean(axis=2))
    # Looking further down moves the picture up.
    assert found == pytest.approx((-shift[0] / 4, -shift[1] / 4), abs=0.1)


def test_pairs_are_matched_by_name_and_what_cannot_be_used_is_counted(tmp_path: Path) -> None:
    for seed, name in enumerate([*NAMES[:2], HELD_OUT]):
        write_pair(tmp_path, name, picture(seed))
    apart = picture(7, 100, 120)
    write_pair(tmp_path, NAMES[2], apart[:96, :112], make_pair("x", apart[1:97, 1:113], 2).lr)
    write_pair(tmp_path, NAMES[3], picture(8), picture(8, 30, 40))
    write_pair(tmp_path, NAMES[4], picture(9, 24, 24))
    write(tmp_path / "hr" / "lonely.png", picture(10))
    (tmp_path / "lr" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "hr" / "broken.png").write_bytes(b"no picture")
    found = load(tmp_path)
    assert [pair.name for pair in found.train] == NAMES[:2]
    assert [pair.name for pair in found.held_out] == [HELD_OUT]
    assert re.fullmatch(rf"{NAMES[2]} \(-0.[45]\d down, -0.[45]\d right\)", *found.misaligned)
    assert found.misfits == (f"{NAMES[3]} (40 x 30 and 112 x 96)",)
    assert found.unmatched == ("lonely (no lr)",)
    assert found.unreadable == ("broken",)
    assert found.too_small == 1
    assert found.summary() == (
        "2 pairs to train on, 1 held out; left out: 1 too small; 1 without a partner, first lonely "
        "(no lr);"
        f" 1 of sizes that do not fit, first {found.misfits[0]}; 1 misaligned, first "
        f"{found.misaligned[0]}; 1 unreadable, first broken"
    )
    assert found.facts()["misaligned"] == 1


def test_pairs_are_held_out_by_their_whole_names(tmp_path: Path) -> None:
    """A dot within is no suffix: else all of shot.0 to shot.5 had one fate."""
    names = [f"{NAMES[0]}.{i}" for i in range(60)]
    held_out = [name for name in names if is_held_out(f"{name}.png")]
    assert held_out
    for name in (names[0], held_out[0]):
        write_pair(tmp_path, name, picture(1))
    found = load(tmp_path)
    assert [[pair.name for pair in pairs] for pairs in (found.train, found.held_out)] == [
        [names[0]],
        [held_out[0]],
    ]


def test_a_few_more_hr_pixels_are_cropped(tmp_path: Path) -> None:
    hr = picture(1, 97, 113)
    write_pair(tmp_path, NAMES[0], hr)
    (pair,) = load(tmp_path).train
    assert np.array_equal(pair.hr, hr[:96, :112])


def test_nothing_usable_is_one_line(tmp_path: Path) -> None:
    write_pair(tmp_path, NAMES[0], picture(1), picture(1))
    with pytest.raises(UserError, match=r"x2: 0 pairs .* first p\d+ \(112 x 96 and 112 x 96\)"):
        load(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, NAMES[0], picture(1))
    write(tmp_path / "lr" / f"{NAMES[0]}.jpg", picture(1, 48, 56))
    with pytest.raises(UserError, match=f"two files for '{NAMES[0]}'"):
        load(tmp_path)


def test_a_folder_of_photos_is_no_folder_of_pairs(tmp_path: Path) -> None:
    write(tmp_path / "hr" / f"{NAMES[0]}.png", picture(1))
    assert pair_folders(tmp_path) is None
    found = load(tmp_path)
    assert len(found.train) == 2  # the photo and its copy
    assert not found.paired


def test_smooth_pairs_are_not_judged(tmp_path: Path) -> None:
    """Noise on a ramp, and nothing at all: their correlation has its peak anywhere."""
    random = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(80, 160, 128)[:, None, None], (128, 128, 3))
    for name in NAMES[:6]:
        lr = make_pair(name, (ramp + random.normal(0, 1, ramp.shape)).astype(np.uint8), 2).lr
        sky = (ramp + random.normal(0, 1, ramp.shape)).astype(np.uint8)
        write_pair(tmp_path, name, sky, lr)
    write_pair(tmp_path, NAMES[6], np.full((128, 128, 3), 90, np.uint8))
    found = load(tmp_path)
    assert len(found.train) == 7
    assert found.misaligned == ()


def test_other_pictures_are_left_out(tmp_path: Path) -> None:
    """In their correlation no shift stands out, nor does the HR explain the LR."""
    write_pair(tmp_path, NAMES[0], picture(0))
    write_pair(tmp_path, NAMES[1], picture(1), make_pair("other", picture(2), 2).lr)
    turned = np.ascontiguousarray(picture(3)[::-1, ::-1])
    write_pair(tmp_path, NAMES[2], picture(3), make_pair("turned", turned, 2).lr)
    noise = np.random.default_rng(0).normal(0, 25, picture(4).shape)
    noisy = np.clip(make_pair("noisy", picture(4), 2).lr + noise[::2, ::2], 0, 255)
    write_pair(tmp_path, NAMES[3], picture(4), noisy.astype(np.uint8))
    found = load(tmp_path)
    assert [pair.name for pair in found.train] == [NAMES[0], NAMES[3]]
    assert [text.split(" ", 1)[0] for text in found.misaligned] == [NAMES[1], NAMES[2]]


def test_lr_without_hr_is_no_folder_of_photos(tmp_path: Path) -> None:
    write(tmp_path / "LR" / f"{NAMES[0]}.png", picture(1))
    write(tmp_path / "HighRes" / f"{NAMES[0]}.png", picture(1))
    with pytest.raises(UserError, match="has a folder LR but none named hr: pairs need both"):
        load(tmp_path)


def test_strengths_come_from_the_file_of_degrade(tmp_path: Path) -> None:
    hr = picture(1, 240, 300)
    random = generator_for(0, "x")
    degradation = draw(random, scale=2, preset=PRESETS["degraded"])
    for name in NAMES[:2]:
        write_pair(tmp_path, name, hr, degrade(hr, degradation, scale=2))
    (tmp_path / "hr").rename(tmp_path / "HR")
    (tmp_path / "lr").rename(tmp_path / "LR")
    line = {"name": NAMES[0], "strength": 0.25}
    (tmp_path / "degradations.jsonl").write_text(json.dumps(line) + "\n")
    first, second = load(tmp_path).train
    assert first.strength == 0.25
    assert second.strength != 0.25
    (tmp_path / "degradations.jsonl").write_text("nonsense\n")
    with pytest.raises(UserError, match=r"degradations\.jsonl does not hold"):
        load(tmp_path)


def test_measured_strength_sees_noise_and_not_blur() -> None:
    reduced = picture(3, 200, 200).mean(axis=2)
    blurred = (reduced + np.roll(reduced, 1, 0) + np.roll(reduced, -1, 0)) / 3
    assert measured_strength(reduced, reduced) < 0.01
    assert measured_strength(blurred, reduced) < 0.1
    noise = np.random.default_rng(0).normal(0, 3.5, reduced.shape)
    assert measured_strength(reduced + noise, reduced) == pytest.approx(0.5, abs=0.03)
    assert measured_strength(reduced + 9 * noise, reduced) == 1


def test_patches_of_pairs_are_their_own_lr_in_register() -> None:
    random = np.random.default_rng(0)
    pairs = []
    for height, width in ((20, 31), (26, 17)):
        lr = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        hr = lr.repeat(3, axis=0).repeat(3, axis=1)  # tells where each pixel comes from
        pairs.append(Pair("x", hr, lr, strength=height / 100))
    sampler = PairSampler(pairs, scale=3, drop_flattest=0.0)
    numbers = torch.rand((40, NUMBERS), generator=torch.Generator(), dtype=torch.float64)
    lr, hr, strengths = sampler.patches(numbers, 9)
    assert lr.shape == (40, 3, 9, 9)
    assert torch.equal(hr[:, :, 1::3, 1::3], lr)
    assert set(np.round(strengths.tolist(), 2)) == {0.2, 0.26}
    whole = {tuple(pixel) for pair in pairs for pixel in pair.lr.reshape(-1, 3).tolist()}
    seen = (lr * 255).round().permute(0, 2, 3, 1).reshape(-1, 3).int().tolist()
    assert {tuple(pixel) for pixel in seen} <= whole
    assert len({tuple(pixel) for pixel in seen}) > 0.5 * len(whole)  # not the same place again
    again, _ = sampler.batch(4, 9, torch.Generator().manual_seed(1))
    same, _ = sampler.batch(4, 9, torch.Generator().manual_seed(1))
    assert torch.equal(again, same)
    with pytest.raises(UserError, match="no pair is large enough"):
        sampler.patches(numbers, 24)
