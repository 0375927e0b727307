"""Throughput of the trainer, as a share of what its convolutions alone reach.

The ceiling is forward and backward of the same network, with the same arithmetic, on one batch that
does not change. The trainer also draws patches, reduces them, computes losses, clips, updates and
averages. Both run in turn, in the same process; with --winograd both compute their convolutions by
that algorithm. Each part of the recipe's schedule has a row, and the run as a whole the mean.

Usage: python benchmarks/train.py [--device NAME] [--threads N] [--seconds S] [--winograd]
    [RECIPE ...]
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

from acutance.data.datasets import make_pair
from acutance.data.patches import PatchSampler
from acutance.losses.composite import CompositeLoss
from acutance.losses.supervision import Supervision
from acutance.recipes.catalogue import RECIPES, recipe
from acutance.training import run_folder
from acutance.training.config import LossPhase, PatchPhase, TrainConfig
from acutance.training.ema import ExponentialMovingAverage
from acutance.training.hardware import choose_device, choose_precision, describe
from acutance.training.optimiser import new_optimiser
from acutance.training.outputs import AllOutputs
from acutance.training.schedule import phase_at
from acutance.training.state import Counters, TrainState
from acutance.training.step import criterion_of, train_step
from acutance.training.winograd import accelerate

PHOTOS, SIDE = 24, 768  # random photos of this many pixels a side: the content takes no time


class Contest:
    """The trainer's step and the bare network, for one part of a recipe."""

    def __init__(
        self, config: TrainConfig, phase: PatchPhase, loss: LossPhase, device: torch.device
    ) -> None:
        self.config, self.phase, self.device = config, phase, device
        precision = "fp32" if config.winograd else config.precision
        self.dtype = choose_precision(precision, device)
        network, self.alone = (
            run_folder.new_network(config).to(device, memory_format=torch.channels_last)
            for _ in range(2)
        )
        if config.winograd:
            for each in (network, self.alone):
                accelerate(each)
        self.state = TrainState(
            network=network,
            ema=ExponentialMovingAverage(network, config.ema),
            optimiser=new_optimiser(network, config, device),
            generator=torch.Generator().manual_seed(0),
            counters=Counters(),
        )
        random = np.random.default_rng(0)
        pairs = [
            make_pair("", random.integers(0, 256, (SIDE, SIDE, 3), np.uint8), config.scale)
            for _ in range(PHOTOS)
        ]
        self.sampler = PatchSampler(pairs, scale=config.scale, device=device)
        self.criterion = criterion_of(loss, Supervision(CompositeLoss()).to(device))
        self.fixed = self.draw()

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.sampler.batch(self.phase.batch, self.phase.patch, self.state.generator)

    def bare(self) -> None:
        """Forward and backward, nothing else."""
        enabled = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype, enabled=enabled):
            sr_NCHW = self.alone(self.fixed[0])
        self.alone.zero_grad()
        sr_NCHW.backward(torch.ones_like(sr_NCHW))

    def step(self) -> None:
        """What the trainer does."""
        train_step(
            self.state,
            self.draw(),
            self.criterion,
            learning_rate=1e-6,
            dtype=self.dtype,
            clip_norm=self.config.clip_norm,
            forward=AllOutputs(self.state.network),
        )

    def seconds(self, work: Callable[[], None]) -> float:
        """Of one call."""
        start = time.perf_counter()
        work()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start


def parts(config: TrainConfig) -> list[tuple[float, PatchPhase, LossPhase]]:
    """Shares of a run's time, with the patches and the loss they have."""
    ends = {phase.until for phase in config.patches} | {loss.until for loss in config.losses}
    return [
        (end - start, phase_at(config.patches, start), phase_at(config.losses, start))
        for start, end in pairwise([0.0, *sorted(ends)])
    ]


def described(loss: LossPhase) -> str:
    """A loss in a few words."""
    names = [loss.content, *(["HFENN"] * bool(loss.alpha)), *(["SSIM"] * bool(loss.beta))]
    return ", ".join(names)


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("recipes", nargs="*", default=["base-x4", "base-x8"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row")
    parser.add_argument("--winograd", action="store_true", help="on a CPU")
    options = parser.parse_args()
    if unknown := set(options.recipes) - set(RECIPES):
        parser.error(f"unknown recipes: {', '.join(sorted(unknown))}")
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    print(f"{describe(device)}\n")
    print(
        "| recipe | patches | loss | of the run | network alone, ms | trainer, ms | LR kpx/s "
        "| share of ceiling |"
    )
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for name in options.recipes:
        config = dataclasses.replace(recipe(name), winograd=options.winograd)
        of_the_run = 0.0
        for part, phase, loss in parts(config):
            contest = Contest(config, phase, loss, device)
            for work in (contest.bare, contest.step):
                contest.seconds(work)  # the first call prepares kernels
            bare, step = [], []
            end = time.perf_counter() + options.seconds
            while time.perf_counter() < end:
                bare.append(contest.seconds(contest.bare))
                step.append(contest.seconds(contest.step))
            alone, all_of_it = statistics.median(bare), statistics.median(step)
            of_the_run += part * alone / all_of_it
            pixels = phase.batch * phase.patch**2
            print(
                f"| {name} | {phase.batch} x {phase.patch}x{phase.patch} | {described(loss)} "
                f"| {part:.0%} | {1e3 * alone:.0f} | {1e3 * all_of_it:.0f} "
                f"| {pixels / all_of_it / 1e3:.1f} | {alone / all_of_it:.0%} |",
                flush=True,
            )
        print(f"| {name} | | | 100% | | | | {of_the_run:.0%} |", flush=True)


if __name__ == "__main__":
    main()
