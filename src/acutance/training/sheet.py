"""Sample sheets: what a run makes of some held-out photos, side by side, for the eye."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from acutance.data.datasets import to_uint8
from acutance.image.resize import resize

SIDE = 256
"""HR pixels on a side of each picture: the middle of the photo."""

GAP = 4
"""White pixels between pictures."""

Picture = NDArray[np.uint8]


def bicubic(lr: Picture, height: int, width: int) -> Picture:
    """The LR picture as large as the photo."""
    return to_uint8(resize(lr.astype(np.float32), height, width))


def sheet(rows: Sequence[Sequence[Picture]], side: int = SIDE) -> Picture:
    """One row a photo, one column a stage; the middles of the pictures, white where they end.

    Args:
        rows: pictures ``(H, W, 3)``, those of a row equally large; at least one.
        side: pixels on a side of each middle.

    Returns:
        ``(rows * (side + GAP) - GAP, columns * (side + GAP) - GAP, 3)``.
    """
    step = side + GAP
    columns = max(len(row) for row in rows)
    page = np.full((len(rows) * step - GAP, columns * step - GAP, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            middle = _middle(picture, side)
            height, width = middle.shape[:2]
            page[i * step : i * step + height, j * step : j * step + width] = middle
    return page


def _middle(picture: Picture, side: int) -> Picture:
    height, width = picture.shape[:2]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return picture[top : top + side, left : left + side]
