"""Pictures to read and write, made of numbers."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pyvips

from acutance.errors import UserError
from acutance.image.decode import Picture, open_picture, pixels

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


def srgb_curve(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def assert_one_line(error: UserError, name: str) -> None:
    """What is wrong, in words, and what to do."""
    assert "\n" not in str(error)
    assert name in str(error)
    assert "get it anew" in str(error)
    assert "unable to call" not in str(error)


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
