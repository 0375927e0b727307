"""Checkerboards: does a picture repeat with the grid of the LR pixels that it was made from?

Sub-pixel tails and strided networks draw dots of that period when a loss cannot see them (Odena,
Dumoulin and Olah, "Deconvolution and checkerboard artifacts", Distill 2016, name the cause; the
measure is ours). A pattern of that period has its power at the harmonics of the grid, a photo
spreads it over all frequencies.
"""

import numpy as np
from numpy.typing import NDArray

from acutance.image.lr_grid import APART, CELLS

DARK = 1.0
"""Added to the power of levels of 0..255: less than that of rounding to 8 bits."""


def checkerboard(sr_HW: NDArray[np.floating], hr_HW: NDArray[np.floating], scale: int) -> float:
    """How much more of its power the output has at the harmonics of the LR grid than the photo.

    Args:
        sr_HW: luma in levels of 0..255; ``scale`` pixels from the corner on are an LR pixel.
        hr_HW: the photo, as large.
        scale: upscaling factor.

    Returns:
        0 without a pattern; 1 where power at the harmonics stands out twice as much as the photo's.
        NaN for pictures smaller than 8 LR pixels on a side.
    """
    if min(hr_HW.shape) < CELLS * scale:
        return float("nan")
    return _standing_out(sr_HW, scale) - _standing_out(hr_HW, scale)


def _standing_out(luma_HW: NDArray[np.floating], scale: int) -> float:
    """How far power at the harmonics stands out.

    In windows of 8 x 8 LR pixels (Hann): the mean over the ``scale^2 - 1`` harmonics of log2 of
    the power, less the mean over the eight frequencies around each. The mean over the windows.
    """
    side = CELLS * scale
    windows = np.lib.stride_tricks.sliding_window_view(luma_HW, (side, side))
    step = side // 2
    hann = np.hanning(side + 1)[:-1]
    scores = []
    for row in windows[::step]:  # a row at a time bounds the memory
        part = row[::step].astype(np.float64)
        part = (part - part.mean(axis=(1, 2), keepdims=True)) * hann[:, None] * hann
        power = np.log2(np.abs(np.fft.fft2(part)) ** 2 + DARK)
        scores.append(_excess(power, scale))
    return float(np.concatenate(scores).mean())


def _excess(power_NKK: NDArray[np.float64], scale: int) -> NDArray[np.float64]:
    """Of each window: the harmonics' mean less that of what is around them."""
    own = _harmonics(scale)
    others = np.array([_around(scale, harmonic) for harmonic in own])
    y, x = np.array(own).T
    found: NDArray[np.float64] = power_NKK[:, y, x].mean(axis=1)
    found -= power_NKK[:, others[..., 0], others[..., 1]].mean(axis=(1, 2))
    return found


def _harmonics(scale: int) -> list[tuple[int, int]]:
    """Frequencies down and across, of windows of ``CELLS`` LR pixels, but for the mean's.

    >>> _harmonics(2)
    [(0, 8), (8, 0), (8, 8)]
    """
    return [(CELLS * y, CELLS * x) for y in range(scale) for x in range(scale)][1:]


def _around(scale: int, harmonic: tuple[int, int]) -> list[tuple[int, int]]:
    """The eight frequencies around a harmonic."""
    side, (y, x) = CELLS * scale, harmonic
    steps = (-APART, 0, APART)
    return [((y + i) % side, (x + j) % side) for i in steps for j in steps if (i, j) != (0, 0)]
