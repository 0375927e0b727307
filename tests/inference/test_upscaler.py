"""The upscaler: no seams, every kind of picture, bounded memory, and no half-written file."""

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import pyvips

import acutance.inference.upscaler
from acutance.errors import UserError
from acutance.image.decode import open_picture, pixels
from acutance.image.encode import write_rgb8
from acutance.image.resize import resize
from acutance.inference.backends.openvino import OpenVINOBackend
from acutance.inference.upscaler import Summary, Upscaler

DEVICES = ("cpu", "torch-cpu")
SIZES = ((37, 53), (64, 48), (1, 1), (1, 40), (33, 1), (2, 3), (5, 4), (7, 90))
"""Odd, even, one pixel, and less than the receptive field of 17."""


def noise(*shape: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * y / height, 255 * x / width, 90 + 0 * x], axis=2).astype(np.uint8)


def test_a_gray_pixel_is_a_file_too(small: Path, tmp_path: Path) -> None:
    pyvips.Image.black(1, 1).write_to_file(str(tmp_path / "pixel.png"))
    assert Upscaler(small, device="torch-cpu")(tmp_path / "pixel.png").shape == (2, 2, 1)


def test_floats_up_to_255_and_lists(small: Path) -> None:
    upscaler = Upscaler(small, device="torch-cpu")
    with pytest.raises(UserError, match="floats reach 120 where white is 1: divide"):
        upscaler(np.full((8, 8, 3), 120, np.float32))
    assert upscaler(np.full((8, 8, 3), 1.1, np.float32)).max() == 1
    assert upscaler([[0.5, 0.5], [0.5, 0.5]]).shape == (4, 4)  # type: ignore[arg-type]


class FakeBackend:
    """Nearest neighbour, or whatever ``change`` makes of it; counts its tiles."""

    name = "fake"

    def __init__(
        self, scale: int, change: Callable[[np.ndarray, int], np.ndarray] = lambda sr, _: sr
    ) -> None:
        self.scale, self.change = scale, change
        self.shapes: list[tuple[int, ...]] = []

    def run(self, lr_NCHW: np.ndarray) -> np.ndarray:
        self.shapes.append(lr_NCHW.shape)
        sr = lr_NCHW.repeat(self.scale, axis=2).repeat(self.scale, axis=3)
        return self.change(sr, len(self.shapes))


def faked(
    card: Path, change: Callable[[np.ndarray, int], np.ndarray] = lambda sr, _: sr, **options: int
) -> tuple[Upscaler, FakeBackend]:
    upscaler = Upscaler(card, device="cpu", precision="fp32", **options)
    backend = FakeBackend(upscaler.scale, change)
    upscaler._network.backend = backend
    return upscaler, backend


@pytest.fixture(scope="module")
def one(small: Path) -> Upscaler:
    """A small model and tiles as large as any picture here."""
    return Upscaler(small, device="cpu", precision="fp32")


# Tiles


@pytest.mark.parametrize("device", DEVICES)
def test_tiled_equals_untiled(small: Path, device: str) -> None:
    untiled = Upscaler(small, device=device, precision="fp32")
    tiled = Upscaler(small, device=device, precision="fp32", tile=16)
    for height, width in SIZES:
        lr = noise(height, width, 3)
        expected = untiled(lr)
        assert expected.shape == (height * untiled.scale, width * untiled.scale, 3)
        assert expected.dtype == np.uint8
        np.testing.assert_array_equal(tiled(lr), expected)
        floats = lr.astype(np.float32) / 255
        np.testing.assert_allclose(
            tiled.upscale_float(floats), untiled.upscale_float(floats), atol=1e-5
        )


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_tiled_equals_untiled_with_gray_and_alpha(small: Path, one: Upscaler, bands: int) -> None:
    tiled = Upscaler(small, device="cpu", precision="fp32", tile=16)
    lr = noise(45, 51, bands)
    np.testing.assert_array_equal(tiled(lr), one(lr))


