"""Image files out: metadata goes through, and nothing is half-written."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips

from acutance.errors import UserError
from acutance.image.decode import Picture, open_picture
from acutance.image.encode import FORMATS, LARGEST_SIDE, format_of, save_picture, write_rgb8

from .pictures import (
    XMP,
    blob,
    display_p3,
    gray_profile,
    noise,
    photograph,
    read,
    smooth,
    srgb_curve,
    vips,
    written,
)


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


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np, pyvips
from acutance.errors import UserError
from acutance.image.decode import Picture
from acutance.image.encode import save_picture
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
