"""The quality of a lossy WebP file, from the quantiser in the header of its frame.

Sources: Bankoski et al., "VP8 data format and decoding guide", RFC 6386, sections 7, 9 and 19.2;
Zern, Massimino and Alakuijala, "WebP image format", RFC 9649.
"""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

QUALITIES = (0, 10, 20, 50, 75, 80, 90, 95, 99, 100)
QUANTISERS = (127, 92, 78, 52, 36, 27, 12, 6, 1, 0)
"""The index that libwebp writes for each quality: the same for three photos and three methods, a
little less in pictures of one texture throughout."""

ENOUGH = 256
"""Bytes of a frame, with room to spare, that hold what is read here."""


def file_quality(path: Path) -> int | None:
    """The quality of a lossy WebP file, 0 to 100; None for an animation and for other files."""
    try:
        with path.open("rb") as file:
            frame = _frame(file)
        return None if frame is None else quality_of(_quantiser(frame))
    except (OSError, struct.error):
        return None


def quality_of(quantiser: int) -> int:
    """The quality for which libwebp takes this quantiser, 0 (finest) to 127.

    Example:
        >>> [quality_of(index) for index in (127, 78, 44, 12, 0)]
        [0, 20, 62, 90, 100]
    """
    return round(float(np.interp(quantiser, QUANTISERS[::-1], QUALITIES[::-1])))


def _frame(file: BinaryIO) -> bytes | None:
    """The first bytes of the lossy frame: RFC 9649, sections 2.3 to 2.7."""
    riff, _, webp = struct.unpack("<4sI4s", file.read(12))
    if (riff, webp) != (b"RIFF", b"WEBP"):
        return None
    while True:
        kind, size = struct.unpack("<4sI", file.read(8))
        if kind == b"VP8 ":
            return file.read(ENOUGH)
        if kind in (b"VP8L", b"ANIM"):
            return None
        file.seek(size + size % 2, 1)


def _quantiser(frame: bytes) -> int:
    """``y_ac_qi`` of a key frame: RFC 6386, sections 9.2 to 9.6."""
    header = _Booleans(frame[10:])
    header.integer(2)  # colour space, clamping
    if header.boolean():  # segmentation
        has_map, has_data = header.boolean(), header.boolean()
        if has_data:
            header.boolean()
            header.skip_optional(7, times=4, signed=True)
            header.skip_optional(6, times=4, signed=True)
        if has_map:
            header.skip_optional(8, times=3)
    header.integer(10)  # the loop filter's type, level and sharpness
    if header.boolean() and header.boolean():
        header.skip_optional(6, times=8, signed=True)
    header.integer(2)  # partitions
    return header.integer(7)


class _Booleans:
    """VP8's arithmetic decoder for what is as likely as not: RFC 6386, section 7."""

    def __init__(self, data: bytes) -> None:
        self._value, self._range, self._shifts = int.from_bytes(data[:2]), 255, 0
        self._rest = iter(data[2:])

    def boolean(self) -> bool:
        split = (self._range + 1) // 2
        found = self._value >= split << 8
        self._value -= split << 8 if found else 0
        self._range = self._range - split if found else split
        while self._range < 128:
            self._value, self._range = 2 * self._value, 2 * self._range
            self._shifts = (self._shifts + 1) % 8
            if self._shifts == 0:
                self._value |= next(self._rest, 0)
        return found

    def integer(self, bits: int) -> int:
        """The highest bit comes first."""
        value = 0
        for _ in range(bits):
            value = 2 * value + self.boolean()
        return value

    def skip_optional(self, bits: int, *, times: int, signed: bool = False) -> None:
        """Values that are there if a flag says so."""
        for _ in range(times):
            if self.boolean():
                self.integer(bits + signed)
