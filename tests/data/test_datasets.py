"""Photos and patches: pairs that belong together, whatever is asked of the sampler."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from acutance.data.datasets import is_held_out, load_photos, make_pair, read_photos
from acutance.data.patches import PatchSampler
from acutance.errors import UserError
from acutance.image.resize import resize


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(image: np.ndarray) -> bytes:
    return bytes(pyvips.Image.new_from_array(image).write_to_buffer(".png"))


def names(count: int, *, held_out: bool = False) -> list[str]:
    return [n for n in (f"p{i}" for i in range(9999)) if is_held_out(n) == held_out][:count]


def test_held_out_rule_never_changes() -> None:
    # Pinned: a photo that one version validated on must never be trained on by another.
    assert [i for i in range(200) if is_held_out(f"photo{i}.png")] == [83, 190, 195]


def test_held_out_ignores_folder_and_suffix_and_is_about_one_in_forty() -> None:
    assert is_held_out("a/x.png") == is_held_out("b/c/x.webp")
    share = sum(is_held_out(f"n{i}") for i in range(8000)) / 8000
    assert share == pytest.approx(1 / 40, rel=0.2)


def test_folders_and_tars_are_read_alike(tmp_path: Path) -> None:
    first, second = names(2)
    (tmp_path / f"{first}.png").write_bytes(png(noise(70, 80)))
    with tarfile.open(tmp_path / "more.tar", "w") as tar:
        data = png(noise(70, 80, 1))
        info = tarfile.TarInfo(f"train/{second}.png")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    assert sorted(name for name, _ in read_photos(tmp_path)) == sorted(
        [f"{first}.png", f"train/{second}.png"]
    )
    assert [name for name, _ in read_photos(tmp_path / "more.tar")] == [f"train/{second}.png"]


def test_broken_tar_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"nonsense" * 200)
    with pytest.raises(UserError, match=r"cannot read .*x\.tar"):
        list(read_photos(tmp_path))


def test_small_and_broken_photos_are_counted(tmp_path: Path) -> None:
    good, small, broken = names(3)
    (tmp_path / f"{good}.png").write_bytes(png(noise(130, 140)))
    (tmp_path / f"{small}.png").write_bytes(png(noise(40, 300)))
    (tmp_path / f"{broken}.png").write_bytes(png(noise(130, 140))[:300])
    photos = load_photos(tmp_path, scale=4, smallest_lr=16, copies=(0.7, 0.3))
    assert [p.name for p in photos.train] == [f"{good}.png", f"{good}.png@0.7"]
    assert photos.train[1].hr.shape == (88, 96, 3)
    assert photos.too_small == 1
    assert photos.unreadable == (f"{broken}.png",)


def test_too_small_for_anything_says_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / f"{names(1)[0]}.png").write_bytes(png(noise(30, 30)))
    with pytest.raises(UserError, match="at least 64 pixels"):
        load_photos(tmp_path, scale=4, smallest_lr=16)


def test_lr_is_the_rounded_bicubic_of_the_cropped_photo() -> None:
    image = noise(67, 83)
    pair = make_pair("x", image, 4)
    assert pair.hr.shape == (64, 80, 3)
    expected = resize(image[:64, :80].astype(np.float64), 16, 20).round().clip(0, 255)
    assert np.abs(pair.lr.astype(int) - expected).max() <= 1  # float32 may round a tie otherwise
    assert (pair.lr == expected).mean() > 0.999


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_patches_are_aligned_in_every_orientation(scale: int) -> None:
    """Each LR pixel is the mean of its HR block here, so any misplacement shows."""
    pairs = []
    for seed, (height, width) in enumerate([(40, 33), (32, 64)]):
        hr = noise(height * scale, width * scale, seed)
        blocks = hr.reshape(height, scale, width, scale, 3).mean(axis=(1, 3))
        pair = make_pair("x", hr, scale)
        pairs.append(type(pair)("x", hr, blocks.round().astype(np.uint8)))
    sampler = PatchSampler(pairs, scale=scale, drop_flattest=0.0)
    lr, hr = sampler.batch(64, 32, torch.Generator().manual_seed(1))
    assert lr.shape == (64, 3, 32, 32)
    assert hr.shape == (64, 3, 32 * scale, 32 * scale)
    pooled = torch.nn.functional.avg_pool2d(hr, scale)
    assert (pooled - lr).abs().max() < 0.51 / 255
    assert len({bytes(p.numpy().tobytes()) for p in lr}) > 32  # not always the same patch


def test_same_generator_state_gives_the_same_batch() -> None:
    sampler = PatchSampler([make_pair("x", noise(256, 256), 4)], scale=4)
    first = sampler.batch(4, 16, torch.Generator().manual_seed(3))
    second = sampler.batch(4, 16, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_flat_places_are_left_out() -> None:
    image = noise(256, 512)
    image[:, :256] = 100  # the left half has nothing to learn from
    pair = make_pair("x", image, 2)
    kept = PatchSampler([pair], scale=2, drop_flattest=0.5).cells(16)
    assert (kept[:, 2] >= 128 - 8).all()


def test_every_place_can_be_drawn() -> None:
    """Patches reach all four borders of the photo."""
    hr = noise(96, 96)
    y, x = np.mgrid[:48, :48]
    lr = np.stack([y, x, y], axis=2).astype(np.uint8)
    pair = make_pair("x", hr, 2)
    sampler = PatchSampler([type(pair)("x", hr, lr)], scale=2, drop_flattest=0.0)
    patches, _ = sampler.batch(400, 16, torch.Generator().manual_seed(0))
    rows = (patches[:, 0] * 255).round()
    assert rows.min() == 0
    assert rows.max() == 47


def test_patch_larger_than_every_photo_is_one_line() -> None:
    sampler = PatchSampler([make_pair("x", noise(64, 64), 2)], scale=2)
    with pytest.raises(UserError, match="128 pixels"):
        sampler.batch(1, 64, torch.Generator())
