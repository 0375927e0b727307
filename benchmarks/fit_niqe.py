"""Fit NIQE's model of pristine photos, as Mittal, Soundararajan and Bovik describe.

Usage: python benchmarks/fit_niqe.py PHOTOS [COUNT]

PHOTOS is what `acutance train --data` takes; the first COUNT (125, as in the paper) photos of at
least 384 pixels on the shorter side are used, in the order of a hash of their names. Rendered
pictures, whose names start with gfx_ or gb82sc_, are no photos. Writes
src/acutance/metrics/niqe_pristine.npz.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

from acutance.data.datasets import read_photos
from acutance.errors import UserError
from acutance.image.colour import bt601_studio_luma
from acutance.image.decode import decode_rgb8
from acutance.metrics.niqe import fit

TARGET = Path(__file__).parents[1] / "src" / "acutance" / "metrics" / "niqe_pristine.npz"
SMALLEST, LARGEST = 384, 1000  # pixels; of larger photos the middle is used


def main(source: Path, count: int) -> None:
    named = [
        (hashlib.sha256(Path(name).stem.encode()).hexdigest(), name, data)
        for name, data in read_photos(source)
        if not Path(name).stem.startswith(("gfx_", "gb82sc_"))
    ]
    lumas: list[np.ndarray] = []
    for _, name, data in sorted(named):
        if len(lumas) == count:
            break
        try:
            photo = decode_rgb8(data, name)
        except UserError:
            continue
        if min(photo.shape[:2]) >= SMALLEST:
            top, left = (max(0, side - LARGEST) // 2 for side in photo.shape[:2])
            middle = photo[top : top + LARGEST, left : left + LARGEST]
            lumas.append(255 * bt601_studio_luma(middle / 255))
    model = fit(lumas)
    np.savez(TARGET, mean=model.mean, covariance=model.covariance, photos=len(lumas))
    print(f"{TARGET.name}: {len(lumas)} photos")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 125)
