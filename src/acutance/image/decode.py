"""Image files in, by libvips: bytes become pixels here and nowhere else.

A picture in memory is a ``pyvips.Image``: lazy, any size, with its metadata. ``open_picture`` gives
it upright, in sRGB or gray, 8 or 16 bits, with or without alpha, and says what was converted.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.image.files import must_be_a_file
from acutance.image.libvips import reason, with_space

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

_PLAIN = ("b-w", "grey16", "srgb", "rgb16", "rgb", "multiband", "histogram")
"""Spaces whose numbers are taken as they are."""

_TURNED = "turned upright"


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
    must_be_a_file(path)
    try:
        # libvips remembers what it loaded by name; revalidate looks at the file as it is now.
        # It also takes [...] at the end of a name for options, so such a name gets empty ones.
        name = f"{path}[]" if path.name.endswith("]") else str(path)
        image = pyvips.Image.new_from_file(name, access="random", fail_on="error", revalidate=True)
        _check_limit(image, str(path), pixel_limit)
        return _normalised(image, path)
    except pyvips.Error as error:
        raise UserError(
            f"{path} is not an image that can be read ({reason(error)}): "
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
        raise UserError(f"{name} cannot be read ({reason(error)}): get it anew") from error


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
                f"cannot unpack {path} ({reason(error)}): free space for temporary files, or let "
                "TMPDIR name a folder that has it"
            ) from error
        raise UserError(f"{path} is damaged or truncated ({reason(error)}): get it anew") from error
    return array.reshape(image.height, image.width, image.bands)


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
    return Picture(with_space(image), path, tuple(notes))


def _from_linear(image: pyvips.Image) -> pyvips.Image:
    """Linear light in floats, white at 1, to 16-bit sRGB or gray; alpha stays linear."""
    gray = image.bands < 3
    if gray:  # libvips knows linear light as RGB only
        image = image[0].bandjoin([image[0], *image.bandsplit()])
    image = image.copy(interpretation="scrgb").colourspace("grey16" if gray else "rgb16").copy()
    image.remove("icc-profile-data")  # it described what was converted
    return image
