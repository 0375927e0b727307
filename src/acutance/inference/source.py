"""Where pixels come from: an array in memory, or a file that is decoded as it is needed."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.image.decode import Picture, pixels

FAR_OUTSIDE = 2.0
"""Floats above are not in [0, 1] with a little overshoot, but in 0..255 or so."""


class Source(Protocol):
    """Rectangles of ``(h, w, C)`` floats in [0, 1]."""

    height: int
    width: int
    bands: int
    path: Path | None
    """The file, where there is one."""

    def read(self, top: int, left: int, height: int, width: int) -> NDArray[np.float32]: ...


class ArraySource:
    """An array in memory; ``clip`` takes its values into [0, 1].

    Raises UserError for an array that is no picture.
    """

    path: Path | None = None

    def __init__(self, image: NDArray[Any], *, clip: bool = True) -> None:
        image = np.asarray(image)
        image = image.astype(image.dtype.newbyteorder("="), copy=False)  # as FITS has it
        if image.ndim == 2:
            image = image[:, :, None]
        if image.ndim != 3 or image.shape[2] not in (1, 2, 3, 4) or 0 in image.shape:
            raise UserError(
                f"expected an image of shape (H, W) or (H, W, 1 to 4), not {image.shape}"
            )
        if image.dtype not in (np.uint8, np.uint16) and not np.issubdtype(image.dtype, np.floating):
            raise UserError(f"expected uint8, uint16 or floats in [0, 1], not {image.dtype}")
        if np.issubdtype(image.dtype, np.floating) and not np.isfinite(image).all():
            raise UserError("the image holds NaN or infinite numbers; replace them first")
        if clip and np.issubdtype(image.dtype, np.floating) and image.max() > FAR_OUTSIDE:
            raise UserError(
                f"the image's floats reach {image.max():g} where white is 1: divide them by the "
                "value of white"
            )
        self._image, self._clip = image, clip
        self.height, self.width, self.bands = image.shape

    def read(self, top: int, left: int, height: int, width: int) -> NDArray[np.float32]:
        part = self._image[top : top + height, left : left + width]
        unit = to_unit(part)
        return unit.clip(0, 1) if self._clip else unit


class PictureSource:
    """A file; raises UserError where it turns out to be damaged."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self.path: Path | None = picture.path
        self.height, self.width = picture.image.height, picture.image.width
        self.bands = picture.image.bands

    def read(self, top: int, left: int, height: int, width: int) -> NDArray[np.float32]:
        part = self._picture.image.crop(left, top, width, height)
        return to_unit(pixels(part, self._picture.path))


def to_unit(image: NDArray[Any]) -> NDArray[np.float32]:
    """Integers to floats in [0, 1]; floats stay."""
    unit: NDArray[np.float32] = image.astype(np.float32)
    if not np.issubdtype(image.dtype, np.floating):
        unit /= np.float32(np.iinfo(image.dtype).max)
    return unit
