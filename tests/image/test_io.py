"""Image files: every kind of pixel in, metadata through, damage named, nothing half-written."""

import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips

from acutance.errors import UserError
from acutance.image.io import (
    FORMATS,
    LARGEST_SIDE,
    STALE,
    SUFFIXES,
    Picture,
    atomic,
    decode_rgb8,
    format_of,
    nameless_file,
    open_picture,
    pixels,
    read_rgb,
    save_picture,
    write_rgb8,
)

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a/></x:xmpmeta>'


def noise(*shape: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def smooth(height: int, width: int) -> np.ndarray:
    """A colour gradient, which lossy formats keep well."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * y / height, 255 * x / width, 90 + 0 * x], axis=2).astype(np.uint8)


def vips(array: np.ndarray) -> pyvips.Image:
    """An image whose space is named, as a decoder would."""
    image = pyvips.Image.new_from_array(array)
    gray, deep = image.bands < 3, array.dtype == np.uint16
    return image.copy(interpretation=(("b-w", "grey16") if gray else ("srgb", "rgb16"))[deep])


def written(path: Path, array: np.ndarray, **options: object) -> Path:
    vips(array).write_to_file(str(path), **options)
    return path


def read(path: Path) -> np.ndarray:
    picture = open_picture(path)
    return pixels(picture.image, path)


def blob(image: pyvips.Image, name: str, data: bytes) -> None:
    image.set_type(pyvips.GValue.blob_type, name, data)


def display_p3() -> bytes:
    """An RGB profile that is not sRGB."""
    profile: bytes = (
        vips(smooth(2, 2)).icc_transform("p3", input_profile="srgb").get("icc-profile-data")
    )
    return profile


def gray_profile() -> bytes:
    """A gray ICC profile with linear values: an sRGB decoder would show them too dark."""
    tags = {
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061),
        b"kTRC": b"curv\0\0\0\0" + struct.pack(">IHH", 1, 256, 0),
        b"cprt": b"text\0\0\0\0x\0\0\0",
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"g\0" + bytes(82),
    }
    start, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for key, value in tags.items():
        table += key + struct.pack(">II", start + len(body), len(value))
        body += value
    head = struct.pack(
        ">I4sI4s4s4s12x4s28xIII48x",
        start + len(body),
        b"lcms",
        0x02100000,
        b"mntr",
        b"GRAY",
        b"XYZ ",
        b"acsp",
        63190,
        65536,
        54061,
    )
    return head + table + body


def png_chunk(kind: bytes, data: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + crc


def png(
    width: int, height: int, depth: int, colour: int, rows: bytes, *extra: tuple[bytes, bytes]
) -> bytes:
    """A PNG made by hand; ``rows`` include their filter bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob(".acutance-*"))


# Reading


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


