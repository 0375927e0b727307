"""What JPEG left in a picture: the quality in a file's tables, and the same read from the pixels.

A JPEG encoder divides the coefficients of each 8x8 block by a table of steps and rounds. Decoded
and saved as something else, the coefficients still lie near multiples of the steps; which steps
explains them best tells the quality. Source: Fan and de Queiroz, "Identification of bitmap
compression history: JPEG detection and quantizer estimation", IEEE TIP 2003; here all steps follow
from one quality, as in libjpeg, and a mixture allows for blocks that were changed afterwards.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""Steps of quality 50: Recommendation ITU-T T.81, table K.1."""

MODES = tuple((u, v) for u in range(6) for v in range(6) if 0 < u + v < 6)
"""Frequencies (row, column) that are looked at: the lower ones, which survive compression."""

QUALITIES = range(20, 98)
"""Candidates; above, the steps are 1 and 2 and cannot be told from rounding."""

ROUNDING = 0.45
"""Standard deviation of a coefficient that is not to do with JPEG: 8-bit RGB, levels."""

STRAY = 0.05
"""Share of coefficients that lie anywhere."""

LEAST_EVIDENCE = 40.0
"""Logarithm of the likelihood ratio that counts as found; without JPEG it is negative."""

LEAST_MEAN = 0.1
"""The same for each coefficient: a few chance hits among many are no grid."""

CLIPPED = 0.05
"""Share of pixels at 0 or 255 in any channel above which a block is left out: their values were
others before they were cut off."""

_BINS, _BIN = 4000, 0.1
"""Histograms of coefficients: 0 to 400 levels."""

_LEAST = 1.2
"""Smaller coefficients, levels, tell nothing: every picture is full of zeros."""


@dataclass(frozen=True)
class Compression:
    """JPEG found in pixels."""

    quality: int
    """On libjpeg's scale, 20 to 97."""
    top: int
    left: int
    """Where the first whole block begins, 0 to 7."""


def steps(quality: float) -> NDArray[np.float64]:
    """libjpeg's table of luma steps for a quality of 1 to 100; ``(8, 8)``.

    Example:
        >>> int(steps(50)[0, 0]), int(steps(75)[0, 0]), int(steps(100)[7, 7])
        (16, 8, 1)
    """
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    scaled = np.floor((LUMINANCE * percent + 50) / 100)
    return np.asarray(np.clip(scaled, 1, 255), dtype=np.float64)


def quality_of(table: NDArray[np.integer]) -> int:
    """The quality whose libjpeg table is as coarse on average as this one, ``(64,)`` in any order.

    Example:
        >>> [quality_of(steps(q).astype(int).ravel()) for q in (10, 50, 75, 95, 100)]
        [10, 50, 75, 95, 100]
    """
    totals = np.array([steps(quality).sum() for quality in range(1, 101)])
    return 1 + int(np.abs(np.log(totals / table.sum())).argmin())


def file_quality(path: Path) -> int | None:
    """The quality of a JPEG file by its luma table; None for other files and damaged ones."""
    try:
        with path.open("rb") as file:
            return _first_table(file)
    except (OSError, struct.error):
        return None


def _first_table(file: BinaryIO) -> int | None:
    """Walk through the markers up to the first table of steps: T.81, B.2.4.1."""
    if file.read(2) != b"\xff\xd8":
        return None
    while True:
        lead, marker = struct.unpack("BB", file.read(2))
        while lead == 0xFF and marker == 0xFF:  # fill bytes
            marker = struct.unpack("B", file.read(1))[0]
        if lead != 0xFF or marker in (0xD9, 0xDA):  # end, or pixels
            return None
        length = struct.unpack(">H", file.read(2))[0] - 2
        if marker != 0xDB:
            file.seek(length, 1)
            continue
        precision = struct.unpack("B", file.read(1))[0] >> 4
        table = struct.unpack(">64H" if precision else "64B", file.read(128 if precision else 64))
        return quality_of(np.array(table)) if sum(table) else None


@cache
def _dct() -> Array:
    """The orthonormal DCT of eight samples, as JPEG has it: ``(frequency, sample)``."""
    k = np.arange(8)
    matrix = np.cos(np.pi * k[:, None] * (2 * k[None, :] + 1) / 16) / 2
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, dtype=np.float32)


