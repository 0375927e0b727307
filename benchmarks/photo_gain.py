"""What a photo model gains on degraded pictures, by how much of a picture its clean LR gives back.

Usage: python benchmarks/photo_gain.py FOLDER [--model photo-x4] [--seeds 2] [--held-out]
    [--preset degraded]

Every picture of FOLDER is degraded as the preset says, once from each seed, and upscaled by
the bicubic-trained model of that scale and by the photo model, told the true strength and with the
estimated one. PSNR is of luma, protocol `standard`. With --held-out, FOLDER is that of the training
photos and only those held out are taken, the middle 480 x 480 of larger ones. Prints a table.
"""

import argparse
import itertools
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance import Upscaler
from acutance.data.datasets import is_held_out, make_pair, read_photos
from acutance.data.degradation_pipeline import degrade, draw, generator_for, preset
from acutance.image.decode import decode_rgb8
from acutance.inference.models import find_card
from acutance.metrics.protocol import PROTOCOLS, measure
from acutance.models.card import read_card

LARGEST = 480  # pixels on a side of a held-out photo
BINS = (0, 24, 26, 28, 30, 34, 100)
"""dB that the bicubic-trained model reaches on the clean LR."""


@dataclass(frozen=True)
class Result:
    """PSNR of one picture, degraded once."""

    clean: float
    """Of the bicubic-trained model on the clean LR; the others are on the degraded one."""
    bicubic_trained: float
    true_strength: float
    estimated: float


def pictures(
    folder: Path, *, held_out: bool, scale: int
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Names and HR pictures ``(s*h, s*w, 3)``."""
    for name, data in read_photos(folder):
        if held_out and not is_held_out(name):
            continue
        hr = decode_rgb8(data, name)
        if held_out:
            top, left = (max(0, (side - LARGEST) // 2) for side in hr.shape[:2])
            hr = hr[top : top + LARGEST, left : left + LARGEST]
        height, width = (side // scale * scale for side in hr.shape[:2])
        yield Path(name).stem, np.ascontiguousarray(hr[:height, :width])


def results(options: argparse.Namespace) -> Iterator[Result]:
    """Every picture with every seed."""
    scale = read_card(find_card(options.model)).scale
    ranges = preset(options.preset)
    plain, estimated = Upscaler(f"base-x{scale}"), Upscaler(options.model)

    @cache
    def told(strength: float) -> Upscaler:
        return Upscaler(options.model, denoise=strength)

    for name, hr in pictures(options.folder, held_out=options.held_out, scale=scale):
        clean = make_pair(name, hr, scale).lr

        def psnr(upscaler: Upscaler, lr: NDArray[np.uint8], hr: NDArray[np.uint8] = hr) -> float:
            sr = upscaler(lr) / 255
            return float(measure(sr, hr, scale=scale, protocol=PROTOCOLS["standard"]).psnr)

        for seed in range(options.seeds):
            degradation = draw(generator_for(seed, name), scale=scale, preset=ranges)
            lr = degrade(hr, degradation, scale=scale)
            yield Result(
                clean=psnr(plain, clean),
                bicubic_trained=psnr(plain, lr),
                true_strength=psnr(told(round(degradation.strength, 2)), lr),
                estimated=psnr(estimated, lr),
            )


def table(found: list[Result], model: str) -> str:
    """Means over the pictures of each bin, and over all."""
    lines = [
        f"| clean | pictures | bicubic-trained | {model}, true strength | gain "
        "| estimated | gain |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    bins = [(f"{a} to {b} dB", a, b) for a, b in itertools.pairwise(BINS)]
    for title, low, high in (*bins, ("all", BINS[0], BINS[-1])):
        own = [r for r in found if low <= r.clean < high]
        if not own:
            continue
        before, true, estimated = (
            statistics.mean(getattr(r, key) for r in own)
            for key in ("bicubic_trained", "true_strength", "estimated")
        )
        lines.append(
            f"| {title} | {len(own)} | {before:.2f} | {true:.2f} | {true - before:+.2f} "
            f"| {estimated:.2f} | {estimated - before:+.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="photo-x4")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--preset", default="degraded")
    options = parser.parse_args()
    print(table(list(results(options)), options.model))


if __name__ == "__main__":
    main()
