"""Seconds a megapixel, measured so that they can be compared within a table.

A contender and bicubic interpolation take turns, so that a machine that is slower for a while is
slower for both; their ratio survives it better than the seconds do.
"""

import math
import statistics
import time

import numpy as np
from numpy.typing import NDArray

from acutance.evaluation.contenders import Contender
from acutance.evaluation.run import Upscale, bicubic
from acutance.evaluation.store import Time

OUTPUT_PIXELS = 1 << 20
"""Of the picture that is upscaled, where the network is cheap enough."""

MOST_MACS = 64e9
"""A network that would take more on it gets a smaller picture."""

LEAST_SIDE = 32  # LR pixels
MULTIPLE = 16
LEAST_RUNS, LEAST_SECONDS = 3, 2.0


def lr_side(scale: int, macs_per_lr_pixel: float) -> int:
    """LR pixels on a side of the square picture that a contender is timed on."""
    side = math.sqrt(min(OUTPUT_PIXELS / scale**2, MOST_MACS / max(macs_per_lr_pixel, 1.0)))
    return max(LEAST_SIDE, int(side) // MULTIPLE * MULTIPLE)


def measure_time(contender: Contender, *, scale: int, machine: str, commit: str) -> Time:
    """The median of at least three runs and two seconds, after one that prepares.

    The arithmetic is what ``acutance upscale`` takes by itself; the picture is in memory.
    """
    assert contender.open is not None
    opened = contender.open("auto")
    cost = contender.cost.macs_per_lr_pixel if contender.cost else None
    lr = _picture(lr_side(scale, cost or 0.0))
    reference_lr = _picture(lr_side(scale, 0.0))
    reference = bicubic(scale)
    opened.upscale(lr)
    reference(reference_lr)
    own: list[float] = []
    others: list[float] = []
    started = time.perf_counter()
    while len(own) < LEAST_RUNS or time.perf_counter() - started < LEAST_SECONDS:
        own.append(_seconds(opened.upscale, lr))
        others.append(_seconds(reference, reference_lr))
    pixels, reference_pixels = (x.shape[0] * x.shape[1] * scale**2 for x in (lr, reference_lr))
    seconds = statistics.median(own) / pixels * 1e6
    return Time(
        contender=contender.key,
        scale=scale,
        engine=opened.engine,
        seconds_per_megapixel=seconds,
        times_bicubic=seconds / (statistics.median(others) / reference_pixels * 1e6),
        machine=machine,
        commit=commit,
    )


def _picture(side: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((side, side, 3), dtype=np.float32)


def _seconds(upscale: Upscale, lr: NDArray[np.float32]) -> float:
    start = time.perf_counter()
    upscale(lr)
    return time.perf_counter() - start