def blocks(plane_HW: Array, top: int = 0, left: int = 0) -> Array:
    """The whole 8x8 blocks from a corner on, ``(n, 8, 8)``."""
    plane = plane_HW[top:, left:]
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    cut = plane[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    return cut.swapaxes(1, 2).reshape(-1, 8, 8)


def transform(blocks_N88: Array) -> Array:
    """The DCT of each block, ``(n, 8, 8)`` (row and column frequency)."""
    return np.asarray(_dct() @ blocks_N88 @ _dct().T)


def luma(rgb: Array) -> Array:
    """Full-range luma of BT.601, as JPEG has it: ``(..., 3)`` to ``(...)``, the same unit."""
    return np.asarray(0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2])


def whole(
    rgb_HW3: Array, top: int = 0, left: int = 0, *, clipped: float = CLIPPED
) -> NDArray[np.bool_]:
    """Which of the ``blocks`` hold what was saved, not cut off at 0 or 255 levels; ``(n,)``.

    Args:
        rgb_HW3: levels.
        top: first row of the blocks, 0 to 7.
        left: first column.
        clipped: share of a block's pixels that may be cut off.
    """
    cut_off = np.any((rgb_HW3 < 0.5) | (rgb_HW3 > 254.5), axis=2)
    share = np.mean(blocks(cut_off.astype(np.float32), top, left), axis=(1, 2))
    return np.asarray(share <= clipped, dtype=np.bool_)


def find_compression(crops: Sequence[Array]) -> Compression | None:
    """The JPEG that a picture went through last, as far as its pixels tell.

    Args:
        crops: parts of the picture, ``(h, w, 3)`` in levels 0 to 255, not clipped nor rounded
            anew; their corners are multiples of 8 pixels from the picture's.

    Returns:
        None where there was none, or one that was resized, or whose steps are not libjpeg's.
    """
    found = _at(crops, 0, 0)
    if found is not None:
        return found[1]
    few = [_middle(crop) for crop in crops[:: max(1, len(crops) // 4)]]
    others = [_at(few, place // 8, place % 8) for place in range(1, 64)]
    hits = [hit for hit in others if hit is not None]
    return max(hits, key=lambda hit: hit[0])[1] if hits else None


def _middle(crop: Array) -> Array:
    """At most 128 x 128 pixels, corners kept on multiples of 8 pixels."""
    top, left = (max(0, side - 128) // 16 * 8 for side in crop.shape[:2])
    return crop[top : top + 128, left : left + 128]


def _at(crops: Sequence[Array], top: int, left: int) -> tuple[float, Compression] | None:
    """The best quality for blocks from one corner on, with its evidence; None if it is too weak."""
    cut = [blocks(luma(crop), top, left)[whole(crop, top, left)] for crop in crops]
    values = np.abs(transform(np.concatenate(cut)))
    if len(values) == 0:
        return None
    histogram = np.zeros((len(MODES), _BINS))
    for i, (u, v) in enumerate(MODES):
        bins = (values[:, u, v] / _BIN).astype(np.intp)
        bins = bins[(bins >= _LEAST / _BIN) & (bins < _BINS)]
        histogram[i] = np.bincount(bins, minlength=_BINS)
    by_step = histogram @ _evidence().T  # (mode, step)
    tables = np.stack([steps(quality) for quality in QUALITIES]).astype(np.intp)
    evidence = np.zeros(len(QUALITIES))
    for i, (u, v) in enumerate(MODES):
        evidence += by_step[i, tables[:, u, v]]
    best = int(evidence.argmax())
    if evidence[best] < max(LEAST_EVIDENCE, LEAST_MEAN * histogram.sum()):
        return None
    return float(evidence[best]), Compression(QUALITIES[best], top, left)


@cache
def _evidence() -> NDArray[np.float64]:
    """``log p(value | multiples of step) / p(value | anything)``: ``(step 0 to 255, bin)``."""
    values = (np.arange(_BINS) + 0.5) * _BIN
    step = np.maximum(np.arange(256), 1)[:, None]
    distance = values - step * np.round(values / step)
    normal = np.exp(-((distance / ROUNDING) ** 2) / 2) / (ROUNDING * np.sqrt(2 * np.pi))
    evidence = np.log(STRAY + (1 - STRAY) * step * normal)
    evidence[:2] = 0  # a step of 1 is rounding itself
    return np.asarray(evidence)
