"""Make docs/images/photo.webp: the example as a JPEG, enlarged by four methods.

Usage: python docs/make_photo_example.py
"""

from pathlib import Path

import numpy as np
import pyvips

from acutance import Upscaler
from acutance.image.decode import read_rgb
from acutance.image.resize import resize

ROOT = Path(__file__).parent.parent
QUALITY = 60
CROP = (slice(130, 430), slice(300, 560))  # rows and columns of the upscaled picture
GAP = 4  # white pixels between two


def main() -> None:
    """Bicubic, base-x4, photo-x4, photo-x4 with detail 0.5."""
    clean = pyvips.Image.new_from_array(read_rgb(ROOT / "examples" / "reeds.png"))
    saved = (clean * 255).rint().cast("uchar").copy(interpretation="srgb")
    lr = pyvips.Image.jpegload_buffer(saved.jpegsave_buffer(Q=QUALITY)).numpy()
    lr = (lr / 255).astype(np.float32)
    models = [Upscaler("base-x4"), Upscaler("photo-x4"), Upscaler("photo-x4", detail=0.5)]
    pictures = [resize(lr.astype(np.float64), lr.shape[0] * 4, lr.shape[1] * 4)]
    pictures += [model.upscale_float(lr) for model in models]
    gap = np.ones((CROP[0].stop - CROP[0].start, GAP, 3))
    columns = [column for picture in pictures for column in (gap, picture[CROP])][1:]
    sheet = np.rint(np.concatenate(columns, axis=1).clip(0, 1) * 255).astype(np.uint8)
    image = pyvips.Image.new_from_array(sheet).copy(interpretation="srgb")
    image.webpsave(str(ROOT / "docs" / "images" / "photo.webp"), Q=88)


if __name__ == "__main__":
    main()
