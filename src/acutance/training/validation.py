"""Validation on photos held out of training: luma PSNR of the averaged weights.

It chooses checkpoints; the benchmarks never do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from acutance.data.datasets import Pair, make_pair, to_uint8
from acutance.data.degradation_pipeline import PRESETS, degrade, draw, generator_for
from acutance.metrics.protocol import PROTOCOLS, measure

STANDARD = PROTOCOLS["standard"]
SAMPLES = 4  # of the held-out pictures are written to the run folder at each validation

LARGEST = 512  # HR pixels on a side of the crop from each photo's centre: bounds the time


@dataclass(frozen=True)
class HeldOut(Pair):
    """A pair to validate on; ``strength`` is None for a network that does not take any."""

    part: str = ""
    """``clean`` or ``degraded`` where both are measured."""

    def tensor(self, device: torch.device) -> Tensor:
        """What a network is given: ``(1, 3 or 4, h, w)`` in [0, 1], channels last."""
        lr = torch.from_numpy(self.lr).to(device).permute(2, 0, 1)[None].float() / 255
        if self.strength is not None:
            lr = torch.cat([lr, torch.full_like(lr[:, :1], self.strength)], dim=1)
        return lr.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Validation:
    """Result of one validation."""

    psnr: float
    """Mean over the pictures, dB, luma, by the standard protocol. Where there are parts, they have
    equally many pictures, so it is the mean of the parts."""
    pictures: list[NDArray[np.uint8]]
    """The upscaled crops, in the order of the pictures."""
    parts: dict[str, float] = field(default_factory=dict)
    """``psnr_clean`` and ``psnr_degraded`` where there are parts."""


def centre_crop(pair: Pair, scale: int) -> Pair:
    """The middle of a pair, at most ``LARGEST`` HR pixels on a side."""
    most = LARGEST // scale
    height, width = min(pair.lr.shape[0], most), min(pair.lr.shape[1], most)
    top, left = (pair.lr.shape[0] - height) // 2, (pair.lr.shape[1] - width) // 2
    lr = pair.lr[top : top + height, left : left + width]
    hr = pair.hr[top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    return Pair(pair.name, np.ascontiguousarray(hr), np.ascontiguousarray(lr), pair.strength)


def hold_out(pairs: Sequence[Pair], *, scale: int, degraded: bool) -> list[HeldOut]:
    """The pictures that a run validates on: the middle of each photo.

    Args:
        pairs: held-out photos.
        scale: upscaling factor.
        degraded: each picture twice: with the bicubic of its HR; and with an LR degraded as preset
            ``degraded`` says, from seed 0 and the photo's name, whatever the run's seed and ranges
            are. A person's pair has its own LR instead.
    """
    middles = [centre_crop(pair, scale) for pair in pairs]
    if not degraded:
        return [HeldOut(m.name, m.hr, m.lr) for m in middles]
    return [held for m in middles for held in (_degraded(m, scale), _clean(m, scale))]


def _clean(pair: Pair, scale: int) -> HeldOut:
    reduced = pair if pair.strength is None else make_pair(pair.name, pair.hr, scale)
    return HeldOut(pair.name, pair.hr, reduced.lr, 0.0, "clean")


def _degraded(pair: Pair, scale: int) -> HeldOut:
    path = PurePath(pair.name)
    name = str(path.with_stem(f"{path.stem}-degraded"))
    if pair.strength is not None:
        return HeldOut(name, pair.hr, pair.lr, pair.strength, "degraded")
    random = generator_for(0, f"validation {path.stem}")
    degradation = draw(random, scale=scale, preset=PRESETS["degraded"])
    lr = degrade(pair.hr, degradation, scale=scale)
    return HeldOut(name, pair.hr, lr, degradation.strength, "degraded")


@torch.no_grad()
def validate(
    network: nn.Module, weights: dict[str, Tensor], held_out: Sequence[HeldOut], scale: int
) -> Validation:
    """Upscale every picture with ``weights`` put in place of the network's own, and compare."""
    device = next(iter(weights.values())).device
    values, pictures = [], []
    parts: dict[str, list[float]] = {}
    for held in held_out:
        sr = functional_call(network, weights, (held.tensor(device),))
        picture = to_uint8(255 * sr[0].float().clamp(0, 1).permute(1, 2, 0).cpu().numpy())
        pictures.append(picture)
        values.append(measure(picture / 255, held.hr, scale=scale, protocol=STANDARD).psnr)
        if held.part:
            parts.setdefault(f"psnr_{held.part}", []).append(values[-1])
    means = {name: float(np.mean(of_part)) for name, of_part in sorted(parts.items())}
    return Validation(float(np.mean(values)), pictures, means)
