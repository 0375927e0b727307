"""Rows for ``acutance benchmark``, of a network that takes hours of a CPU otherwise.

Usage: python benchmarks/winograd_rows.py --data DIR --model CARD --rows FILE [--sets NAMES]
       [--threads N]

Measures a model as ``acutance benchmark --rows FILE --model CARD`` does, and writes the same lines,
which that command then finds there; but PyTorch computes the pictures, with Winograd's algorithm
(docs/training.md), two to three times as fast for DRCN's 256 channels. Results differ by rounding.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from acutance.data.benchmarks import find_benchmarks
from acutance.evaluation.comparison import Comparison
from acutance.evaluation.contenders import Engine, Opened, contenders
from acutance.evaluation.store import Store
from acutance.inference.models import find_card
from acutance.metrics.protocol import PROTOCOLS
from acutance.models.card import read_card
from acutance.models.checkpoint import load_network
from acutance.training.winograd import accelerate


def by_winograd(card: Path) -> Opened:
    """The model as a function of a picture, ``(h, w, 3)`` to ``(s*h, s*w, 3)``."""
    network, _ = load_network(card)
    accelerate(network)

    @torch.inference_mode()
    def upscale(lr: NDArray[np.float32]) -> NDArray[np.floating]:
        lr_NCHW = torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1)))[None]
        lr_NCHW = lr_NCHW.contiguous(memory_format=torch.channels_last)
        sr: NDArray[np.floating] = network(lr_NCHW)[0].permute(1, 2, 0).numpy()
        return sr

    return Opened(upscale, "PyTorch fp32 CPU, Winograd")


def main() -> None:
    """Measure what the rows lack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--model", required=True, help="a card's path")
    parser.add_argument("--rows", type=Path, required=True, help="file that grows")
    parser.add_argument("--sets", help="names, separated by commas; all by default")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    path = find_card(options.model)
    card = read_card(path)
    pictures = find_benchmarks(options.data, options.sets.split(",") if options.sets else None)
    with tempfile.TemporaryDirectory() as unused:
        engine, models = Engine(threads=options.threads), [options.model]
        found = contenders(card.scale, models=models, imports=Path(unused), engine=engine)
    weights = card.files["safetensors"].sha256[:16]
    one = next(c for c in found if c.key == weights)
    one = dataclasses.replace(one, open=lambda _: by_winograd(path))
    store, protocol = Store(options.rows), PROTOCOLS["poster2017"]
    comparison = Comparison([one], pictures, store, card.scale, protocol)
    for _ in track(comparison.measure(one), one.method, total=len(comparison.missing(one))):
        pass
    for line in comparison.lines(one):
        print(f"{line.set_name}: {line.psnr:.3f} dB, {line.ssim:.4f}, {line.hfeni:.4f}")


if __name__ == "__main__":
    main()
