"""How much more a model gains on photos that it was trained on than on others of the same kind.

Usage: python benchmarks/by_heart.py PHOTOS BENCHMARKS MODEL... [--count 100]

Photos of BSDS500 are in the training data (train and test) and in BSDS100 (val): the same cameras,
sizes and subjects. Prints each model's mean gain over bicubic on COUNT of the former, drawn with
seed 0, and on the latter, by protocol `poster2017`: dB, and HFENI as the logarithm of its ratio. A
network too small to know its photos by heart tells how much the two sets differ by themselves.
PHOTOS is the unpacked folder of training photos. All models must have one scale.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance import Upscaler
from acutance.data.datasets import is_held_out, make_pair, to_uint8
from acutance.image.decode import decode_rgb8
from acutance.image.resize import resize
from acutance.inference.models import find_card
from acutance.metrics.protocol import PROTOCOLS, measure
from acutance.models.card import read_card

PREFIX = "bsd500"
"""Of the file names of BSDS500's photos."""


def gains(upscaler: Upscaler, files: Iterable[Path], scale: int) -> tuple[float, float]:
    """Means over photos: dB, and the logarithm of HFENI's ratio."""
    found = []
    for file in files:
        pair = make_pair(file.name, decode_rgb8(file.read_bytes(), file.name), scale)
        height, width = pair.hr.shape[:2]
        bicubic = to_uint8(resize(pair.lr.astype(np.float32), height, width))

        def score(sr: NDArray[np.uint8], hr: NDArray[np.uint8] = pair.hr) -> tuple[float, float]:
            result = measure(sr / 255, hr, scale=scale, protocol=PROTOCOLS["poster2017"])
            return result.psnr, np.log(result.hfeni)

        found.append(np.subtract(score(upscaler(pair.lr)), score(bicubic)))
    decibel, hfeni = np.mean(found, axis=0)
    return float(decibel), float(hfeni)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("benchmarks", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    learned = [p for p in sorted(options.photos.rglob(f"{PREFIX}*")) if not is_held_out(p.name)]
    order = np.random.default_rng(0).permutation(len(learned))
    learned = [learned[i] for i in order[: options.count]]
    others = sorted((options.benchmarks / "BSDS100").iterdir())
    print(f"| model | {len(learned)} trained on | {len(others)} others |\n|---|---|---|")
    for model in options.models:
        upscaler, scale = Upscaler(model), read_card(find_card(model)).scale
        cells = ["{:.3f} dB, {:.4f}".format(*gains(upscaler, p, scale)) for p in (learned, others)]
        print(f"| {model} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
