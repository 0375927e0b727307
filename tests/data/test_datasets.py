"""Photos and patches: pairs that belong together, whatever is asked of the sampler."""

import io
import itertools
import tarfile
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from acutance.data.datasets import is_held_out, load_photos, make_pair, read_photos
from acutance.data.patches import NUMBERS, PatchSampler
from acutance.errors import UserError
from acutance.image.encode import write_rgb8
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


def test_warped_copies_are_added_to_train_on_and_never_held_out(tmp_path: Path) -> None:
    (kept,), (held_out,) = names(1), names(1, held_out=True)
    for name in (kept, held_out):
        (tmp_path / f"{name}.png").write_bytes(png(noise(130, 140)))
    photos = load_photos(tmp_path, scale=4, smallest_lr=8, largest_lr=24, copies=(), warps=3)
    assert [p.name for p in photos.train] == [
        f"{kept}.png",
        *(f"{kept}.png@warp-{number}" for number in range(3)),
    ]
    assert [p.name for p in photos.held_out] == [f"{held_out}.png"]
    assert all(min(p.lr.shape[:2]) >= 24 for p in photos.train)


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
def test_lr_patches_are_the_bicubic_of_the_photo_around_them(scale: int) -> None:
    """Found by its HR part, each LR patch is what ``resize`` makes of the photo from there on."""
    photos = [noise(24 * scale, 21 * scale), noise(20 * scale, 32 * scale, 1)]
    sampler = PatchSampler(
        [make_pair("x", photo, scale) for photo in photos], scale=scale, drop_flattest=0.0
    )
    size = 16
    lr, hr = sampler.batch(24, size, torch.Generator().manual_seed(1))
    assert lr.shape == (24, 3, size, size)
    assert hr.shape == (24, 3, size * scale, size * scale)
    phases = set()
    for lr_CHW, hr_CHW in zip((255 * lr).round().numpy(), (255 * hr).round().numpy(), strict=True):
        (found,) = places(hr_CHW.transpose(1, 2, 0), photos)
        turned, top, left = found
        phases.add((top % scale, left % scale))
        # Cut the photo so that the patch starts at a whole LR pixel, far from the new edges.
        first_y, first_x = top - min(top // scale, 4) * scale, left - min(left // scale, 4) * scale
        cut = turned[first_y:, first_x:]
        cut = cut[: len(cut) // scale * scale, : cut.shape[1] // scale * scale]
        rows, columns = (top - first_y) // scale, (left - first_x) // scale
        whole = resize(cut.astype(np.float64), len(cut) // scale, cut.shape[1] // scale)
        expected = whole[rows : rows + size, columns : columns + size].clip(0, 255)
        inner = np.abs(lr_CHW.transpose(1, 2, 0) - expected)[2:-2, 2:-2]
        assert inner.max() < 0.51
    assert len(phases) > min(scale, 3)  # patches start anywhere, not at whole LR pixels


def places(patch: np.ndarray, photos: list[np.ndarray]) -> list[tuple[np.ndarray, int, int]]:
    """Every photo, flipped or transposed, that holds the patch, and its top and left."""
    found = []
    for photo in photos:
        for transposed in (photo, photo.transpose(1, 0, 2)):
            for turned in (
                transposed,
                transposed[::-1],
                transposed[:, ::-1],
                transposed[::-1, ::-1],
            ):
                height, width = np.subtract(turned.shape, patch.shape)[:2] + 1
                corner = (turned[:height, :width] == patch[0, 0]).all(axis=2)
                for top, left in np.argwhere(corner):
                    window = turned[top : top + len(patch), left : left + patch.shape[1]]
                    if np.array_equal(window, patch):
                        found.append((turned, int(top), int(left)))
    return found


def test_margins_mirror_the_photo_at_its_edges() -> None:
    """A patch as large as the photo is the photo's own reduction, edges included."""
    photo = noise(64, 64)
    pair = make_pair("x", photo, 4)
    lr, hr = PatchSampler([pair], scale=4, drop_flattest=0.0).batch(
        1, 16, torch.Generator().manual_seed(0)
    )
    orientations = [
        (a, b)
        for hr_, lr_ in ((pair.hr, pair.lr), (pair.hr.swapaxes(0, 1), pair.lr.swapaxes(0, 1)))
        for a, b in (
            (hr_, lr_),
            (hr_[::-1], lr_[::-1]),
            (hr_[:, ::-1], lr_[:, ::-1]),
            (hr_[::-1, ::-1], lr_[::-1, ::-1]),
        )
    ]
    as_bytes = (255 * hr[0]).round().numpy().transpose(1, 2, 0)
    (own,) = [b for a, b in orientations if np.array_equal(a, as_bytes)]
    difference = np.abs((255 * lr[0]).numpy().transpose(1, 2, 0) - own)
    assert difference.max() < 1.01  # a tie may round either way
    assert (difference < 0.01).mean() > 0.99


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
    y, x = np.mgrid[:96, :96]
    photo = np.stack([y, x, y], axis=2).astype(np.uint8)
    sampler = PatchSampler([make_pair("x", photo, 2)], scale=2, drop_flattest=0.0)
    _, patches = sampler.batch(400, 16, torch.Generator().manual_seed(0))
    rows = (patches[:, 0] * 255).round()
    assert rows.min() == 0
    assert rows.max() == 95


def test_run_folders_and_hidden_files_are_no_photos(tmp_path: Path) -> None:
    """A run folder holds crops of held-out photos: they would be trained on."""
    for name in ("a.png", "runs/x4/samples/b/hr.png", "runs/notes/c.png", "._a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"picture")
    (tmp_path / "runs" / "x4" / "run.json").write_text("{}")
    (tmp_path / "begun" / "samples" / "b").mkdir(parents=True)  # a run that failed to start
    (tmp_path / "begun" / "config.json").write_text("{}")
    (tmp_path / "begun" / "samples" / "b" / "hr.png").write_bytes(b"picture")
    names = [name for name, _ in read_photos(tmp_path)]
    assert [Path(name).name for name in names] == ["a.png", "c.png"]


def test_all_photos_held_out_is_one_line(tmp_path: Path) -> None:
    name = next(name for name in (f"p{i}" for i in range(400)) if is_held_out(name))
    write_rgb8(tmp_path / f"{name}.png", noise(96, 96))
    with pytest.raises(UserError, match=r"all 1 usable photos .* are held out for validation"):
        load_photos(tmp_path, scale=2, smallest_lr=16)


def test_a_cut_off_compressed_tar_is_one_line(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "whole.tgz", "w:gz") as tar:
        write_rgb8(tmp_path / "a.png", noise(96, 96))
        tar.add(tmp_path / "a.png", "a.png")
    data = (tmp_path / "whole.tgz").read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cannot read .*cut\.tar: .*; download or pack it again"):
        list(read_photos(tmp_path / "cut.tar"))


def test_patch_larger_than_every_photo_is_one_line() -> None:
    sampler = PatchSampler([make_pair("x", noise(64, 64), 2)], scale=2)
    with pytest.raises(UserError, match="128 pixels"):
        sampler.batch(1, 64, torch.Generator())


def test_recoloured_patches_are_the_same_with_their_planes_interchanged() -> None:
    pair = make_pair("x", noise(160, 160), 4)
    plain = PatchSampler([pair], scale=4)
    recoloured = PatchSampler([pair], scale=4, recoloured=1.0)
    random = torch.rand((64, NUMBERS), generator=torch.Generator().manual_seed(0)).double()
    before, after = plain.patches(random, 16), recoloured.patches(random, 16)
    orders = set()
    for lr, hr, new_lr, new_hr in zip(*before, *after, strict=True):
        order = [int((lr == plane).flatten(1).all(dim=1).nonzero()) for plane in new_lr]
        assert torch.equal(hr[order], new_hr)
        orders.add(tuple(order))
    assert orders == set(itertools.permutations(range(3))) - {(0, 1, 2)}


def test_only_a_share_is_recoloured() -> None:
    pair = make_pair("x", noise(160, 160), 4)
    random = torch.rand((400, NUMBERS), generator=torch.Generator().manual_seed(0)).double()
    plain = PatchSampler([pair], scale=4).patches(random, 8)[0]
    some = PatchSampler([pair], scale=4, recoloured=0.25).patches(random, 8)[0]
    changed = (plain != some).flatten(1).any(dim=1).float().mean()
    assert 0.18 < changed < 0.32
