"""Image files in and out, by libvips: the only place where bytes become pixels.

A picture in memory is a ``pyvips.Image``: lazy, any size, with its metadata. ``open_picture`` gives
it upright, in sRGB or gray, 8 or 16 bits, with or without alpha, and says what was converted;
``save_picture`` writes one atomically.
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from acutance.errors import UserError

if sys.platform != "win32":
    import fcntl

pyvips.cache_set_max(0)  # what it remembers keeps the temporary files of large pictures open

FORMATS = ("png", "jpg", "webp", "tiff", "avif")
"""What can be written."""

_LOADERS = {
    ".png": "pngload",
    ".jpg": "jpegload",
    ".jpeg": "jpegload",
    ".jpe": "jpegload",
    ".jfif": "jpegload",
    ".webp": "webpload",
    ".tif": "tiffload",
    ".tiff": "tiffload",
    ".avif": "heifload",
    ".heic": "heifload",
    ".heif": "heifload",
    ".gif": "gifload",
    ".jxl": "jxlload",
    ".jp2": "jp2kload",
    ".bmp": "magickload",
    ".ppm": "ppmload",
    ".pgm": "ppmload",
    ".pnm": "ppmload",
}

SUFFIXES = tuple(
    suffix for suffix, loader in _LOADERS.items() if pyvips.type_find("VipsForeignLoad", loader)
)
"""File names that a search through a folder takes for images: what libvips reads here."""

OTHER_SUFFIXES = (*(_LOADERS.keys() - set(SUFFIXES)), ".exr", ".hdr", ".tga", ".psd", ".svg")
"""Those of images that it leaves out, and says so."""

FAR_ABOVE_WHITE = 4
"""Of floats in linear light, white at 1; where most are above, white is another: 255 or 65535."""

PIXEL_LIMIT = 500_000_000
"""Pixels above which a file is refused as a decompression bomb, unless the limit is raised."""

LARGEST_SIDE = {"jpg": 65500, "webp": 16383, "avif": 16384}
"""Pixels on a side that a format can hold; the others hold any picture."""

_PLAIN = ("b-w", "grey16", "srgb", "rgb16", "rgb", "multiband", "histogram")
"""Spaces whose numbers are taken as they are."""

_TURNED = "turned upright"

_THUMBNAIL = "jpeg-thumbnail-data"
"""Within EXIF; libvips writes it there."""

_METADATA = ("exif-data", "xmp-data", "iptc-data", "icc-profile-data")


@dataclass(frozen=True)
class Picture:
    """A decoded, upright picture.

    Attributes:
        image: bands are gray, gray + alpha, RGB or RGB + alpha; format ``uchar`` or ``ushort``.
        path: where it came from.
        notes: conversions that a person should know of, in words.
    """

    image: pyvips.Image
    path: Path
    notes: tuple[str, ...] = ()

    @property
    def has_alpha(self) -> bool:
        """Whether the last band is alpha."""
        return self.image.bands in (2, 4)

    @property
    def turned(self) -> bool:
        """Whether EXIF's orientation was applied."""
        return _TURNED in self.notes

    @property
    def largest(self) -> int:
        """The value of white: 255 or 65535."""
        return 65535 if self.image.format == "ushort" else 255


def open_picture(path: Path, *, pixel_limit: int = PIXEL_LIMIT) -> Picture:
    """Open an image file, upright and in a space that a network understands.

    EXIF orientation is applied; a palette becomes RGB; CMYK is converted to sRGB by its profile;
    Lab and other spaces become sRGB. Floats are linear light with white at 1, as in scRGB, and
    become 16-bit sRGB or gray. An RGB or gray ICC profile is kept, not applied.

    Args:
        path: the file.
        pixel_limit: refuse more pixels than this, before anything is decoded.

    Raises:
        UserError: missing, empty, not an image, or over the limit. A truncated file is found out
            when its pixels are read.
    """
    _must_be_a_file(path)
    try:
        # libvips remembers what it loaded by name; revalidate looks at the file as it is now.
        # It also takes [...] at the end of a name for options, so such a name gets empty ones.
        name = f"{path}[]" if path.name.endswith("]") else str(path)
        image = pyvips.Image.new_from_file(name, access="random", fail_on="error", revalidate=True)
        _check_limit(image, str(path), pixel_limit)
        return _normalised(image, path)
    except pyvips.Error as error:
        raise UserError(
            f"{path} is not an image that can be read ({_reason(error)}): "
            "get it anew, or convert it to PNG"
        ) from error


