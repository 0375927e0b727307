"""Colour where nothing is seen: what a network is shown beside a cut-out's edge."""

import numpy as np
from numpy.typing import NDArray

FILL_RADIUS = 8
"""Pixels by which colours reach into what is transparent."""


def filled(colour_HWC: NDArray[np.float32], alpha_HW1: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours that go on beyond the edge of what is opaque, so that a network finds no edge there.

    What alpha hides is taken from the colours around, each counted by its alpha and by a Gaussian
    (normalised convolution: Knutsson and Westin, CVPR 1993). Transparent pixels can hold any colour
    and do not count; further than ``FILL_RADIUS`` from all others they become black.

    Args:
        colour_HWC: ``(h, w, 1 or 3)`` in [0, 1], not premultiplied.
        alpha_HW1: ``(h, w, 1)`` in [0, 1].

    Returns:
        ``(h, w, 1 or 3)``; opaque pixels as they were.
    """
    if alpha_HW1.min() == 1:
        return colour_HWC
    seen = colour_HWC * alpha_HW1
    sums = _blurred(np.concatenate([seen, alpha_HW1], axis=2))
    weight = sums[:, :, -1:]
    around = np.divide(sums[:, :, :-1], weight, out=np.zeros_like(seen), where=weight > 0)
    return seen + (1 - alpha_HW1) * around


def _blurred(image_HWC: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums weighted by a Gaussian of ``FILL_RADIUS``; zeros beyond the edges."""
    offsets = np.arange(-FILL_RADIUS, FILL_RADIUS + 1)
    taps = np.exp(-0.5 * (offsets / (FILL_RADIUS / 2.5)) ** 2).astype(np.float32)
    height, width = image_HWC.shape[:2]
    rows = np.pad(image_HWC, ((FILL_RADIUS, FILL_RADIUS), (0, 0), (0, 0)))
    image_HWC = np.sum([tap * rows[i : i + height] for i, tap in enumerate(taps)], axis=0)
    columns = np.pad(image_HWC, ((0, 0), (FILL_RADIUS, FILL_RADIUS), (0, 0)))
    result: NDArray[np.float32] = np.sum(
        [tap * columns[:, i : i + width] for i, tap in enumerate(taps)], axis=0
    )
    return result
