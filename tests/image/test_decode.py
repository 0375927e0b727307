"""Image files in: every kind of pixel arrives, and damage is named."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips

from acutance.errors import UserError
from acutance.image.decode import SUFFIXES, decode_rgb8, open_picture, pixels, read_rgb
from acutance.image.encode import FORMATS, save_picture, write_rgb8

from .pictures import (
    assert_one_line,
    blob,
    display_p3,
    noise,
    png,
    read,
    smooth,
    srgb_curve,
    vips,
    written,
)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_arrive_as_they_are(tmp_path: Path, dtype: type, bands: int, suffix: str) -> None:
    array = noise(5, 7, bands, dtype=dtype)
    path = written(tmp_path / f"a.{suffix}", array)
    picture = open_picture(path)
    result = pixels(picture.image, path)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, array)
    assert picture.has_alpha == (bands in (2, 4))
    assert picture.largest == np.iinfo(dtype).max
    assert picture.notes == ()


PALETTE = bytes([255, 0, 0, 0, 255, 0, 9, 8, 7])


def test_a_palette_becomes_colours(tmp_path: Path) -> None:
    rows = bytes([0, 0, 1, 2, 0, 2, 1, 0])  # a filter byte before each row of three
    (tmp_path / "a.png").write_bytes(png(3, 2, 8, 3, rows, (b"PLTE", PALETTE)))
    expected = np.frombuffer(PALETTE, np.uint8).reshape(3, 3)[[[0, 1, 2], [2, 1, 0]]]
    np.testing.assert_array_equal(read(tmp_path / "a.png"), expected)


def test_a_palette_with_transparency_becomes_colours_and_alpha(tmp_path: Path) -> None:
    rows = bytes([0, 0, 1, 2, 0, 2, 1, 0])
    data = png(3, 2, 8, 3, rows, (b"PLTE", PALETTE), (b"tRNS", bytes([0, 128])))
    (tmp_path / "a.png").write_bytes(data)
    result = read(tmp_path / "a.png")
    assert result.shape == (2, 3, 4)
    assert result[0, :, 3].tolist() == [0, 128, 255]
    assert result[0, 1, :3].tolist() == [0, 255, 0]


def test_a_palette_of_one_bit(tmp_path: Path) -> None:
    rows = bytes([0, 0b10100000])
    (tmp_path / "a.png").write_bytes(png(4, 1, 1, 3, rows, (b"PLTE", PALETTE[:6])))
    red, green = [255, 0, 0], [0, 255, 0]
    assert read(tmp_path / "a.png")[0].tolist() == [green, red, green, red]
    data = png(4, 1, 1, 3, rows, (b"PLTE", PALETTE[:6]), (b"tRNS", b"\0"))
    (tmp_path / "b.png").write_bytes(data)
    assert read(tmp_path / "b.png")[0, :, 3].tolist() == [255, 0, 255, 0]


def test_gray_of_one_bit_is_black_and_white(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(4, 1, 1, 0, bytes([0, 0b10100000])))
    assert read(tmp_path / "a.png")[0].tolist() == [[255], [0], [255], [0]]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("profile", ["embedded", "none"])
@pytest.mark.parametrize("suffix", ["tif", "jpg"])
def test_cmyk_becomes_srgb_and_says_so(
    tmp_path: Path, suffix: str, profile: str, depth: int
) -> None:
    if suffix == "jpg":
        depth = 8
    # Within the inks' gamut, so that the way there and back changes little.
    colour = np.full((16, 16, 3), (150, 120, 90), np.uint8)
    cmyk = vips(colour).icc_transform("cmyk", input_profile="srgb", depth=depth)
    path = tmp_path / f"a.{suffix}"
    cmyk.write_to_file(str(path), keep="all" if profile == "embedded" else "none")
    picture = open_picture(path)
    result = pixels(picture.image, path)
    assert result.shape == (16, 16, 3)
    assert result.dtype == (np.uint16 if depth == 16 else np.uint8)
    assert np.abs(result / picture.largest - colour / 255).max() < 0.03
    assert picture.notes == ("converted from CMYK to sRGB",)
    # The profile of the inks would be wrong for what the pixels are now.
    assert picture.image.get("icc-profile-data")[16:20] == b"RGB "


def test_cmyk_keeps_its_alpha(tmp_path: Path) -> None:
    cmyk = vips(smooth(4, 5)).icc_transform("cmyk", input_profile="srgb")
    alpha = pyvips.Image.new_from_array(noise(4, 5))
    cmyk.bandjoin(alpha).copy(interpretation="cmyk").write_to_file(str(tmp_path / "a.tif"))
    result = read(tmp_path / "a.tif")
    assert result.shape == (4, 5, 4)
    np.testing.assert_array_equal(result[:, :, 3], noise(4, 5))


def test_a_broken_cmyk_profile_is_no_obstacle(tmp_path: Path) -> None:
    cmyk = vips(smooth(4, 5)).icc_transform("cmyk", input_profile="srgb").copy()
    cmyk.write_to_file(str(tmp_path / "without.tif"), keep="none")
    blob(cmyk, "icc-profile-data", b"x" * 200)
    cmyk.write_to_file(str(tmp_path / "broken.tif"))
    np.testing.assert_array_equal(read(tmp_path / "broken.tif"), read(tmp_path / "without.tif"))


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_floats_are_linear_light(tmp_path: Path, bands: int) -> None:
    array = np.random.default_rng(0).random((5, 7, bands)).astype(np.float32)
    array[0, 0], array[0, 1] = 0, 1
    image = pyvips.Image.new_from_array(array)
    blob(image, "icc-profile-data", display_p3())
    image.write_to_file(str(tmp_path / "a.tif"))
    picture = open_picture(tmp_path / "a.tif")
    result = pixels(picture.image, picture.path)
    assert result.dtype == np.uint16
    assert picture.notes == ("converted from linear light to sRGB",)
    colours = bands if bands in (1, 3) else bands - 1
    expected = array.astype(np.float64)
    expected[:, :, :colours] = srgb_curve(expected[:, :, :colours])
    np.testing.assert_allclose(result / 65535, expected, atol=2e-4)
    assert not picture.image.get_typeof("icc-profile-data")


def test_floats_out_of_range_are_black_or_white(tmp_path: Path) -> None:
    array = np.array([[-1, 7, np.inf, -np.inf]], np.float32)
    pyvips.Image.new_from_array(array).write_to_file(str(tmp_path / "a.tif"))
    assert read(tmp_path / "a.tif").ravel().tolist() == [0, 65535, 65535, 0]


def test_floats_of_another_white_are_refused(tmp_path: Path) -> None:
    array = np.full((4, 5, 4), 100, np.float32)
    array[:, :, 3] = 1
    pyvips.Image.new_from_array(array).write_to_file(str(tmp_path / "a.tif"))
    with pytest.raises(UserError, match=r"floats are above 4 where white is 1: divide"):
        open_picture(tmp_path / "a.tif")


def test_lab_becomes_srgb(tmp_path: Path) -> None:
    colour = smooth(6, 8)
    vips(colour).colourspace("lab").write_to_file(str(tmp_path / "a.tif"))
    picture = open_picture(tmp_path / "a.tif")
    result = pixels(picture.image, picture.path)
    assert result.dtype == np.uint16
    assert np.abs(result / 65535 - colour / 255).max() < 0.01
    assert picture.notes == ("converted from lab to sRGB",)


@pytest.mark.parametrize("number", ["char", "short", "int", "uint"])
def test_numbers_without_an_agreed_white_are_refused(tmp_path: Path, number: str) -> None:
    vips(smooth(6, 8)).cast(number).write_to_file(str(tmp_path / "a.tif"))
    with pytest.raises(UserError, match=f"{number} numbers.*convert it"):
        open_picture(tmp_path / "a.tif")


def test_channels_beyond_alpha_are_left_out(tmp_path: Path) -> None:
    array = noise(4, 5, 6)
    written(tmp_path / "a.tif", array)
    picture = open_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(pixels(picture.image, picture.path), array[:, :, :4])
    assert picture.notes == ("channels beyond alpha left out",)


def test_of_an_animation_the_first_page_is_taken(tmp_path: Path) -> None:
    pages = pyvips.Image.new_from_array(np.concatenate([smooth(8, 8), 255 - smooth(8, 8)]))
    pages = pages.copy(interpretation="srgb")
    pages.set_type(pyvips.GValue.gint_type, "page-height", 8)
    pages.write_to_file(str(tmp_path / "a.webp"), lossless=True)
    picture = open_picture(tmp_path / "a.webp")
    np.testing.assert_array_equal(pixels(picture.image, picture.path)[:, :, :3], smooth(8, 8))
    assert picture.notes == ("first page only",)


UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}
"""What the EXIF standard asks a viewer to do for each orientation."""


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_is_applied_and_then_upright(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    array = noise(4, 6, 3)
    image = vips(array).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    path = tmp_path / f"a.{suffix}"
    image.write_to_file(str(path), **({"lossless": True} if suffix == "webp" else {}))
    stored = pyvips.Image.new_from_file(str(path))
    assert stored.get("orientation") == orientation  # the file does say so
    np.testing.assert_array_equal(stored.numpy(), array)
    picture = open_picture(path)
    upright = UPRIGHT[orientation](array)
    np.testing.assert_array_equal(pixels(picture.image, path), upright)
    assert picture.notes == (() if orientation == 1 else ("turned upright",))
    for kind in FORMATS:
        target = tmp_path / f"b.{kind}"
        save_picture(picture.image, target, like=picture)
        saved = pyvips.Image.new_from_file(str(target))
        assert not saved.get_typeof("orientation") or saved.get("orientation") == 1
        assert (saved.height, saved.width) == upright.shape[:2]
        if saved.get_typeof("exif-ifd0-Orientation"):
            assert saved.get("exif-ifd0-Orientation").startswith("1 ")


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    """libvips remembers what it loaded by name."""
    path = tmp_path / "a.png"
    for seed in (0, 1):
        array = noise(5, 7, 3, seed=seed)
        write_rgb8(path, array)
        np.testing.assert_array_equal(read(path), array)


# Damage


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file: .*a\.png"):
        open_picture(tmp_path / "a.png")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(UserError, match="no such file"):
        open_picture(tmp_path / "file" / "a.png")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a file"):
        open_picture(tmp_path)


def test_an_impossible_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*too long"):
        open_picture(tmp_path / ("x" * 300 + ".png"))


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"a\.png is empty"):
        open_picture(tmp_path / "a.png")


@pytest.mark.parametrize("data", [b"hello world, I am no image\n", bytes(1000), b"\xff\xd8\xff"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "nonsense"])
def test_not_an_image(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(data)
    with pytest.raises(UserError, match="is not an image that can be read") as caught:
        open_picture(path)
    assert_one_line(caught.value, path.name)
    with pytest.raises(UserError, match="the name cannot be read") as caught:
        decode_rgb8(data, "the name")
    assert_one_line(caught.value, "the name")


def tiff_with_its_directory_first(width: int, height: int) -> bytes:
    """An uncompressed gray TIFF, whose pixels come last: what is cut off is pixels alone."""
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 122)]
    entries += [(277, 1), (278, height), (279, width * height)]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + struct.pack("<I", 0)
    return head + noise(height, width).tobytes()


def test_the_hand_made_tiff_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff_with_its_directory_first(40, 30))
    np.testing.assert_array_equal(read(tmp_path / "a.tif")[:, :, 0], noise(30, 40))


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "tif-first", "webp", "avif", "gif"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_truncated(tmp_path: Path, kind: str, part: float) -> None:
    if kind == "tif-first":
        whole = tiff_with_its_directory_first(40, 30)
    else:
        whole = written(tmp_path / f"whole.{kind}", noise(60, 80, 3)).read_bytes()
    cut = whole[: int(len(whole) * part)]
    path = tmp_path / f"cut.{kind[:3]}"
    path.write_bytes(cut)
    with pytest.raises(UserError, match=r"truncated|is not an image that can be read") as caught:
        read(path)
    assert_one_line(caught.value, path.name)
    with pytest.raises(UserError) as caught:
        read_rgb(path)
    assert_one_line(caught.value, path.name)
    with pytest.raises(UserError) as caught:
        decode_rgb8(cut, "the name")
    assert_one_line(caught.value, "the name")


def test_a_decompression_bomb_is_refused_unread(tmp_path: Path) -> None:
    """Three hundred bytes that would be 30 GB."""
    bomb = png(100_000, 100_000, 8, 2, bytes(100_000))
    assert len(bomb) < 300
    path = tmp_path / "a.png"
    path.write_bytes(bomb)
    expected = "100000 x 100000 pixels, over the limit of 500 megapixels.*--pixel-limit"
    with pytest.raises(UserError, match=expected):
        open_picture(path)
    with pytest.raises(UserError, match=expected):
        decode_rgb8(bomb, "a")


def test_the_limit_can_be_chosen(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", noise(10, 12))
    assert open_picture(path, pixel_limit=120).image.width == 12
    with pytest.raises(UserError, match="12 x 10 pixels"):
        open_picture(path, pixel_limit=119)


# Arrays for training and measuring


def test_rgb_is_floats_with_gray_in_all_channels(tmp_path: Path) -> None:
    colour = noise(5, 7, 3)
    result = read_rgb(written(tmp_path / "a.png", colour))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, colour.astype(np.float32) / 255)
    gray = noise(5, 7, dtype=np.uint16)
    result = read_rgb(written(tmp_path / "b.png", gray))
    expected = np.repeat(gray[:, :, None].astype(np.float32) / 65535, 3, axis=2)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("bands", [2, 4])
def test_rgb_lays_transparency_on_white(tmp_path: Path, bands: int) -> None:
    array = noise(5, 7, bands)
    result = read_rgb(written(tmp_path / "a.png", array))
    colour, alpha = array[:, :, :-1] / 255, array[:, :, -1:] / 255
    expected = np.broadcast_to(colour * alpha + 1 - alpha, (5, 7, 3))
    np.testing.assert_allclose(result, expected, atol=1 / 255)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_decoding_from_memory(tmp_path: Path, dtype: type, bands: int) -> None:
    array = noise(5, 7, bands, dtype=dtype)
    path = written(tmp_path / "a.png", array)
    result = decode_rgb8(path.read_bytes(), "a")
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, read_rgb(path) * 255, atol=0.51 + (bands in (2, 4)))
    if (dtype, bands) == (np.uint8, 3):
        np.testing.assert_array_equal(result, array)


# Writing


def test_suffixes_are_those_of_formats_that_can_be_read(tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(noise(4, 5, 3))
    for suffix in (".png", ".jpg", ".jfif", ".webp", ".tif", ".gif", ".avif"):
        assert suffix in SUFFIXES
        image.write_to_file(str(tmp_path / f"a{suffix}"))
        assert open_picture(tmp_path / f"a{suffix}").image.width == 5
    for suffix, loader in ((".bmp", "magickload"), (".ppm", "ppmload"), (".jp2", "jp2kload")):
        assert (suffix in SUFFIXES) == bool(pyvips.type_find("VipsForeignLoad", loader))


def test_a_name_in_brackets_is_a_name(tmp_path: Path) -> None:
    """libvips would take them for options."""
    path = tmp_path / "a[page=1]"
    write_rgb8(tmp_path / "a.png", np.zeros((4, 5, 3), np.uint8))
    (tmp_path / "a.png").rename(path)
    assert open_picture(path).image.width == 5