@pytest.mark.parametrize("tile", [4, 16, 256])
def test_the_picture_is_mirrored_around_itself(small: Path, tile: int) -> None:
    """As ``numpy.pad`` mirrors it, whatever the tiles."""
    mirrored = Upscaler(small, device="cpu", precision="fp32", tile=tile)
    plain = Upscaler(small, device="cpu", precision="fp32")
    plain._network.card = dataclasses.replace(plain.card, mirrored=0)
    assert mirrored.card.mirrored == 8
    edge = 8 * plain.scale
    for height, width in [(4, 8), (8, 28), (44, 52)]:
        lr = noise(height, width, 3).astype(np.float32) / 255
        around = plain.upscale_float(np.pad(lr, ((8, 8), (8, 8), (0, 0)), mode="symmetric"))
        found = mirrored.upscale_float(lr)
        np.testing.assert_allclose(found, around[edge:-edge, edge:-edge], atol=1e-5)
        assert np.abs(found - plain.upscale_float(lr)).max() > 1e-3


def test_too_little_overlap_would_show(small: Path, one: Upscaler) -> None:
    """The two tests above can fail."""
    tiled = Upscaler(small, device="cpu", precision="fp32", tile=16)
    tiled._network.card = dataclasses.replace(tiled.card, receptive_field=2)
    lr = noise(45, 51, 3)
    assert (tiled(lr) != one(lr)).any()


def test_both_engines_agree(small: Path) -> None:
    openvino = Upscaler(small, device="cpu", precision="fp32")
    pytorch = Upscaler(small, device="torch-cpu")
    assert openvino.engine == "OpenVINO fp32 CPU"
    assert pytorch.engine == "PyTorch fp32 cpu"
    for height, width in SIZES:
        lr = noise(height, width, 3)
        floats = lr.astype(np.float32) / 255
        np.testing.assert_allclose(
            openvino.upscale_float(floats), pytorch.upscale_float(floats), atol=1e-5
        )
        assert np.abs(openvino(lr).astype(int) - pytorch(lr)).max() <= 1


def test_the_model_does_more_than_bicubic(one: Upscaler) -> None:
    """Otherwise these tests would say nothing of the network."""
    lr = noise(24, 30, 3).astype(np.float32) / 255
    assert np.abs(one.upscale_float(lr) - resize(lr, 48, 60)).max() > 0.02


def test_progress_counts_every_tile(small: Path, tmp_path: Path) -> None:
    write_rgb8(tmp_path / "a.png", noise(45, 51, 3))
    upscaler, backend = faked(small, tile=16)
    seen: list[tuple[int, int]] = []
    upscaler.upscale_file(
        tmp_path / "a.png", tmp_path / "b.png", progress=lambda *counts: seen.append(counts)
    )
    assert len(backend.shapes) == 3 * 4
    assert seen == [(i, 12) for i in range(1, 13)]
    assert len(set(backend.shapes)) == 1  # the network is prepared once


def test_tiles_of_padding_alone_are_not_computed(small: Path) -> None:
    """19 pixels are padded by 5 to 24; of six parts of 4 the last would hold padding alone."""
    upscaler, backend = faked(small, tile=4)
    lr = noise(19, 19, 3)
    np.testing.assert_array_equal(upscaler(lr), lr.repeat(2, 0).repeat(2, 1))
    assert len(backend.shapes) == 5 * 5


# Kinds of picture


