"""Make imresize.npz from an outside port of MATLAB's imresize: see README.md.

Usage: python make_imresize.py FOLDER_WITH_IMRESIZE_PY
"""

import sys
from pathlib import Path

import numpy as np

CASES = {
    "down2": ((24, 32, 3), (12, 16)),
    "down3": ((24, 33), (8, 11)),
    "down4": ((24, 32, 3), (6, 8)),
    "down8": ((32, 24), (4, 3)),
    "down_uneven": ((17, 23), (5, 7)),
    "up2": ((7, 6, 3), (14, 12)),
    "up3": ((6, 7), (18, 21)),
    "up4": ((7, 6, 3), (28, 24)),
    "up8": ((5, 4), (40, 32)),
    "up_uneven": ((8, 9), (11, 20)),
    "up_and_down": ((9, 14), (20, 4)),
    "smaller_than_the_kernel": ((2, 3), (8, 12)),
    "one_pixel": ((1, 1), (4, 4)),
    "kernel_larger_than_image": ((16, 8), (1, 1)),
}
"""Input shape, output height and width."""


def main(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    from imresize import imresize  # type: ignore[import-not-found]

    rng = np.random.default_rng(2017)
    arrays = {}
    for name, (shape, size) in CASES.items():
        image = rng.integers(0, 256, shape) / 255
        arrays[f"{name}.input"] = image
        arrays[f"{name}.output"] = imresize(image, output_shape=size, mode="org")
    np.savez_compressed(Path(__file__).with_name("imresize.npz"), **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
