"""What the choice of model gains on WebP and AVIF files, and which strength suits them.

Usage: python benchmarks/codecs.py PHOTOS [--scale 4] [--strengths 0.05 0.12 0.2] [--every 1]

The LR of each held-out photo, its middle 480 x 480, is reduced by bicubic and saved with each codec
and quality. PSNR is of luma, protocol `standard`: of the bicubic-trained model, of the model that
`acutance upscale` chooses for the file, and of the photo model with each of --strengths. Prints a
table. PHOTOS is the unpacked folder of training photos.
"""

import argparse
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from photo_gain import pictures
from PIL import Image

from acutance import Upscaler
from acutance.data.datasets import make_pair
from acutance.image.decode import decode_rgb8
from acutance.inference.choice import choose_model
from acutance.metrics.protocol import PROTOCOLS, measure

FILES = [("webp", quality) for quality in (20, 50, 70, 80, 90, 95)]
FILES += [("avif", quality) for quality in (35, 60, 80, 90)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--strengths", type=float, nargs="*", default=[])
    parser.add_argument("--every", type=int, default=1, help="take every so many photos")
    options = parser.parse_args()
    scale = options.scale
    found = list(pictures(options.photos, held_out=True, scale=scale))[:: options.every]
    pairs = [make_pair(name, hr, scale) for name, hr in found]

    @cache
    def upscaler(model: str, strength: float | None) -> Upscaler:
        return Upscaler(model, denoise=strength)

    def psnr(hr: NDArray[np.uint8], lr: NDArray[np.uint8], model: str, strength: float) -> float:
        told = round(strength, 2) if model.startswith("photo") else None
        sr = upscaler(model, told)(lr) / 255
        return float(measure(sr, hr, scale=scale, protocol=PROTOCOLS["standard"]).psnr)

    base, photo = f"base-x{scale}", f"photo-x{scale}"
    strengths = "".join(f" {strength:g} |" for strength in options.strengths)
    print(f"x{scale}, {len(pairs)} photos\n\n| file | {base} | chosen | photos |{strengths}")
    print("|---|" + "---:|" * (3 + len(options.strengths)))
    for codec, quality in FILES:
        rows, photos = [], 0
        for pair in pairs:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"lr.{codec}"
                Image.fromarray(pair.lr).save(path, quality=quality)
                lr, choice = decode_rgb8(path.read_bytes(), path.name), choose_model(path, scale)
            photos += choice.model == photo
            models = [(base, 0.0), (choice.model, choice.strength or 0.0)]
            models += [(photo, strength) for strength in options.strengths]
            rows.append([psnr(pair.hr, lr, *model) for model in models])
        before, *others = np.mean(rows, axis=0)
        gains = [f"{other - before:+.2f}" for other in others]
        cells = [f"{codec} {quality}", f"{before:.2f}", gains[0], str(photos), *gains[1:]]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