def decode_rgb8(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a whole file in memory to ``(H, W, 3)`` 8-bit RGB; alpha is laid on white.

    Raises:
        UserError: not an image, truncated, or over the limit; ``name`` says which.
    """
    try:
        image = pyvips.Image.new_from_buffer(data, "", fail_on="error")
        _check_limit(image, name, PIXEL_LIMIT)
        picture = _normalised(image, Path(name))
        image = picture.image
        if picture.has_alpha:
            image = image.flatten(background=picture.largest)
        if picture.largest == 65535:
            image = (image / 257).rint().cast("uchar")
        if image.bands == 1:
            image = image.bandjoin([image, image])
        return np.ascontiguousarray(image.numpy().reshape(image.height, image.width, 3))
    except pyvips.Error as error:
        raise UserError(f"{name} cannot be read ({_reason(error)}): get it anew") from error


def read_rgb(path: Path) -> NDArray[np.float32]:
    """Read a file as ``(H, W, 3)`` float32 in [0, 1]; gray counts as R = G = B.

    Raises:
        UserError: as ``open_picture``, and when the file is truncated.
    """
    picture = open_picture(path)
    image = picture.image
    if picture.has_alpha:
        image = image.flatten(background=picture.largest)
    if image.bands == 1:
        image = image.bandjoin([image, image])
    unit: NDArray[np.float32] = pixels(image, path).astype(np.float32)
    return unit / np.float32(picture.largest)


def pixels(image: pyvips.Image, path: Path) -> NDArray[Any]:
    """Decode to ``(H, W, C)``; raises UserError when the file turns out to be damaged."""
    try:
        array: NDArray[Any] = image.numpy()
    except pyvips.Error as error:
        if "system error" in str(error):  # where libvips unpacks what it cannot read in parts
            raise UserError(
                f"cannot unpack {path} ({_reason(error)}): free space for temporary files, or let "
                "TMPDIR name a folder that has it"
            ) from error
        raise UserError(
            f"{path} is damaged or truncated ({_reason(error)}): get it anew"
        ) from error
    return array.reshape(image.height, image.width, image.bands)


def write_rgb8(path: Path, image: NDArray[np.uint8]) -> None:
    """Write ``(H, W, 3)`` 8-bit RGB, replacing what is there: for samples and test pictures."""
    with atomic(path, overwrite=True) as partial:
        _vips_write(pyvips.Image.new_from_array(image), partial, {}, target=path)


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
    _must_be_free(path, overwrite=overwrite)
    if quality is not None and not 1 <= quality <= 100:
        raise UserError(f"quality must be 1 to 100, not {quality}")
    limit = LARGEST_SIDE.get(kind)
    if limit and max(width, height) > limit:
        raise UserError(
            f"{kind} holds at most {limit} pixels a side, not {width} x {height}: "
            "choose png or tiff"
        )
    return kind


def make_folder(folder: Path) -> None:
    """Make a folder to write to, and those above it; raises UserError when that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"{folder} is not a folder: choose another --output") from error
    except OSError as error:
        raise UserError(f"cannot make {folder}: {error.strerror}; choose another --output") from (
            error
        )


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Raise UserError now for what ``atomic`` would raise after the work; makes the folder."""
    _must_be_free(path, overwrite=overwrite)
    make_folder(path.parent)
    try:
        with tempfile.TemporaryFile(prefix=".acutance-", dir=path.parent):
            pass
    except OSError as error:
        raise UserError(
            f"cannot write to {path.parent}: {error.strerror}; choose another --output"
        ) from error


STALE = 3600.0
"""Seconds after which a temporary file that no process holds was left by one that was killed."""


@contextlib.contextmanager
def nameless_file(folder: Path) -> Iterator[tuple[IO[bytes], str]]:
    """A temporary file in ``folder`` and a path that opens it again, in this process.

    On POSIX it has no name in the folder: nothing is left of it, however the process ends.
    """
    if os.path.exists("/dev/fd/0"):  # noqa: PTH110 - a device, not a path of ours
        with tempfile.TemporaryFile(prefix=".acutance-", dir=folder) as file:
            yield file, f"/dev/fd/{file.fileno()}"
    else:
        # Windows does not open a file again that removes itself.
        handle, name = tempfile.mkstemp(prefix=".acutance-", dir=folder)
        try:
            with open(handle, "w+b") as file:  # noqa: PTH123 - a handle, no path
                yield file, name
        finally:
            with contextlib.suppress(OSError):  # still open elsewhere: stale one day
                Path(name).unlink()


@contextlib.contextmanager
def atomic(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    Whatever happens inside, ``path`` holds either what it held or the whole new file.

    Raises:
        UserError: ``path`` exists and may not be replaced, or its folder cannot be written.
    """
    _must_be_free(path, overwrite=overwrite)
    make_folder(path.parent)
    _remove_stale(path.parent)
    try:
        # A name of its own, with the suffix, which tells libvips the format.
        handle, name = tempfile.mkstemp(prefix=".acutance-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise UserError(
            f"cannot write to {path.parent}: {error.strerror}; choose another --output"
        ) from error
    partial = Path(name)
    if not (held := _lock(handle)):
        os.close(handle)
    try:
        yield partial
        umask = os.umask(0)
        os.umask(umask)
        with contextlib.suppress(OSError):  # a file system without permissions
            partial.chmod(0o666 & ~umask)
        if overwrite:
            partial.replace(path)
        else:
            try:
                os.link(partial, path)  # fails if another process made the file meanwhile
            except FileExistsError:
                raise UserError(f"{path} exists: give --overwrite to replace it") from None
            except OSError:  # a file system without hard links
                partial.replace(path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; check free space and permissions"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
        if held:
            os.close(handle)


def _lock(handle: int) -> bool:
    """Mark an open file as in use until it is closed; False when another process uses it."""
    if sys.platform == "win32":  # where a file in use cannot be renamed either
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # in use, or a file system without locks
        return False
    return True


def _remove_stale(folder: Path) -> None:
    """Remove what killed processes left in a folder: old temporary files that nobody holds."""
    for path in folder.glob(".acutance-*"):
        with contextlib.suppress(OSError):  # another process may be quicker, or own the file
            if not path.is_file() or time.time() - path.stat().st_mtime < STALE:
                continue
            with path.open("rb") as file:
                if _lock(file.fileno()):
                    path.unlink()


def _vips_write(
    image: pyvips.Image, partial: Path, options: dict[str, Any], *, target: Path
) -> None:
    try:
        image.write_to_file(str(partial), **options)
    except pyvips.Error as error:
        raise UserError(
            f"cannot write {target}: {_reason(error)}; check free space and permissions"
        ) from error


def _must_have_a_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="replace").decode()
        raise UserError(f"the name of {shown} is not UTF-8: rename it") from None


