"""Image files out, by libvips: whole, with the metadata of the picture that they come from."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.image.decode import Picture
from acutance.image.files import atomic, must_be_free
from acutance.image.libvips import reason, with_space

FORMATS = ("png", "jpg", "webp", "tiff", "avif")
"""What can be written."""

LARGEST_SIDE = {"jpg": 65500, "webp": 16383, "avif": 16384}
"""Pixels on a side that a format can hold; the others hold any picture."""

_THUMBNAIL = "jpeg-thumbnail-data"
"""Within EXIF; libvips writes it there."""

_METADATA = ("exif-data", "xmp-data", "iptc-data", "icc-profile-data")


def format_of(path: Path) -> str:
    """The format that a file name asks for, one of ``FORMATS``; raises UserError for others."""
    name = path.suffix.lower().lstrip(".")
    name = {"jpeg": "jpg", "jpe": "jpg", "tif": "tiff"}.get(name, name)
    if name not in FORMATS:
        raise UserError(f"cannot write '{path.name}': choose one of {', '.join(FORMATS)}")
    return name


def check_target(
    path: Path, width: int, height: int, *, quality: int | None, overwrite: bool
) -> str:
    """The format of a file to write; raises UserError for what is known before the work."""
    kind = format_of(path)
    must_be_free(path, overwrite=overwrite)
    if quality is not None and not 1 <= quality <= 100:
        raise UserError(f"quality must be 1 to 100, not {quality}")
    limit = LARGEST_SIDE.get(kind)
    if limit and max(width, height) > limit:
        raise UserError(
            f"{kind} holds at most {limit} pixels a side, not {width} x {height}: "
            "choose png or tiff"
        )
    return kind


def save_picture(
    image: pyvips.Image,
    path: Path,
    *,
    like: Picture,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write an image with another's metadata; the format follows the file's suffix.

    The ICC profile, EXIF, XMP, IPTC and resolution of ``like`` are kept, except that libvips writes
    no EXIF into TIFF; the orientation is already applied, so its tag says upright. 16 bits stay in
    png and tiff, become 12 in avif and 8 in jpg and webp. Written beside ``path`` first and moved
    when whole.

    Args:
        image: bands and format as in ``Picture``.
        path: target; its suffix names the format.
        like: the picture whose metadata to keep.
        quality: 1..100 for jpg, webp and avif; 90 by default.
        overwrite: replace an existing file.

    Raises:
        UserError: unknown format, or one that cannot hold the size; quality out of range; existing
            file, unwritable or full disk.
    """
    kind = check_target(path, image.width, image.height, quality=quality, overwrite=overwrite)
    image = _with_metadata(image, like.image)
    if like.turned and like.image.get_typeof(_THUMBNAIL):  # which lies on its side still
        small = like.image.thumbnail_image(160).jpegsave_buffer(Q=75, keep="none")
        image.set_type(pyvips.GValue.blob_type, _THUMBNAIL, small)
    options: dict[str, Any] = {"keep": "all"}
    if kind in ("jpg", "webp", "avif"):
        options["Q"] = 90 if quality is None else quality
    if kind == "tiff":
        options |= {"compression": "deflate", "predictor": "horizontal", "bigtiff": _is_big(image)}
    if kind == "png":
        options["compression"] = 6
    if kind == "jpg" and image.hasalpha():
        image = image.flatten(background=65535 if image.format == "ushort" else 255)
    if kind in ("jpg", "webp") and image.format == "ushort":
        image = (image / 257).rint().cast("uchar")
    if kind in ("webp", "avif") and image.bands < 3 and image.get_typeof("icc-profile-data"):
        # Both are written as RGB, which a gray profile does not describe.
        with contextlib.suppress(pyvips.Error):  # a broken profile says nothing
            image = image.icc_transform(
                "srgb", embedded=True, depth=16 if image.format == "ushort" else 8
            )
    with atomic(path, overwrite=overwrite) as partial:
        _vips_write(image, partial, options, target=path)


def write_rgb8(path: Path, image: NDArray[np.uint8]) -> None:
    """Write ``(H, W, 3)`` 8-bit RGB, replacing what is there: for samples and test pictures."""
    with atomic(path, overwrite=True) as partial:
        _vips_write(pyvips.Image.new_from_array(image), partial, {}, target=path)


def _with_metadata(image: pyvips.Image, like: pyvips.Image) -> pyvips.Image:
    image = with_space(image).copy(xres=like.xres, yres=like.yres)
    fields = like.get_fields()
    for name in _METADATA:
        if name in fields:
            image.set_type(pyvips.GValue.blob_type, name, like.get(name))
    for name in fields:
        if name.startswith("exif-") and name != "exif-data":
            with contextlib.suppress(pyvips.Error):
                image.set_type(pyvips.GValue.gstr_type, name, like.get(name))
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return image


def _is_big(image: pyvips.Image) -> bool:
    """Whether a TIFF needs 64-bit offsets."""
    return bool(image.width * image.height * image.bands * 2 > 3_000_000_000)


def _vips_write(
    image: pyvips.Image, partial: Path, options: dict[str, Any], *, target: Path
) -> None:
    try:
        image.write_to_file(str(partial), **options)
    except pyvips.Error as error:
        raise UserError(
            f"cannot write {target}: {reason(error)}; check free space and permissions"
        ) from error
