"""Make docs/images/before-after.webp: the example by bicubic and by the shipped model, enlarged.

Usage: python docs/make_before_after.py
"""

from pathlib import Path

import numpy as np
import pyvips

from acutance import Upscaler
from acutance.image.decode import read_rgb
from acutance.image.resize import resize

ROOT = Path(__file__).parent.parent
CROP = (slice(0, 320), slice(0, 400))  # rows and columns of the upscaled picture
GAP = 8  # white pixels between the two


def main() -> None:
    """Bicubic on the left, Acutance on the right."""
    upscaler = Upscaler("base-x4")
    lr = read_rgb(ROOT / "examples" / "reeds.png")
    height, width = lr.shape[0] * upscaler.scale, lr.shape[1] * upscaler.scale
    before = resize(lr.astype(np.float64), height, width)[CROP]
    after = upscaler.upscale_float(lr)[CROP]
    gap = np.ones((before.shape[0], GAP, 3))
    picture = np.concatenate([before, gap, after], axis=1)
    pixels = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")
    target = ROOT / "docs" / "images" / "before-after.webp"
    image.webpsave(str(target), Q=90, smart_subsample=True)


if __name__ == "__main__":
    main()
