"""Validation on photos held out of training: luma PSNR of the averaged weights.

It chooses checkpoints; the benchmarks never do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from acutance.data.datasets import Pair, to_uint8
from acutance.metrics.protocol import PROTOCOLS, measure

STANDARD = PROTOCOLS["standard"]
SAMPLES = 4  # of the held-out photos are written to the run folder at each validation

LARGEST = 512  # HR pixels on a side of the crop from each photo's centre: bounds the time


@dataclass(frozen=True)
class Validation:
    """Result of one validation."""

    psnr: float
    """Mean over the photos, dB, luma, by the standard protocol."""
    pictures: list[NDArray[np.uint8]]
    """The upscaled crops, in the order of the pairs."""


def centre_crop(pair: Pair, scale: int) -> Pair:
    """The middle of a pair, at most ``LARGEST`` HR pixels on a side."""
    most = LARGEST // scale
    height, width = min(pair.lr.shape[0], most), min(pair.lr.shape[1], most)
    top, left = (pair.lr.shape[0] - height) // 2, (pair.lr.shape[1] - width) // 2
    lr = pair.lr[top : top + height, left : left + width]
    hr = pair.hr[top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    return Pair(pair.name, np.ascontiguousarray(hr), np.ascontiguousarray(lr))


@torch.no_grad()
def validate(
    network: nn.Module, weights: dict[str, Tensor], pairs: Sequence[Pair], scale: int
) -> Validation:
    """Upscale every pair's LR with ``weights`` put in place of the network's own, and compare."""
    device = next(iter(weights.values())).device
    values, pictures = [], []
    for pair in pairs:
        lr = torch.from_numpy(pair.lr).to(device).permute(2, 0, 1)[None].float() / 255
        sr = functional_call(network, weights, (lr.contiguous(memory_format=torch.channels_last),))
        picture = to_uint8(255 * sr[0].float().clamp(0, 1).permute(1, 2, 0).cpu().numpy())
        pictures.append(picture)
        values.append(measure(picture / 255, pair.hr, scale=scale, protocol=STANDARD).psnr)
    return Validation(float(np.mean(values)), pictures)