def test_gray_is_the_mean_of_the_three_channels_for_gray(one: Upscaler) -> None:
    lr = noise(20, 26, 1)
    rgb = one.upscale_float(np.repeat(lr, 3, axis=2).astype(np.float32) / 255)
    expected = np.rint(rgb.mean(axis=2).clip(0, 1) * 255)
    assert (rgb.max(axis=2) - rgb.min(axis=2)).max() > 0.01  # they do differ
    result = one(lr)
    assert result.shape == (40, 52, 1)
    assert np.abs(result[:, :, 0] - expected).max() <= 1  # the mean may fall on a half
    assert (result[:, :, 0] != expected).mean() < 0.01
    np.testing.assert_array_equal(one(lr[:, :, 0]), result[:, :, 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colours", [1, 3])
def test_opaque_equals_no_alpha(one: Upscaler, colours: int, dtype: type) -> None:
    lr = noise(20, 26, colours, dtype=dtype)
    white = np.iinfo(dtype).max
    opaque = np.concatenate([lr, np.full((20, 26, 1), white, dtype)], axis=2)
    result = one(opaque)
    assert (result[:, :, -1] == white).all()
    np.testing.assert_array_equal(result[:, :, :-1], one(lr))


def test_what_is_transparent_has_no_say(one: Upscaler) -> None:
    """The colours under alpha = 0 are arbitrary: editors leave anything there."""
    lr = np.concatenate([smooth(24, 30), np.full((24, 30, 1), 255, np.uint8)], axis=2)
    lr[:, 15:, 3] = 0
    red, noisy = lr.copy(), lr.copy()
    red[:, 15:, :3] = (255, 0, 0)
    noisy[:, 15:, :3] = noise(24, 15, 3)
    np.testing.assert_array_equal(one(red), one(noisy))


def test_no_dark_fringe_at_the_edge_of_what_is_transparent(small: Path) -> None:
    """One colour throughout stays that colour wherever it can be seen."""
    upscaler, _ = faked(small, lambda sr, _: bicubic_of_nearest(sr))
    lr = np.full((24, 30, 4), (200, 100, 50, 255), np.uint8)
    lr[:, 15:, 3] = 0
    result = upscaler(lr)
    visible = result[:, :, 3] > 8
    assert 0.45 < visible.mean() < 0.55
    assert np.abs(result[visible][:, :3].astype(int) - (200, 100, 50)).max() <= 2


@pytest.mark.parametrize("soft", [True, False])
def test_a_cut_out_on_its_own_colour_is_flat(soft: bool) -> None:
    """A real network sharpens whatever edge it sees: it must see none."""
    y, x = np.mgrid[:40, :40] - 19.5
    alpha = np.clip(12.5 - np.hypot(y, x), 0, 1)
    lr = np.full((40, 40, 4), (180, 60, 250, 0), np.uint8)
    lr[:, :, 3] = np.rint((alpha if soft else alpha > 0.5) * 255)
    lr[lr[:, :, 3] == 0, :3] = 0
    result = Upscaler("tiny-x4", device="cpu", threads=1)(lr).astype(float)
    share = result[:, :, 3:] / 255
    colour = np.array([180, 60, 250])
    assert 0.2 < share.mean() < 0.4
    assert np.abs(share * result[:, :, :3] + (1 - share) * colour - colour).max() < 6


def bicubic_of_nearest(sr: np.ndarray) -> np.ndarray:
    """What a model does on average: the fake's output at half its size, enlarged smoothly."""
    lr = sr[0, :, ::2, ::2].transpose(1, 2, 0)
    return resize(lr, sr.shape[2], sr.shape[3]).transpose(2, 0, 1)[None]


def test_alpha_is_upscaled_by_bicubic(one: Upscaler) -> None:
    lr = noise(20, 26, 4)
    alpha = resize(lr[:, :, 3] / 255, 40, 52).clip(0, 1)
    np.testing.assert_allclose(one(lr)[:, :, 3], alpha * 255, atol=0.51)


def test_the_order_of_bytes_is_no_difference(one: Upscaler) -> None:
    lr = noise(20, 26, 3, dtype=np.uint16)
    np.testing.assert_array_equal(one(lr.astype(">u2")), one(lr))


def test_threads_take_turns(one: Upscaler) -> None:
    """One upscaler behind a server's threads: pictures of several sizes, at the same time."""
    pictures = [noise(20 + i % 3, 26, 3) for i in range(24)]
    alone = [one(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        for result, expected in zip(pool.map(one, pictures), alone, strict=True):
            np.testing.assert_array_equal(result, expected)


def test_sixteen_bits_are_sixteen_bits(one: Upscaler) -> None:
    lr = noise(20, 26, 3, dtype=np.uint16)
    result = one(lr)
    assert result.dtype == np.uint16
    floats = one.upscale_float((lr / 65535).astype(np.float32)).clip(0, 1)
    np.testing.assert_allclose(result / 65535, floats, atol=1e-5)
    assert len(np.unique(result % 257)) > 200  # not eight bits made wide


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_stay_floats_and_are_clipped(one: Upscaler, dtype: type) -> None:
    lr = noise(20, 26, 3).astype(dtype) / dtype(255)
    result = one(lr)
    assert result.dtype == dtype
    assert result.min() == 0
    assert result.max() == 1
    exact = one.upscale_float(lr.astype(np.float32))
    assert exact.min() < 0
    assert exact.max() > 1
    np.testing.assert_allclose(result, exact.clip(0, 1), atol=1e-3 if dtype is np.float16 else 0)


def test_an_array_need_not_be_contiguous_nor_writeable(one: Upscaler) -> None:
    lr = noise(20, 26, 3)[::-1, ::2]
    lr.flags.writeable = False
    np.testing.assert_array_equal(one(lr), one(lr.copy()))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 5), np.uint8), "expected an image of shape"),
        (np.zeros((4,), np.uint8), "expected an image of shape"),
        (np.zeros((1, 4, 4, 3), np.uint8), "expected an image of shape"),
        (np.zeros((0, 4, 3), np.uint8), "expected an image of shape"),
        (np.zeros((4, 4, 3), np.int32), "expected uint8, uint16 or floats"),
        (np.zeros((4, 4, 3), bool), "expected uint8, uint16 or floats"),
        (np.zeros((4, 4, 3), complex), "expected uint8, uint16 or floats"),
        (np.full((4, 4, 3), np.nan), "the image holds NaN or infinite numbers"),
        (np.full((4, 4, 3), np.inf, np.float32), "the image holds NaN or infinite numbers"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(
    one: Upscaler, image: np.ndarray, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        one(image)


def test_measurements_take_rgb_alone(one: Upscaler) -> None:
    with pytest.raises(ValueError, match="expected"):
        one.upscale_float(np.zeros((4, 4), np.float32))


def test_a_path_gives_what_its_pixels_give(one: Upscaler, tmp_path: Path) -> None:
    write_rgb8(tmp_path / "a.png", noise(20, 26, 3))
    expected = one(noise(20, 26, 3))
    np.testing.assert_array_equal(one(tmp_path / "a.png"), expected)
    np.testing.assert_array_equal(one(str(tmp_path / "a.png")), expected)


# Files


def camera_picture(path: Path, array: np.ndarray) -> Path:
    """A picture on its side, with a profile, EXIF and resolution."""
    deep, gray = array.dtype == np.uint16, array.shape[2] < 3
    space = (("b-w", "grey16") if gray else ("srgb", "rgb16"))[deep]
    image = pyvips.Image.new_from_array(array).copy(interpretation=space, xres=11.811, yres=11.811)
    if not gray:
        rgb = pyvips.Image.new_from_array(smooth(2, 2)).copy(interpretation="srgb")
        profile = rgb.icc_transform("p3", input_profile="srgb").get("icc-profile-data")
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Model", "A Camera")
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.write_to_file(str(path))
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_a_file_is_the_array_upscaled_with_its_metadata(
    small: Path, tmp_path: Path, kind: str, bands: int, dtype: type
) -> None:
    array = noise(21, 34, bands, dtype=dtype)
    source = camera_picture(tmp_path / "a.png", array)
    target = tmp_path / "new" / f"b.{kind}"
    upscaler = Upscaler(small, device="cpu", precision="fp32", tile=16)
    summary = upscaler.upscale_file(source, target)
    notes = ("turned upright",)
    if kind == "tiff":
        notes += ("EXIF left out, which libvips does not write into TIFF",)
    assert summary == Summary(
        source=source,
        target=target,
        size=(21, 34),
        upscaled=(42, 68),
        model="small",
        engine="OpenVINO fp32 CPU",
        notes=notes,
    )
    result = open_picture(target)
    assert result.notes == ()
    np.testing.assert_array_equal(pixels(result.image, target), upscaler(np.rot90(array, -1)))
    given = open_picture(source).image
    assert result.image.xres == pytest.approx(11.811, abs=1e-3)
    if bands > 2:
        assert result.image.get("icc-profile-data") == given.get("icc-profile-data")
    if kind == "png":
        assert result.image.get("exif-ifd0-Model").startswith("A Camera (")
    assert list(tmp_path.rglob(".acutance-*")) == []


def test_pictures_of_one_size_are_not_mixed_up(small: Path, tmp_path: Path) -> None:
    """libvips remembers files by name, and a temporary file may have the last one's."""
    upscaler, _ = faked(small)
    for i in range(3):
        write_rgb8(tmp_path / "a.png", noise(9, 11, 3, seed=i))
        upscaler.upscale_file(tmp_path / "a.png", tmp_path / "b.png", overwrite=True)
        found = pixels(open_picture(tmp_path / "b.png").image, tmp_path / "b.png")
        np.testing.assert_array_equal(found, upscaler(noise(9, 11, 3, seed=i)))


@pytest.mark.parametrize("kind", ["jpg", "webp", "avif"])
def test_lossy_targets_follow_the_quality(small: Path, tmp_path: Path, kind: str) -> None:
    upscaler, _ = faked(small)
    write_rgb8(tmp_path / "a.png", smooth(40, 50))
    expected, errors = upscaler(smooth(40, 50)).astype(int), []
    for quality in (20, 100):
        target = tmp_path / f"{quality}.{kind}"
        upscaler.upscale_file(tmp_path / "a.png", target, quality=quality)
        errors.append(np.abs(pixels(open_picture(target).image, target) - expected).mean())
    assert errors[1] < 2 < errors[0] * 2 < 20


def test_an_existing_target_stays(one: Upscaler, tmp_path: Path) -> None:
    write_rgb8(tmp_path / "a.png", noise(8, 8, 3))
    target = tmp_path / "b.png"
    target.write_bytes(b"precious")
    with pytest.raises(UserError, match="exists: give --overwrite"):
        one.upscale_file(tmp_path / "a.png", target)
    assert target.read_bytes() == b"precious"
    one.upscale_file(tmp_path / "a.png", target, overwrite=True)
    assert open_picture(target).image.width == 16


@pytest.mark.parametrize("name", ["a.png", "link.png", "sub/../a.png"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_the_source_is_never_the_target(
    one: Upscaler, tmp_path: Path, name: str, overwrite: bool
) -> None:
    write_rgb8(tmp_path / "a.png", noise(8, 8, 3))
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(UserError, match="is the source itself"):
        one.upscale_file(tmp_path / "a.png", tmp_path / name, overwrite=overwrite)
    assert (tmp_path / "a.png").read_bytes() == before


@pytest.mark.parametrize(("kind", "limit"), [("webp", 16383), ("jpg", 65500), ("avif", 16384)])
def test_formats_that_cannot_hold_the_size_are_refused_at_once(
    small: Path, tmp_path: Path, kind: str, limit: int
) -> None:
    upscaler, backend = faked(small)
    write_rgb8(tmp_path / "a.png", noise(1, limit // 2 + 1, 3))
    with pytest.raises(UserError, match=f"{kind} holds at most {limit} pixels a side"):
        upscaler.upscale_file(tmp_path / "a.png", tmp_path / f"b.{kind}")
    assert backend.shapes == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("name", "quality", "message"),
    [
        ("b.bmp", None, "cannot write 'b.bmp'"),
        ("b.jpg", 101, "quality must be 1 to 100"),
        ("a.png/b.png", None, "is not a folder"),
        ("x" * 300 + ".png", None, "too long"),
    ],
)
def test_impossible_targets_are_refused_at_once(
    small: Path, tmp_path: Path, name: str, quality: int | None, message: str
) -> None:
    upscaler, backend = faked(small)
    write_rgb8(tmp_path / "a.png", noise(8, 8, 3))
    with pytest.raises(UserError, match=message):
        upscaler.upscale_file(tmp_path / "a.png", tmp_path / name, quality=quality)
    assert backend.shapes == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_truncated_source_is_said_and_leaves_nothing(one: Upscaler, tmp_path: Path) -> None:
    write_rgb8(tmp_path / "a.png", noise(60, 60, 3))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"a\.png is damaged or truncated"):
        one.upscale_file(tmp_path / "a.png", tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_the_pixel_limit_is_passed_on(one: Upscaler, tmp_path: Path) -> None:
    write_rgb8(tmp_path / "a.png", noise(8, 9, 3))
    with pytest.raises(UserError, match="9 x 8 pixels, over the limit"):
        one.upscale_file(tmp_path / "a.png", tmp_path / "b.png", pixel_limit=71)


def spoilt(sr: np.ndarray, tile: int) -> np.ndarray:
    """The third tile has a row of numbers that are none."""
    if tile == 3:
        sr[0, 1, 25] = np.nan
    return sr


def test_invalid_numbers_from_a_model_write_nothing(small: Path, tmp_path: Path) -> None:
    write_rgb8(tmp_path / "a.png", noise(50, 50, 3))
    (tmp_path / "b.png").write_bytes(b"precious")
    upscaler, backend = faked(small, spoilt, tile=16)
    with pytest.raises(UserError, match="model 'small' gave invalid numbers; try"):
        upscaler.upscale_file(tmp_path / "a.png", tmp_path / "b.png", overwrite=True)
    assert len(backend.shapes) == 3
    assert (tmp_path / "b.png").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
    backend.shapes.clear()
    with pytest.raises(UserError, match="invalid numbers"):
        upscaler(noise(50, 50, 3))


def test_a_model_of_another_scale_is_refused(small: Path) -> None:
    upscaler, _ = faked(small, lambda sr, _: sr[:, :, ::2, ::2])
    with pytest.raises(UserError, match="does not upscale by 2 as its card says"):
        upscaler(noise(8, 8, 3))


def test_an_interruption_leaves_nothing(small: Path, tmp_path: Path) -> None:
    def interrupt(_sr: np.ndarray, _tile: int) -> np.ndarray:
        raise KeyboardInterrupt

    write_rgb8(tmp_path / "a.png", noise(8, 8, 3))
    upscaler, _ = faked(small, interrupt)
    with pytest.raises(KeyboardInterrupt):
        upscaler.upscale_file(tmp_path / "a.png", tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_too_little_disk_is_said_before_the_work(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rgb8(tmp_path / "a.png", noise(8, 8, 3))
    upscaler, backend = faked(small)

    class Usage:
        free = 16 * 16 * 3 - 1

    monkeypatch.setattr(acutance.inference.upscaler.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(UserError, match="not enough free space"):
        upscaler.upscale_file(tmp_path / "a.png", tmp_path / "b.png")
    assert backend.shapes == []
    Usage.free += 1
    upscaler.upscale_file(tmp_path / "a.png", tmp_path / "b.png")


FULL_DISK = """
import resource, sys
from pathlib import Path
from acutance.errors import UserError
from acutance.inference.upscaler import Upscaler
folder, card = Path(sys.argv[1]), sys.argv[2]
upscaler = Upscaler(card, device="cpu", precision="fp32", tile=32)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    upscaler.upscale_file(folder / "a.png", folder / "b.png")
except UserError as error:
    print(error)
"""


def test_a_disk_that_fills_up_is_said_and_leaves_nothing(small: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    write_rgb8(tmp_path / "a.png", noise(90, 70, 3))
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(small)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.startswith(f"cannot write to {tmp_path}: ")
    assert result.stdout.endswith("; check free space and permissions\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


# Memory


def test_less_memory_makes_smaller_tiles(small: Path) -> None:
    lr, longest = noise(300, 400, 3), []
    for memory in (3, 8, 1024):
        upscaler, backend = faked(small, memory=memory)
        upscaler(lr)
        longest.append(max(backend.shapes[0][2:]))
        values = 10 * 8 + 5 * 3 * 2**2  # feature maps and outputs of this model
        tile_bytes = 4 * values * backend.shapes[0][2] * backend.shapes[0][3]
        assert tile_bytes <= memory * 2**20
    assert longest[0] < longest[1] < longest[2] == 400 + 2 * 8


def test_too_little_memory_says_how_much_is_enough(small: Path) -> None:
    with pytest.raises(UserError, match="give at least") as caught:
        Upscaler(small, device="cpu", memory=1)
    enough = re.search(r"memory of 1 MiB is too little: give at least (\d+)$", str(caught.value))
    assert enough is not None
    Upscaler(small, device="cpu", memory=int(enough[1]))
    with pytest.raises(UserError, match="give at least"):
        Upscaler(small, device="cpu", memory=int(enough[1]) - 1)


def test_a_tile_is_rounded_to_what_the_network_takes(small: Path) -> None:
    upscaler, backend = faked(small, tile=11)
    upscaler(noise(40, 40, 3))
    assert len(backend.shapes) == 25  # parts of 8
    with pytest.raises(UserError, match="tile must be at least 4, not 3"):
        Upscaler(small, device="cpu", tile=3)


PEAK = """
import resource, sys
from pathlib import Path
import numpy as np
from acutance.inference.upscaler import Upscaler

class Nearest:
    name = "fake"
    def run(self, lr):
        return lr.repeat(2, axis=2).repeat(2, axis=3)

folder, card = Path(sys.argv[1]), sys.argv[2]
upscaler = Upscaler(card, device="cpu", precision="fp32", memory=16)
upscaler._network.backend = Nearest()
for name in ("warm", "large"):
    upscaler.upscale_file(folder / f"{name}.png", folder / f"{name}.tiff")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("shape", [(200, 12_000), (12_000, 200)])
def test_memory_does_not_grow_with_the_picture(
    small: Path, tmp_path: Path, shape: tuple[int, int]
) -> None:
    """The larger picture's floats alone would take 288 MB, and a strip of it as much."""
    write_rgb8(tmp_path / "warm.png", noise(400, 400, 3))
    black = pyvips.Image.black(shape[1], shape[0], bands=3).copy(interpretation="srgb")
    black.write_to_file(str(tmp_path / "large.png"))
    result = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path), str(small)],
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = map(int, result.stdout.split())
    unit = 1 if sys.platform == "darwin" else 1024
    # The decoded picture is 18 MB, and libvips keeps some of what it writes.
    assert (after - before) * unit < 120e6


# Models and engines


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "abacus"}, "device 'abacus' cannot be used here; try --device cpu"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used here; try --device cpu"),
        ({"device": "cpu", "precision": "int3"}, "unknown precision 'int3': choose one of auto"),
        ({"device": "cpu", "threads": 0}, "threads must be at least 1, not 0"),
    ],
)
def test_unknown_options_are_refused(
    small: Path, options: dict[str, str | int], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Upscaler(small, **options)  # type: ignore[arg-type]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UserError, match=r"unknown model 'nonsense': choose one of .*base-x4"):
        Upscaler("nonsense")


def test_without_a_driver_auto_is_the_processor(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acutance.inference.upscaler.shutil, "which", lambda _: None)
    assert Upscaler(small, precision="fp32").engine == "OpenVINO fp32 CPU"


def test_too_little_memory_of_a_device_is_said(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    upscaler = Upscaler(small, device="torch-cpu")

    def full(_: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(upscaler._network.backend._network, "forward", full)  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="too little memory: give less --memory"):
        upscaler(noise(8, 8, 3))


def test_an_engine_compiles_a_shape_once(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upscaler = Upscaler(small, device="cpu", precision="fp32", tile=16)
    backend = upscaler._network.backend
    assert isinstance(backend, OpenVINOBackend)
    compiled: list[object] = []
    compile_model = backend._core.compile_model

    class Core:
        def compile_model(self, *args: object) -> object:
            compiled.append(args)
            return compile_model(*args)

    monkeypatch.setattr(backend, "_core", Core())
    upscaler(noise(60, 60, 3))
    upscaler(noise(60, 60, 3))
    assert len(compiled) == 1


def test_the_shipped_model_sharpens() -> None:
    """Closer to the truth than bicubic, on a picture that it has not seen."""
    y, x = np.mgrid[:96, :96]
    truth = np.zeros((96, 96, 3), np.float32) + 0.2
    truth[np.hypot(y - 50, x - 45) < 30] = (0.9, 0.6, 0.3)
    truth[(x + y) % 32 < 6] = (0.1, 0.5, 0.7)
    lr = resize(truth, 24, 24).clip(0, 1)
    upscaler = Upscaler("base-x4", device="cpu", precision="fp32")
    result = upscaler.upscale_float(lr)
    assert result.shape == truth.shape
    assert ((result - truth) ** 2).mean() < 0.9 * ((resize(lr, 96, 96) - truth) ** 2).mean()


def test_bf16_keeps_smooth_pictures_smooth() -> None:
    """The bicubic part and the sum stay in fp32; as a whole in bf16 it is 0.4 levels off."""
    y, x = np.mgrid[:64, :64]
    ramp = np.stack([0.75 + (x + y) / 630] * 3, axis=2).astype(np.float32)
    fp32, bf16 = (Upscaler("base-x4", precision=p).upscale_float(ramp) for p in ("fp32", "bf16"))
    assert 255 * np.sqrt(np.square(fp32 - bf16).mean()) < 0.2
