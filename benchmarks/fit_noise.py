"""Fit the noise estimate of acutance.image.noise to photos with known noise, and test it.

Usage: python benchmarks/fit_noise.py PHOTOS [COUNT]

PHOTOS is what `acutance train --data` takes. COUNT photos (320), in the order of a hash of their
names, are reduced by 2 and by 4, once by bicubic and once blurred and by another kernel; noise,
JPEG, both or none are added. Held-out photos take no part in the fit: the errors that are printed
are theirs. Writes src/acutance/image/noise_fit.npz.
"""

import dataclasses
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance.data.datasets import is_held_out, read_photos, to_uint8
from acutance.data.degradation_pipeline import (
    CLEAN,
    PRESETS,
    Degradation,
    degrade,
    draw,
    generator_for,
)
from acutance.data.degradations import add_noise, jpeg
from acutance.errors import UserError
from acutance.image.decode import decode_rgb8
from acutance.image.noise import Fit, features, terms

TARGET = Path(__file__).parents[1] / "src" / "acutance" / "image" / "noise_fit.npz"
LARGEST = 800  # HR pixels on a side; of larger photos the middle is used
CASES = {"clean": 1, "noise": 3, "jpeg": 5, "noise and jpeg": 4}  # pictures of each, per LR
RIDGE = 0.3  # on standardised terms


@dataclass(frozen=True)
class Row:
    """One picture."""

    case: str
    found: NDArray[np.float64]
    quality: int | None
    sigma: float


def rows_of(name: str, photo: NDArray[np.uint8]) -> Iterator[Row]:
    top, left = (max(0, side - LARGEST) // 2 for side in photo.shape[:2])
    photo = photo[top : top + LARGEST, left : left + LARGEST]
    for scale in (2, 4):
        height, width = (side // scale * scale for side in photo.shape[:2])
        if min(height, width) // scale < 64:
            continue
        random = generator_for(0, f"{name} x{scale}")
        for degradation in (CLEAN, without_noise(draw(random, scale=scale, preset=PLAIN))):
            lr = degrade(photo[:height, :width], degradation, scale=scale).astype(np.float32)
            for case, count in CASES.items():
                for _ in range(count):
                    yield from row(case, lr, random)


PLAIN = dataclasses.replace(PRESETS["degraded"], twice=0.0)


def without_noise(degradation: Degradation) -> Degradation:
    stages = tuple(dataclasses.replace(s, noise=None, jpeg=None) for s in degradation.stages)
    return dataclasses.replace(degradation, stages=stages)


def row(case: str, lr: NDArray[np.float32], random: np.random.Generator) -> Iterator[Row]:
    sigma, quality = 0.0, None
    if "noise" in case:
        sigma = float(random.uniform(0, 12))
        lr = add_noise(
            lr,
            kind="gaussian" if random.random() < 0.5 else "poisson",
            sigma=sigma,
            gray=bool(random.random() < 0.4),
            seed=int(random.integers(2**32)),
        )
    if "jpeg" in case:
        quality = int(random.integers(40, 98))
        lr = jpeg(lr, quality=quality, subsample=bool(random.random() < 0.7))
    found = features([to_uint8(lr).astype(np.float32)])
    if found is not None:
        yield Row(case, found, quality, sigma)


def fit(rows: list[Row]) -> Fit:
    """Ridge regression of sigma on ``terms``."""
    x = np.stack([terms(row.found, row.quality) for row in rows])
    y = np.array([row.sigma for row in rows])
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation == 0] = np.inf  # the constant, and JPEG's terms without JPEG
    z = (x - mean) / deviation
    weights = np.linalg.solve(z.T @ z + RIDGE * np.eye(z.shape[1]), z.T @ (y - y.mean()))
    weights = weights / deviation
    weights[0] = y.mean() - mean @ weights
    found = np.stack([row.found for row in rows])
    return Fit(weights, found.min(axis=0), found.max(axis=0))


def main(source: Path, count: int) -> None:
    named = sorted(
        (hashlib.sha256(Path(name).stem.encode()).hexdigest(), name, data)
        for name, data in read_photos(source)
    )
    used, held_out = [], []
    photos = 0
    for _, name, data in named:
        held = is_held_out(name)
        if photos == count and not held:
            continue
        try:
            found = list(rows_of(name, decode_rgb8(data, name)))
        except UserError:
            continue
        (held_out if held else used).extend(found)
        photos += not held
    fits = {
        "plain": fit([row for row in used if row.quality is None]),
        "jpeg": fit([row for row in used if row.quality is not None]),
    }
    stored = {f"{k}_{name}": v for k, f in fits.items() for name, v in vars(f).items()}
    np.savez(TARGET, photos=photos, **stored)
    print(f"{TARGET.name}: {photos} photos, {len(used)} pictures")
    for case in CASES:
        errors = [
            fits["plain" if row.quality is None else "jpeg"](row.found, row.quality) - row.sigma
            for row in held_out
            if row.case == case
        ]
        rms, mean = np.sqrt(np.mean(np.square(errors))), np.mean(errors)
        print(f"held out, {case}: {len(errors)} pictures, rms error {rms:.2f}, mean {mean:+.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 320)
