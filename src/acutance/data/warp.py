"""Copies of training photos that show the same things otherwise: turned, stretched and reduced.

Flips and quarter turns teach an equivariant network nothing, and a large one comes to know its
photos by heart (docs/benchmarks/log.md, "By heart"). Turned by other angles and stretched, a photo
has other pixels.
"""

import hashlib
import math

import numpy as np
import pyvips
from numpy.typing import NDArray

from acutance.image.resize import resize

LARGEST_TURN = 45.0
"""Degrees, to either side. The flips and quarter turns of a patch give the other angles."""

SIZES = (0.6, 0.9)
"""Linear size of a copy, across and down. At most 0.9, since turning blurs the finest details."""

STRETCH = 1.25
"""Most that a copy's two sizes may differ by, as a ratio."""


def warp(hr: NDArray[np.uint8], name: str, number: int, *, at_least: int = 0) -> NDArray[np.uint8]:
    """A turned, stretched and reduced copy, the same for the same name and number.

    What lies outside the photo is mirrored, so a copy has no corners to cut off.

    Args:
        hr: ``(H, W, 3)``.
        name: the photo's.
        number: which of its copies.
        at_least: pixels that a copy has on each side, where the photo has; mirrored, too.

    Returns:
        ``(H', W', 3)`` in the proportions of the sizes drawn.
    """
    seed = hashlib.sha256(f"{number}:{name}".encode(errors="surrogateescape")).digest()
    rng = np.random.default_rng(int.from_bytes(seed[:8], "little"))
    angle = math.radians(rng.uniform(-LARGEST_TURN, LARGEST_TURN))
    across, down = _sizes(rng)
    height, width = hr.shape[:2]
    rows = max(round(height * down), min(height, at_least))
    columns = max(round(width * across), min(width, at_least))
    turned = _turned(hr, angle, math.ceil(rows / down), math.ceil(columns / across))
    small = resize(turned.astype(np.float32), rows, columns)
    copy: NDArray[np.uint8] = np.rint(small).clip(0, 255).astype(np.uint8)
    return copy


def _sizes(rng: np.random.Generator) -> tuple[float, float]:
    """Across and down: one drawn evenly by its logarithm, the other within the stretch."""
    low, high = np.log(SIZES)
    first = rng.uniform(low, high)
    second = np.clip(first + rng.uniform(-1, 1) * np.log(STRETCH), low, high)
    sizes = np.exp([first, second])
    rng.shuffle(sizes)
    return float(sizes[0]), float(sizes[1])


def _turned(hr: NDArray[np.uint8], angle: float, height: int, width: int) -> NDArray[np.uint8]:
    """Turned about the middle into a picture of that size, bicubically, mirrored outside."""
    around = math.hypot(height, width)  # more than a turn can bring in
    margin_y, margin_x = (math.ceil(max(0, around - side)) for side in hr.shape[:2])
    image = pyvips.Image.new_from_array(hr).embed(
        margin_x,
        margin_y,
        hr.shape[1] + 2 * margin_x,
        hr.shape[0] + 2 * margin_y,
        extend="mirror",
    )
    cosine, sine = math.cos(angle), math.sin(angle)
    # libvips wants where an input pixel goes: both middles are to meet.
    y, x = (image.height - 1) / 2, (image.width - 1) / 2
    turned = image.affine(
        [cosine, -sine, sine, cosine],
        interpolate=pyvips.Interpolate.new("bicubic"),
        oarea=[0, 0, width, height],
        odx=(width - 1) / 2 - (cosine * x - sine * y),
        ody=(height - 1) / 2 - (sine * x + cosine * y),
    )
    pixels: NDArray[np.uint8] = turned.numpy()
    return pixels
