"""How noisy a picture is: the standard deviation of its noise, from its pixels alone.

The energies of the 8x8 DCT's bands, in the smoothest blocks and in the median block, of luma and
chroma, go into a quadratic that was fitted to photos with known noise: benchmarks/fit_noise.py.
Texture is strong at low frequencies and in some blocks, noise is everywhere and at all frequencies,
and JPEG removes the highest of both. Estimators that take all of the finest detail for noise find
too much in small textured pictures (the median of wavelet coefficients, Donoho and Johnstone 1994;
the smallest principal components of patches, Chen, Zhu and Heng, ICCV 2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from acutance.image.jpeg import Array, blocks, transform, whole

_ORDER = np.add.outer(np.arange(8), np.arange(8))
BANDS = (
    (_ORDER >= 1) & (_ORDER <= 2),
    (_ORDER >= 3) & (_ORDER <= 4),
    (_ORDER >= 5) & (_ORDER <= 7),
    _ORDER >= 8,
)
"""Frequencies that are taken together: those whose row and column add up to so much."""

SMOOTHEST = 0.1
"""Share of the blocks that are taken for smooth."""

LEAST_BLOCKS = 16
"""With fewer blocks nothing is said."""

NOISY, LEAST_NOISY, MOST_FLAT = 0.5, 0.25, 0.01
"""Strong noise takes pixels of nearly all blocks to black or white. So where too few are whole,
those with up to half of their pixels cut off count, if they are a quarter of all, and hardly a
block is cut off altogether, as paper is around text."""

QUALITIES = (40, 97)
"""What the fit saw; others count as the nearest."""

LARGEST = 15.0
"""Levels; the fit saw up to 12."""

_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]],
    dtype=np.float32,
)
"""JPEG's luma and chroma."""

_SOFTEN = 0.5
"""Levels added before the logarithm: 8 bits know nothing finer."""


def features(crops: Sequence[Array], top: int = 0, left: int = 0) -> NDArray[np.float64] | None:
    """Logarithms of the energies, ``(16,)``: luma and chroma, smooth and median, four bands.

    Args:
        crops: parts of a picture, ``(h, w, 3)`` in levels 0 to 255.
        top: first row of JPEG's blocks, 0 to 7.
        left: first column.

    Returns:
        None when there are too few blocks that are not cut off at black or white.
    """
    kept = [whole(crop, top, left) for crop in crops]
    if sum(int(keep.sum()) for keep in kept) < LEAST_BLOCKS:
        kept = [whole(crop, top, left, clipped=NOISY) for crop in crops]
        found, among = (sum(int(count(keep)) for keep in kept) for count in (np.sum, np.size))
        shown = sum(int(whole(crop, top, left, clipped=0.99).sum()) for crop in crops)
        if found < max(LEAST_BLOCKS, LEAST_NOISY * among) or shown < (1 - MOST_FLAT) * among:
            return None
    energies = []  # (band, block) of each channel
    for weights in _TO_YCC:
        values = [blocks(c @ weights, top, left)[k] for c, k in zip(crops, kept, strict=True)]
        squares = transform(np.concatenate(values)) ** 2
        energies.append(np.stack([squares[:, band].mean(axis=1) for band in BANDS]))
    count = max(8, round(SMOOTHEST * energies[0].shape[1]))
    smooth = (energies[0][1] + energies[0][2]).argsort()[:count]
    deviations = []
    for channels in (energies[:1], energies[1:]):
        for summary in (lambda e: e[:, smooth].mean(axis=1), lambda e: np.median(e, axis=1)):
            deviations.append(np.mean([np.sqrt(summary(e)) for e in channels], axis=0))
    return np.asarray(np.log(np.concatenate(deviations) + _SOFTEN), dtype=np.float64)


def terms(found: NDArray[np.float64], quality: int | None) -> NDArray[np.float64]:
    """What the fit is linear in: features, their squares, and with JPEG their products with it.

    Args:
        found: ``(16,)`` or ``(n, 16)``.
        quality: of JPEG, 1 to 100; None for none.
    """
    loss = np.zeros((*found.shape[:-1], 1)) + (0 if quality is None else (100 - quality) / 60)
    return np.concatenate(
        [np.ones_like(loss), found, found**2, loss, loss**2, loss * found], axis=-1
    )


@dataclass(frozen=True)
class Fit:
    """Coefficients of ``terms`` and the range of the features that they were fitted to."""

    coefficients: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]

    def __call__(self, found: NDArray[np.float64], quality: int | None) -> float:
        """Levels of noise, 0 to ``LARGEST``."""
        inside = found.clip(self.lowest, self.highest)
        return float(np.clip(terms(inside, quality) @ self.coefficients, 0, LARGEST))


@cache
def _fit(kind: str) -> Fit:
    """``plain`` or ``jpeg``."""
    with as_file(files("acutance.image") / "noise_fit.npz") as path, np.load(path) as stored:
        return Fit(*(stored[f"{kind}_{name}"] for name in ("coefficients", "lowest", "highest")))


def noise_level(
    crops: Sequence[Array], *, quality: int | None = None, top: int = 0, left: int = 0
) -> float:
    """Standard deviation of the noise before JPEG, levels of 255; 0 where nothing can be said.

    Args:
        crops: parts of a picture, ``(h, w, 3)`` in levels 0 to 255.
        quality: of the JPEG that the picture went through; None for none.
        top: first row of its blocks, 0 to 7.
        left: first column.
    """
    found = features(crops, top, left)
    if found is None:
        return 0.0
    if quality is None:
        return _fit("plain")(found, None)
    return _fit("jpeg")(found, int(np.clip(quality, *QUALITIES)))