def _must_be_a_file(path: Path) -> None:
    _must_have_a_name(path)
    try:
        if not path.exists():
            raise UserError(f"no such file: {path}; check its name and folder")
        if not path.is_file():
            raise UserError(f"{path} is not a file: give an image")
        if not os.access(path, os.R_OK):
            raise UserError(f"no permission to read {path}; change its permissions, or copy it")
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty: get it anew")
    except OSError as error:  # a name that is too long, a dead network share
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def _must_be_free(path: Path, *, overwrite: bool) -> None:
    _must_have_a_name(path)
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder, not a file to write")
        if os.path.lexists(path) and not overwrite:  # a link that leads nowhere too
            raise UserError(f"{path} exists: give --overwrite to replace it, or another --output")
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; choose another --output"
        ) from error


def _check_limit(image: pyvips.Image, name: str, limit: int) -> None:
    count = image.width * image.height
    if count > limit:
        raise UserError(
            f"{name} has {image.width} x {image.height} pixels, over the limit of "
            f"{limit / 1e6:g} megapixels; `acutance upscale` raises it with --pixel-limit, if you "
            "trust the file"
        )


def _normalised(image: pyvips.Image, path: Path) -> Picture:
    notes = []
    if image.get_typeof("orientation") and image.get("orientation") != 1:
        image = image.autorot()
        notes.append(_TURNED)
    if image.get_typeof("n-pages") and image.get("n-pages") > 1:
        notes.append("first page only")
    space = image.interpretation
    if space == "cmyk":
        profile = "embedded" if image.get_typeof("icc-profile-data") else "cmyk"
        depth = 16 if image.format == "ushort" else 8
        image = image.icc_transform("srgb", input_profile=profile, embedded=True, depth=depth)
        notes.append("converted from CMYK to sRGB")
    elif image.format in ("float", "double") and (space in _PLAIN or space == "scrgb"):
        colours = image.extract_band(0, n=3 if image.bands > 2 else 1)
        if (colours > FAR_ABOVE_WHITE).avg() > 255 / 2:  # a comparison gives 0 or 255
            raise UserError(
                f"most of {path}'s floats are above {FAR_ABOVE_WHITE} where white is 1: divide "
                "them by what their white is, or convert it to 16 bits"
            )
        image = _from_linear(image)
        notes.append("converted from linear light to sRGB")
    elif space not in _PLAIN:
        image = image.colourspace("srgb" if image.format == "uchar" else "rgb16").copy()
        image.remove("icc-profile-data")
        notes.append(f"converted from {space} to sRGB")
    if image.format not in ("uchar", "ushort"):
        raise UserError(
            f"{path} holds {image.format} numbers, whose white is not agreed upon: "
            "convert it to 8 or 16 bits"
        )
    bands = 2 if space in ("b-w", "grey16") else 4
    if image.bands > bands:
        image = image.extract_band(0, n=bands)
        notes.append("channels beyond alpha left out")
    return Picture(_with_space(image), path, tuple(notes))