def srgb_curve(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


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


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_thumbnail_within_is_upright_too(tmp_path: Path, orientation: int) -> None:
    image = vips(smooth(30, 40)).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    small = vips(smooth(12, 16)).jpegsave_buffer(keep="none")
    image.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", small)
    image.write_to_file(str(tmp_path / "a.jpg"))
    picture = open_picture(tmp_path / "a.jpg")
    save_picture(picture.image, tmp_path / "b.jpg", like=picture, quality=90, overwrite=False)
    written = pyvips.Image.new_from_file(str(tmp_path / "b.jpg"))
    thumbnail = pyvips.Image.new_from_buffer(written.get("jpeg-thumbnail-data"), "")
    assert (thumbnail.width > thumbnail.height) == (written.width > written.height)


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


def assert_one_line(error: UserError, name: str) -> None:
    """What is wrong, in words, and what to do."""
    assert "\n" not in str(error)
    assert name in str(error)
    assert "get it anew" in str(error)
    assert "unable to call" not in str(error)


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


def photograph(path: Path) -> Picture:
    """A picture with all the metadata that a camera and an editor leave."""
    image = vips(smooth(24, 32)).copy(xres=11.811, yres=5.9055)
    blob(image, "icc-profile-data", display_p3())
    blob(image, "xmp-data", XMP)
    for name, value in {
        "exif-ifd0-Model": "A Camera",
        "exif-ifd2-DateTimeOriginal": "2020:01:02 03:04:05",
        "exif-ifd3-GPSLatitude": "52/1 30/1 1/2",
    }.items():
        image.set_type(pyvips.GValue.gstr_type, name, value)
    image.write_to_file(str(path), Q=95)
    return open_picture(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_metadata_goes_through(tmp_path: Path, kind: str) -> None:
    picture = photograph(tmp_path / "a.jpg")
    bare = pyvips.Image.new_from_array(np.repeat(np.repeat(smooth(24, 32), 2, 0), 2, 1))
    path = tmp_path / f"b.{kind}"
    save_picture(bare, path, like=picture)
    saved = pyvips.Image.new_from_file(str(path))
    assert (saved.width, saved.height, saved.bands) == (64, 48, 3)
    assert saved.get("icc-profile-data") == display_p3()
    assert saved.get("xmp-data") == XMP
    if kind == "tiff":  # libvips writes no EXIF there, as the docstring says
        assert not saved.get_typeof("exif-data")
    else:
        assert saved.get("exif-ifd0-Model").startswith("A Camera (")
        assert saved.get("exif-ifd2-DateTimeOriginal").startswith("2020:01:02 03:04:05 (")
        assert saved.get("exif-ifd3-GPSLatitude").startswith("52/1 30/1 1/2 (")
        assert saved.get("exif-ifd2-PixelXDimension").startswith("64 (")
        over, under = saved.get("exif-ifd0-YResolution").split(" ")[0].split("/")
        assert int(over) / int(under) == pytest.approx(150, abs=0.01)  # an inch
    if kind not in ("webp", "avif"):  # these have no resolution of their own, only EXIF's
        assert (saved.xres, saved.yres) == pytest.approx((11.811, 5.9055), abs=1e-3)


def test_metadata_of_the_source_alone_is_kept(tmp_path: Path) -> None:
    """What the pixels themselves bring, such as a temporary file's name, does not matter."""
    plain = open_picture(written(tmp_path / "a.png", smooth(8, 8)))
    save_picture(plain.image, tmp_path / "b.png", like=plain)
    saved = pyvips.Image.new_from_file(str(tmp_path / "b.png"))
    assert not saved.get_typeof("icc-profile-data")
    assert not saved.get_typeof("xmp-data")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_gray_profile_stays_right(tmp_path: Path, dtype: type, kind: str) -> None:
    """WebP and AVIF are written as RGB: the profile is applied, not stuck on or dropped."""
    white = np.iinfo(dtype).max
    image = vips(np.full((16, 16), white // 5, dtype)).copy()
    blob(image, "icc-profile-data", gray_profile())
    image.write_to_file(str(tmp_path / "a.png"))
    picture = open_picture(tmp_path / "a.png")
    save_picture(picture.image, tmp_path / f"b.{kind}", like=picture, quality=100)
    saved = pyvips.Image.new_from_file(str(tmp_path / f"b.{kind}"))
    profile = saved.get("icc-profile-data")[16:20] if saved.get_typeof("icc-profile-data") else None
    value = saved.numpy().mean() / (65535 if saved.format == "ushort" else 255)
    if saved.bands == 1:
        assert (profile, value) == (b"GRAY", pytest.approx(0.2, abs=0.01))
    else:
        assert profile in (None, b"RGB ")
        assert value == pytest.approx(float(srgb_curve(np.array(0.2))), abs=0.02)


def test_a_broken_gray_profile_is_no_obstacle(tmp_path: Path) -> None:
    image = vips(noise(16, 16)).copy()
    picture = Picture(image, tmp_path / "a.png")
    blob(image, "icc-profile-data", b"x" * 200)
    save_picture(image, tmp_path / "b.webp", like=picture)
    assert read(tmp_path / "b.webp").shape == (16, 16, 3)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize(("kind", "deep"), [("png", True), ("tiff", True), ("avif", None)])
def test_sixteen_bits_stay(tmp_path: Path, kind: str, deep: bool | None, bands: int) -> None:
    array = noise(6, 9, bands, dtype=np.uint16)
    image = vips(array)
    save_picture(image, tmp_path / f"a.{kind}", like=Picture(image, tmp_path))
    saved = pyvips.Image.new_from_file(str(tmp_path / f"a.{kind}"))
    assert saved.format == "ushort"
    if deep:
        np.testing.assert_array_equal(read(tmp_path / f"a.{kind}"), array)
    else:
        assert saved.get("bits-per-sample") == 12


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["jpg", "webp"])
def test_sixteen_bits_become_eight_where_there_are_no_more(
    tmp_path: Path, kind: str, bands: int
) -> None:
    eight = np.repeat(smooth(16, 24)[:, :, :1], bands, axis=2)
    image = vips(eight.astype(np.uint16) * 257)
    save_picture(image, tmp_path / f"a.{kind}", like=Picture(image, tmp_path), quality=100)
    result = read(tmp_path / f"a.{kind}")
    assert result.dtype == np.uint8
    alpha = eight[:, :, -1:] / 255 if bands in (2, 4) and kind == "jpg" else 1
    expected = eight[:, :, :1].astype(float) * alpha + 255 * (1 - alpha)
    seen = eight[:, :, :1] > 0  # WebP drops the colour of what is quite transparent
    assert np.abs(result[:, :, :1] - expected)[seen].max() <= 6


@pytest.mark.parametrize("kind", ["png", "webp", "tiff", "avif"])
def test_alpha_is_kept(tmp_path: Path, kind: str) -> None:
    array = np.dstack([smooth(16, 24), smooth(16, 24)[:, :, 0]])
    image = vips(array)
    save_picture(image, tmp_path / f"a.{kind}", like=Picture(image, tmp_path), quality=100)
    result = read(tmp_path / f"a.{kind}")
    assert np.abs(result[:, :, 3].astype(int) - array[:, :, 3]).max() <= 2


def test_jpeg_lays_alpha_on_white(tmp_path: Path) -> None:
    image = vips(np.dstack([smooth(16, 16), np.zeros((16, 16), np.uint8)]))
    save_picture(image, tmp_path / "a.jpg", like=Picture(image, tmp_path))
    assert read(tmp_path / "a.jpg").min() >= 254


@pytest.mark.parametrize("kind", ["jpg", "webp", "avif"])
def test_quality_is_size_against_fidelity(tmp_path: Path, kind: str) -> None:
    image = vips(noise(64, 64, 3))
    like, sizes, errors = Picture(image, tmp_path), {}, {}
    for quality in (1, 30, None, 100):
        path = tmp_path / f"{quality}.{kind}"
        save_picture(image, path, like=like, quality=quality)
        sizes[quality] = path.stat().st_size
        errors[quality] = np.abs(read(path).astype(int) - noise(64, 64, 3)).mean()
    assert sizes[1] < sizes[30] < sizes[None] < sizes[100]
    assert errors[1] > errors[30] > errors[None] > errors[100]
    save_picture(image, tmp_path / f"default.{kind}", like=like, quality=90)
    assert (tmp_path / f"default.{kind}").read_bytes() == (tmp_path / f"None.{kind}").read_bytes()


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_quality_out_of_range_is_refused(tmp_path: Path, quality: int) -> None:
    image = vips(noise(4, 4, 3))
    with pytest.raises(UserError, match=f"quality must be 1 to 100, not {quality}"):
        save_picture(image, tmp_path / "a.jpg", like=Picture(image, tmp_path), quality=quality)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", LARGEST_SIDE)
def test_the_largest_sides_are_what_libvips_takes(tmp_path: Path, kind: str) -> None:
    """At the limit libvips writes; above it we refuse, and libvips would."""
    side = LARGEST_SIDE[kind]
    image = pyvips.Image.black(side, 1).copy(interpretation="b-w")
    save_picture(image, tmp_path / f"a.{kind}", like=Picture(image, tmp_path))
    assert open_picture(tmp_path / f"a.{kind}").image.width == side
    larger = pyvips.Image.black(1, side + 1).copy(interpretation="b-w")
    with pytest.raises(UserError, match=f"{kind} holds at most {side} pixels a side"):
        save_picture(larger, tmp_path / f"b.{kind}", like=Picture(image, tmp_path))
    with pytest.raises(pyvips.Error):
        larger.write_to_file(str(tmp_path / f"c.{kind}"))


def test_the_suffix_names_the_format() -> None:
    for name, kind in {"a.PNG": "png", "a.jpeg": "jpg", "a.b.JPE": "jpg", "a.tif": "tiff"}.items():
        assert format_of(Path(name)) == kind
    for name in ("a", "a.bmp", "png", "a.", ".png"):
        with pytest.raises(UserError, match="choose one of png, jpg, webp, tiff, avif"):
            format_of(Path(name))


def test_an_existing_file_stays_unless_asked(tmp_path: Path) -> None:
    image = vips(noise(4, 5, 3))
    like, path = Picture(image, tmp_path), tmp_path / "a.png"
    path.write_bytes(b"precious")
    with pytest.raises(UserError, match="exists: give --overwrite"):
        save_picture(image, path, like=like)
    assert path.read_bytes() == b"precious"
    save_picture(image, path, like=like, overwrite=True)
    np.testing.assert_array_equal(read(path), noise(4, 5, 3))
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def write_slowly() -> None:
        with atomic(path, overwrite=False) as partial:
            partial.write_text("ours")
            path.write_text("theirs")

    with pytest.raises(UserError, match="exists"):
        write_slowly()
    assert path.read_text() == "theirs"
    assert leftovers(tmp_path) == []


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    """Files that are old and that no process holds; nobody else's, and no folder."""
    fcntl = pytest.importorskip("fcntl")
    names = (".acutance-old.png", ".acutance-held.png", ".acutance-new.png", "mine.png")
    for name in names:
        (tmp_path / name).write_bytes(b"half")
        age = 60 if "new" in name else 2 * STALE
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    (tmp_path / ".acutance-folder").mkdir()
    with (tmp_path / ".acutance-held.png").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as a process does that is still writing
        with atomic(tmp_path / "a.txt", overwrite=False) as partial:
            partial.write_text("ours")
    assert {p.name for p in tmp_path.iterdir()} == {*names[1:], ".acutance-folder", "a.txt"}


def test_a_file_that_is_written_for_hours_is_not_taken_for_a_leftover(tmp_path: Path) -> None:
    with atomic(tmp_path / "slow.txt", overwrite=False) as slow:
        slow.write_text("slow")
        os.utime(slow, (time.time() - 2 * STALE,) * 2)
        with atomic(tmp_path / "quick.txt", overwrite=False) as quick:
            quick.write_text("quick")
    assert (tmp_path / "slow.txt").read_text() == "slow"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["quick.txt", "slow.txt"]


def test_a_nameless_file_is_read_by_its_path(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        with nameless_file(tmp_path) as (file, name):
            file.write(content)
            file.flush()
            assert Path(name).read_bytes() == content
            if sys.platform != "win32":
                assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_suffixes_are_those_of_formats_that_can_be_read(tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(noise(4, 5, 3))
    for suffix in (".png", ".jpg", ".jfif", ".webp", ".tif", ".gif", ".avif"):
        assert suffix in SUFFIXES
        image.write_to_file(str(tmp_path / f"a{suffix}"))
        assert open_picture(tmp_path / f"a{suffix}").image.width == 5
    for suffix, loader in ((".bmp", "magickload"), (".ppm", "ppmload"), (".jp2", "jp2kload")):
        assert (suffix in SUFFIXES) == bool(pyvips.type_find("VipsForeignLoad", loader))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("precious")

    def fail() -> None:
        with atomic(path, overwrite=True) as partial:
            partial.write_text("half")
            raise error

    expected = UserError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        fail()
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np, pyvips
from acutance.errors import UserError
from acutance.image.io import Picture, save_picture
array = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
image = pyvips.Image.new_from_array(array).copy(interpretation="srgb")
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
try:
    path = Path(sys.argv[1])
    save_picture(image, path, like=Picture(image, path), overwrite=True)
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path, kind: str) -> None:
    """A limit on the size of files stands for the disk; it holds for libvips' own writes."""
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"precious")
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith(f"cannot write {path}: File too large; ")
    assert result.stdout.endswith("check free space and permissions\n")
    assert result.stdout.count("\n") == 1
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_made(tmp_path: Path) -> None:
    image = vips(noise(4, 5, 3))
    save_picture(image, tmp_path / "new" / "er" / "a.png", like=Picture(image, tmp_path))
    assert read(tmp_path / "new" / "er" / "a.png").shape == (4, 5, 3)


@pytest.mark.parametrize("below", ["file/a.png", "file/sub/a.png"])
def test_no_folder_can_be_made_below_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    image = vips(noise(4, 5, 3))
    with pytest.raises(UserError, match="is not a folder: choose another --output"):
        save_picture(image, tmp_path / below, like=Picture(image, tmp_path))
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    image = vips(noise(4, 5, 3))
    for overwrite in (False, True):
        with pytest.raises(UserError, match="is a folder"):
            save_picture(
                image, tmp_path / "a.png", like=Picture(image, tmp_path), overwrite=overwrite
            )


def test_an_impossible_name_cannot_be_written(tmp_path: Path) -> None:
    image = vips(noise(4, 5, 3))
    with pytest.raises(UserError, match=r"cannot write .*too long"):
        save_picture(image, tmp_path / ("x" * 300 + ".png"), like=Picture(image, tmp_path))


def test_new_files_get_the_usual_permissions(tmp_path: Path) -> None:
    """Temporary files are private; what is made from them is not."""
    (tmp_path / "usual").touch()
    write_rgb8(tmp_path / "a.png", noise(4, 5, 3))
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_name_in_brackets_is_a_name(tmp_path: Path) -> None:
    """libvips would take them for options."""
    path = tmp_path / "a[page=1]"
    write_rgb8(tmp_path / "a.png", np.zeros((4, 5, 3), np.uint8))
    (tmp_path / "a.png").rename(path)
    assert open_picture(path).image.width == 5
