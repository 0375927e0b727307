"""Models of one scale on windows of held-out photos: by these is chosen what ships.

Usage: python benchmarks/held_out.py PHOTOS MODEL...

A window has 320 x 480 pixels, or 480 x 320 in an upright photo: the middle of each held-out photo,
or two opposite corners of one that is twice as large. Its LR is reduced by bicubic and rounded to
8 bits. Prints the means of PSNR and SSIM and the geometric mean of HFENI, by protocol
`poster2017`. PHOTOS is the unpacked folder of training photos; MODEL a shipped model's name, or a
card's path.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance import Upscaler
from acutance.data.datasets import is_held_out, make_pair
from acutance.image.decode import decode_rgb8
from acutance.inference.models import find_card
from acutance.metrics.protocol import PROTOCOLS, measure
from acutance.models.card import read_card

SIDES = (320, 480)
"""Of a window: BSDS's size, a multiple of every scale but 3, where the rest is cut off."""


def windows(photo: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """One window of a photo ``(H, W, 3)``, or two, or none where it is too small."""
    height, width = photo.shape[:2]
    h, w = SIDES if width >= height else SIDES[::-1]
    if height >= 2 * h and width >= 2 * w:
        yield photo[:h, :w]
        yield photo[height - h :, width - w :]
    elif height >= h and width >= w:
        top, left = (height - h) // 2, (width - w) // 2
        yield photo[top : top + h, left : left + w]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    cards = [read_card(find_card(model)) for model in options.models]
    scale = cards[0].scale
    if any(card.scale != scale for card in cards):
        parser.error("the models have different scales")
    files = [p for p in sorted(options.photos.rglob("*")) if p.is_file() and is_held_out(p.name)]
    photos = (decode_rgb8(file.read_bytes(), file.name) for file in files)
    pairs = [make_pair("", window, scale) for photo in photos for window in windows(photo)]
    print(f"x{scale}, {len(pairs)} windows\n")
    print("| model | PSNR | SSIM | HFENI |\n|---|---:|---:|---:|")
    for model in options.models:
        upscaler = Upscaler(model)
        scores = [
            measure(upscaler(p.lr) / 255, p.hr, scale=scale, protocol=PROTOCOLS["poster2017"])
            for p in pairs
        ]
        psnr, ssim = np.mean([(s.psnr, s.ssim) for s in scores], axis=0)
        hfeni = np.exp(np.mean([np.log(s.hfeni) for s in scores]))
        print(f"| {model} | {psnr:.4f} | {ssim:.5f} | {hfeni:.4f} |", flush=True)


if __name__ == "__main__":
    main()