def _from_linear(image: pyvips.Image) -> pyvips.Image:
    """Linear light in floats, white at 1, to 16-bit sRGB or gray; alpha stays linear."""
    gray = image.bands < 3
    if gray:  # libvips knows linear light as RGB only
        image = image[0].bandjoin([image[0], *image.bandsplit()])
    image = image.copy(interpretation="scrgb").colourspace("grey16" if gray else "rgb16").copy()
    image.remove("icc-profile-data")  # it described what was converted
    return image


def _with_space(image: pyvips.Image) -> pyvips.Image:
    """The same pixels, named gray or RGB by what they are."""
    gray, deep = image.bands < 3, image.format == "ushort"
    names = ("b-w", "grey16") if gray else ("srgb", "rgb16")
    return image.copy(interpretation=names[deep])


def _with_metadata(image: pyvips.Image, like: pyvips.Image) -> pyvips.Image:
    image = _with_space(image).copy(xres=like.xres, yres=like.yres)
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


def _reason(error: pyvips.Error) -> str:
    """What the system says, else the last line in words of what libvips says of itself."""
    lines = [line.strip() for line in str(error).splitlines()[1:]]
    worded = [line for line in lines if any(c.isalpha() for c in line)]
    for line in worded:
        if line.startswith("system error: ") and "Unknown error" not in line:
            return line.removeprefix("system error: ")
    return worded[-1] if worded else "libvips does not say why"
