"""Colour conversions, each named after its standard and range.

Source: Recommendation ITU-R BT.601; the coefficients are those of MATLAB's ``rgb2ycbcr``.
"""

import numpy as np
from numpy.typing import NDArray

BT601_STUDIO_WEIGHTS = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Weights of R, G, B in [0, 1] for luma in [0, 1]."""

BT601_STUDIO_OFFSET = 16 / 255
"""Luma of black: studio range leaves 0..15 of 255 as foot room."""


def bt601_studio_luma(rgb: NDArray[np.floating]) -> NDArray[np.floating]:
    """Luma Y of BT.601 in studio range: black is 16/255, white 235/255. Not rounded.

    Args:
        rgb: ``(..., 3)`` floats in [0, 1]. A gray picture counts as R = G = B.

    Returns:
        ``(...)`` floats in [16/255, 235/255], of the same dtype.

    Example:
        >>> import numpy as np
        >>> (255 * bt601_studio_luma(np.ones((1, 3)))).round(3).tolist()
        [235.0]
    """
    weights = np.asarray(BT601_STUDIO_WEIGHTS, dtype=rgb.dtype)
    return rgb @ weights + rgb.dtype.type(BT601_STUDIO_OFFSET)
