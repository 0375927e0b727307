"""NIQE: how far a picture's local statistics are from those of pristine photos; no reference.

Source: Mittal, Soundararajan and Bovik, "Making a completely blind image quality analyzer", IEEE
SPL 2013. The model of pristine photos is our own (``benchmarks/fit_niqe.py``), fitted as the paper
says; absolute values therefore differ a little from those of MATLAB's.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from acutance.image.filters import correlate_separable, gaussian_taps
from acutance.image.resize import resize

BLOCK = 96
"""Pixels on a side of a block; the second scale has half as many."""

SHARP = 0.75
"""Blocks of pristine photos count when they are this sharp beside the photo's sharpest."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gaussian:
    """A multivariate Gaussian of the 36 features."""

    mean: Array
    covariance: Array


def normalised(luma_HW: Array) -> tuple[Array, Array]:
    """``(I - mu) / (sigma + 1)`` and sigma; 7x7 Gaussian of 7/6 pixels, edges repeated."""
    taps = gaussian_taps(7, 7 / 6)
    padded = np.pad(luma_HW, 3, mode="edge")
    mu, square = correlate_separable(np.stack([padded, padded**2]), taps, taps)
    sigma = np.sqrt(np.abs(square - mu**2))
    return (luma_HW - mu) / (sigma + 1), sigma


@cache
def _ratios() -> tuple[Array, Array]:
    """Shapes 0.2 to 10, and ``gamma(2/a)^2 / (gamma(1/a) gamma(3/a))``, which grows with them."""
    shapes = np.arange(200, 10001) / 1000
    logarithms = [2 * math.lgamma(2 / a) - math.lgamma(1 / a) - math.lgamma(3 / a) for a in shapes]
    return shapes, np.exp(logarithms)


def asymmetric_gaussian(samples: Array) -> tuple[float, float, float]:
    """Shape, left and right width of a generalised Gaussian, by moments (Lasmar et al. 2009)."""
    left, right = samples[samples < 0], samples[samples > 0]
    left_std = math.sqrt(float(np.mean(left**2))) if left.size else 1e-6
    right_std = math.sqrt(float(np.mean(right**2))) if right.size else 1e-6
    ratio = left_std / right_std
    power = float(np.mean(samples**2))
    r = float(np.mean(np.abs(samples))) ** 2 / power if power else 0.0
    r *= (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, ratios = _ratios()
    shape = float(shapes[np.argmin(np.abs(ratios - r))])
    width = math.exp((math.lgamma(1 / shape) - math.lgamma(3 / shape)) / 2)
    return shape, left_std * width, right_std * width


def _block_features(block: Array) -> list[float]:
    shape, left, right = asymmetric_gaussian(block)
    found = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        product = block * np.roll(block, shift, axis=(0, 1))
        shape, left, right = asymmetric_gaussian(product)
        mean = (right - left) * math.exp(math.lgamma(2 / shape) - math.lgamma(1 / shape))
        found += [shape, mean, left, right]
    return found


def features(luma_HW: Array) -> tuple[Array, Array]:
    """The 36 features of every whole block, and the blocks' sharpness (mean sigma).

    Args:
        luma_HW: levels 0..255, any size; what does not fill a block is left out.

    Returns:
        ``(blocks, 36)`` and ``(blocks,)``.
    """
    rows, columns = luma_HW.shape[0] // BLOCK, luma_HW.shape[1] // BLOCK
    if not rows * columns:
        return np.empty((0, 36)), np.empty(0)
    image: Array = luma_HW[: rows * BLOCK, : columns * BLOCK].astype(np.float64)
    parts, sharpness = [], np.empty(0)
    for size in (BLOCK, BLOCK // 2):
        structure, sigma = normalised(image)
        shape = (rows, size, columns, size)
        blocks = structure.reshape(shape).swapaxes(1, 2).reshape(-1, size, size)
        parts.append(np.array([_block_features(block) for block in blocks]))
        if size == BLOCK:
            sharpness = sigma.reshape(shape).mean(axis=(1, 3)).ravel()
            image = np.asarray(resize(image, rows * size // 2, columns * size // 2))
    return np.concatenate(parts, axis=1), sharpness


def fit(photos: Iterable[Array]) -> Gaussian:
    """The model of pristine photos, ``(H, W)`` luma of 0..255: their sharp blocks, as the paper."""
    chosen = []
    for luma in photos:
        found, sharpness = features(luma)
        if len(found):
            chosen.append(found[sharpness > SHARP * sharpness.max()])
    blocks = np.concatenate(chosen)
    return Gaussian(blocks.mean(axis=0), np.cov(blocks, rowvar=False))


@cache
def pristine() -> Gaussian:
    """The model that ships."""
    with as_file(files("acutance.metrics") / "niqe_pristine.npz") as path, np.load(path) as stored:
        return Gaussian(stored["mean"], stored["covariance"])


def niqe(luma_HW: Array, model: Gaussian | None = None) -> float:
    """``sqrt((m - n)^T ((S + T) / 2)^-1 (m - n))``; lower is more natural.

    Args:
        luma_HW: BT.601 studio luma in levels 0..255.
        model: of pristine photos; the one that ships by default.

    Returns:
        The distance; NaN for a picture with less than two blocks of 96 x 96 pixels.
    """
    model = model or pristine()
    found, _ = features(luma_HW)
    if len(found) < 2:
        return math.nan
    difference = model.mean - found.mean(axis=0)
    spread = np.linalg.pinv((model.covariance + np.cov(found, rowvar=False)) / 2)
    return math.sqrt(max(0.0, float(difference @ spread @ difference)))
