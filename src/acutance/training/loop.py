"""The training loop: photos in memory, a step on one screen, a folder that survives a kill."""

import contextlib
import dataclasses
import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from acutance.data.datasets import Photos
from acutance.data.pairs import load_training_data
from acutance.errors import UserError
from acutance.evaluation.provenance import commit
from acutance.image.decode import decode_rgb8
from acutance.image.encode import write_rgb8
from acutance.models.cost import channels_in, macs_per_lr_pixel
from acutance.training import run_folder
from acutance.training.config import TrainConfig
from acutance.training.distributed import Processes, device_name, processes
from acutance.training.ema import ExponentialMovingAverage
from acutance.training.gan.stage import GanStage, new_opponent
from acutance.training.hardware import choose_device, choose_precision, describe, matmul_peak
from acutance.training.log import RunLog
from acutance.training.muon import Muon
from acutance.training.outputs import AllOutputs
from acutance.training.samplers import build_sampler
from acutance.training.schedule import learning_rate_factor, phase_at
from acutance.training.sheet import bicubic, sheet
from acutance.training.start import renew_dead, start_from
from acutance.training.state import Counters, TrainState
from acutance.training.step import PixelStage, Stage, StepResult
from acutance.training.validation import SAMPLES, hold_out, validate

MOST_SKIPS = 50  # consecutive steps without finite gradients before the run gives up
RENEWED_BY = 16  # held-out photos in which a unit must be dead to get fresh weights
BACKWARD_AND_FORWARD = 3  # a training step costs about three forward passes


class Stopped(Exception):  # noqa: N818 - like KeyboardInterrupt, not an error
    """The run was asked to stop, has saved its state and can be resumed."""


def train(
    config: TrainConfig,
    *,
    data: Path,
    run: Path,
    resume: bool = False,
    device: str = "auto",
    threads: int | None = None,
    command: str = "",
    report: Callable[[str], None] = print,
) -> Path:
    """Train to the end of the schedule and return the run folder.

    Args:
        config: the run; with ``resume`` it must be the stored one.
        data: folder or tar file of photos, or folder of pairs (``acutance.data.pairs``).
        run: run folder, new or empty unless ``resume``.
        resume: go on from the last checkpoint.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        threads: CPU threads.
        command: a command that would train the same model, for the card.
        report: takes lines for the person who waits.

    Raises:
        UserError: unusable data, folder or checkpoint; divergence.
        Stopped: after a signal, when the state is saved.
    """
    if resume != (run / run_folder.LAST).exists():
        raise UserError(
            f"nothing to resume in {run}; leave --resume out"
            if resume
            else f"{run} already holds a run; go on with --resume or give another folder"
        )
    if not resume and any((run / name).exists() for name in (run_folder.CONFIG, run_folder.EMA)):
        try:
            run_folder.read_config(run)  # of a run that was killed before its first checkpoint
        except UserError:
            raise UserError(f"{run} holds files of something else: give another folder") from None
    if threads is not None:
        if threads < 1:
            raise UserError(f"threads must be at least 1, not {threads}")
        torch.set_num_threads(threads)
    place = choose_device(device_name(device))
    with processes(place) as together:
        _train(config, data, run, resume, place, together, command, report)
    return run


def _train(
    config: TrainConfig,
    data: Path,
    run: Path,
    resume: bool,
    place: torch.device,
    together: Processes,
    command: str,
    report: Callable[[str], None],
) -> None:
    """Build everything that a run needs and start its loop; in each of the run's processes."""
    if not together.first:
        report = _keep_quiet
    # Each process times its own processor: all take fp32 where one wants it.
    wants_fp32 = choose_precision(config.precision, place) == torch.float32
    dtype = torch.float32 if together.largest(wants_fp32)[0] else torch.bfloat16
    torch.manual_seed(config.seed)
    if config.network == "generator" and config.slope is None:
        slope = run_folder.start_slope(config.start) if config.start and not resume else 0.0
        if resume and (run / run_folder.CONFIG).exists():
            slope = run_folder.read_config(run).slope or 0.0
        config = dataclasses.replace(config, slope=slope)
    network = run_folder.new_network(config).to(place)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.start and not resume:
        start_from(network, config.start, report)
    if config.gan and config.gan.perceptual_weight and not config.gan.sees:
        report("no perceptual loss: --set gan.backbones=FOLDER gives it its network (docs/gan.md)")
    state = TrainState(
        network=network,
        ema=ExponentialMovingAverage(network, config.ema),
        optimiser=new_optimiser(network, config, place),
        generator=torch.Generator().manual_seed(config.seed),
        counters=Counters(),
        opponent=new_opponent(config, place) if config.gan else None,
    )
    if resume:
        state.load(run / run_folder.LAST)
        before = run_folder.read_config(run)
        other_end = (config.max_minutes, config.steps) != (before.max_minutes, before.steps)
        if other_end and progress_of(config, state.counters) >= 1:
            spent = f"{state.counters.seconds / 60:.2f} minutes and {state.counters.step} steps"
            raise UserError(f"{spent} are spent, and the run would end unannealed: give more")
        for change in config.changes(before):
            state.counters.changes.append(f"from step {state.counters.step}: {change}")
    photos = load_training_data(
        data,
        scale=config.scale,
        smallest_lr=min(p.patch for p in config.patches),
        copies=config.copies,
    )
    report(photos.summary())
    if config.start and not resume and config.slope and not run_folder.start_slope(config.start):
        held_out = hold_out(
            (photos.held_out or photos.train)[:RENEWED_BY],
            scale=config.scale,
            degraded=config.degradations is not None,
        )
        dead, units = renew_dead(network, [held.tensor(place) for held in held_out])
        state.ema = ExponentialMovingAverage(network, config.ema)
        report(f"{dead} of {units} units were dead and have fresh weights")
    if together.first:
        run.mkdir(parents=True, exist_ok=True)
        run_folder.write_atomically(run / run_folder.CONFIG, config.to_json())
    facts = {
        "recipe": config.recipe,
        "command": command,
        **run_folder.before(config.start, run if resume else None),
        **photos.facts(),
        "commit": commit(),
        "precision": "fp32" if dtype == torch.float32 else "bf16",
        "hardware": describe(place) + (f", {together.count} processes" * (together.count > 1)),
    }
    loop = _Loop(config, state, photos, run, place, together, dtype, facts, report)
    with _stop_on_signals() as asked_to_stop:
        loop.run_until_done(asked_to_stop)


def progress_of(config: TrainConfig, counters: Counters) -> float:
    """Share of the budget spent, in [0, 1]."""
    if config.max_minutes is not None:
        return min(1.0, counters.seconds / (60 * config.max_minutes))
    assert config.steps is not None
    return min(1.0, counters.step / config.steps)


def _keep_quiet(_line: str) -> None:
    """What the processes but the first report."""


class _Loop:
    """The stateful shell around ``train_step``: when to log, validate, save and stop."""

    def __init__(
        self,
        config: TrainConfig,
        state: TrainState,
        photos: Photos,
        run: Path,
        device: torch.device,
        together: Processes,
        dtype: torch.dtype,
        facts: dict[str, Any],
        report: Callable[[str], None],
    ) -> None:
        self.config, self.state, self.run, self.report = config, state, run, report
        self.device, self.together, self.dtype, self.facts = device, together, dtype, facts
        self.sampler = build_sampler(config, photos, device, step=state.counters.step)
        self.held_out = hold_out(
            photos.held_out, scale=config.scale, degraded=config.degradations is not None
        )
        for pair in self.held_out[:SAMPLES] if together.first else ():
            write_rgb8(run_folder.sample(run, pair.name, "hr"), pair.hr)
            write_rgb8(run_folder.sample(run, pair.name, "lr"), pair.lr)
        self.peak = matmul_peak(device, dtype) * together.count
        self.operations = 2 * BACKWARD_AND_FORWARD * macs_per_lr_pixel(state.network)
        self.log = RunLog(run if together.first else None)
        network = together.wrap(AllOutputs(state.network))
        forward: Any = torch.compile(network) if config.compile else network
        kind = PixelStage if config.gan is None else GanStage
        self.stage: Stage = kind(
            config, state, device=device, dtype=dtype, forward=forward, together=together
        )
        self.chooses = self.stage.chooses and bool(self.held_out)
        if config.compile:
            self._compile(forward)

    def _compile(self, forward: Any) -> None:
        """Meet every size of batch now: what compiling takes is nobody's training time."""
        channels = channels_in(self.state.network)
        for phase in self.config.patches:
            count = len(self.together.share(torch.arange(phase.batch)))
            lr_NCHW = torch.zeros(count, channels, phase.patch, phase.patch, device=self.device)
            lr_NCHW = lr_NCHW.contiguous(memory_format=torch.channels_last)
            enabled = self.dtype != torch.float32
            with torch.autocast(self.device.type, self.dtype, enabled=enabled):
                outputs = forward(lr_NCHW)
            torch.stack([output.float().mean() for output in outputs]).sum().backward()
        self.state.optimiser.zero_grad()

    def progress(self) -> float:
        """Share of the budget spent, in [0, 1]."""
        return progress_of(self.config, self.state.counters)

    def run_until_done(self, asked_to_stop: Callable[[], bool]) -> None:
        """Steps until the schedule ends; saves at intervals, on a signal and at the end.

        With several processes, all of them go by the slowest one's clock.
        """
        config, counters = self.config, self.state.counters
        if not self.held_out and not counters.step:
            self._alarm(["no photo is held out: nothing is validated and the last weights ship"])
        if self.chooses and not counters.points:
            self._on_first(self._validate)  # what the start reaches: the floors refer to it
        self._on_first(lambda: self._write_summary(finished=False))
        results: list[StepResult] = []
        logged = saved = validated = counters.seconds
        logged_pixels, skips_in_a_row = counters.lr_pixels, 0
        annealing = self.progress() >= 1 - config.anneal
        while (progress := self.progress()) < 1:
            if not annealing and progress >= 1 - config.anneal:
                self._on_first(lambda: self.state.save(self.run / run_folder.CONSTANT))
                annealing = True
            started = time.perf_counter()
            patches = phase_at(config.patches, progress)
            factor = learning_rate_factor(progress, warmup=config.warmup, anneal=config.anneal)
            batch = self.sampler.batch(
                patches.batch, patches.patch, self.state.generator, self.together.share
            )
            skipped = counters.skipped
            results.append(self.stage.step(batch, progress=progress, factor=factor))
            skips_in_a_row = skips_in_a_row + 1 if counters.skipped > skipped else 0
            if skips_in_a_row >= MOST_SKIPS:
                raise UserError(
                    f"the run diverged: {MOST_SKIPS} steps without finite gradients; "
                    f"lower learning_rate (now {config.learning_rate:g}) and start again"
                )
            counters.lr_pixels += patches.batch * patches.patch**2
            seconds = counters.seconds + time.perf_counter() - started
            counters.seconds, stop = self.together.largest(seconds, asked_to_stop())
            if counters.seconds - logged >= 60 * config.log_minutes:
                seconds, pixels = counters.seconds - logged, counters.lr_pixels - logged_pixels
                self._log_step(results, seconds, pixels, progress, config.learning_rate * factor)
                results, logged, logged_pixels = [], counters.seconds, counters.lr_pixels
            if self._validation_is_due(progress, counters.seconds - validated):
                self._on_first(self._validate)
                validated = counters.seconds
            if counters.seconds - saved >= 60 * config.checkpoint_minutes:
                self._on_first(self._save)
                saved = counters.seconds
            if stop:
                self._on_first(self._save)
                self.log.close()
                raise Stopped(f"stopped at step {counters.step}; go on with --resume")
        self._on_first(self._validate)
        self._on_first(lambda: self._save(finished=True))
        self.log.close()

    def _validation_is_due(self, before: float, seconds: float) -> bool:
        """After a step that began at the progress ``before``; the end validates anyway."""
        count = self.config.validations
        if count is None:
            return seconds >= 60 * self.config.validate_minutes
        return int(count * before) < int(count * self.progress()) < count

    def _log_step(
        self,
        results: list[StepResult],
        seconds: float,
        pixels: int,
        progress: float,
        rate: float,
    ) -> None:
        counters = self.state.counters
        if not all(torch.isfinite(p).all() for p in self.state.network.parameters()):
            # In bf16 a ReLU may turn them into zeros, so that loss and gradients look well.
            raise UserError(
                f"the run diverged: weights are no numbers any more at step {counters.step}; "
                f"lower learning_rate (now {self.config.learning_rate:g}) and start again"
            )
        loss = self._mean([result.loss for result in results])
        terms = {
            name: self._mean([result.terms[name] for result in results])
            for name in results[0].terms
        }
        speed = pixels / seconds
        share = speed * self.operations / self.peak
        self.log.write(
            "train",
            counters.step,
            progress=round(progress, 5),
            loss=loss,
            learning_rate=rate,
            lr_pixels=counters.lr_pixels,
            lr_pixels_per_second=round(speed),
            share_of_peak=round(share, 3),
            skipped=counters.skipped,
            **terms,
        )
        self.report(
            f"{progress:6.1%}  step {counters.step}  loss {loss:.5f}  lr {rate:.2e}  "
            f"{speed / 1e3:.1f} kpx/s ({share:.0%} of peak)"
            + "".join(f"  {name} {value:.4g}" for name, value in terms.items())
        )
        self._alarm(self.stage.watch(terms))

    def _mean(self, values: list[torch.Tensor]) -> float:
        """Over steps and processes."""
        return float(self.together.mean(torch.stack(values).mean()))

    def _alarm(self, alarms: list[str]) -> None:
        """Say, log and store what is going wrong."""
        counters = self.state.counters
        for alarm in alarms:
            self.log.write("alarm", counters.step, text=alarm)
            self.report(f"alarm   {alarm}")
            counters.alarms.append(f"step {counters.step}: {alarm}")

    def _validate(self) -> None:
        if not self.held_out:
            return
        result = validate(
            self.state.network, self.state.ema.average, self.held_out, self.config.scale
        )
        counters = self.state.counters
        counters.history.append(round(result.psnr, 4))
        counters.best_psnr = max(counters.best_psnr, result.psnr)
        for pair, picture in zip(self.held_out[:SAMPLES], result.pictures, strict=False):
            write_rgb8(run_folder.sample(self.run, pair.name, f"{counters.step:07d}"), picture)
        self._write_sheet(result.pictures)
        found = self.stage.examine(result, self.held_out)
        self.log.write(
            "validation", counters.step, psnr=result.psnr, **result.parts, **found.figures
        )
        self.report(
            f"        validation {result.psnr:.3f} dB on {len(self.held_out)} pictures"
            + "".join(f"  {name} {value:.3f}" for name, value in result.parts.items())
            + "".join(f"  {name} {value:.4g}" for name, value in found.figures.items())
        )
        self._alarm(found.alarms)
        if self.chooses and found.chosen:
            run_folder.save_ema(self.run, self.state.ema.average)
            self.state.save(self.run / run_folder.LAST)  # what it says was chosen is what ships
            self._write_summary(finished=False)
            self.report(f"        step {counters.step} is the best so far: it ships")

    def _write_sheet(self, pictures: Sequence[NDArray[np.uint8]]) -> None:
        """Columns: bicubic, the first validation where it was the start's, now, the photo."""
        rows = []
        for pair, picture in zip(self.held_out[:SAMPLES], pictures, strict=False):
            start = run_folder.sample(self.run, pair.name, f"{0:07d}")
            before = [decode_rgb8(start.read_bytes(), start.name)] if start.exists() else []
            rows.append([bicubic(pair.lr, *pair.hr.shape[:2]), *before, picture, pair.hr])
        write_rgb8(run_folder.sheet(self.run, self.state.counters.step), sheet(rows))

    def _on_first(self, work: Callable[[], None]) -> None:
        """Done by the first process; the others wait, so that it is nobody's training time."""
        if self.together.first:
            work()
        self.together.wait()

    def _save(self, *, finished: bool = False) -> None:
        self.state.save(self.run / run_folder.LAST)
        if not self.chooses or not (self.run / run_folder.EMA).exists():
            run_folder.save_ema(self.run, self.state.ema.average)
        self._write_summary(finished=finished)

    def _write_summary(self, *, finished: bool) -> None:
        counters = self.state.counters
        summary = {
            **self.facts,
            "finished": finished,
            "steps": counters.step,
            "minutes": round(counters.seconds / 60, 1),
            "lr_pixels": counters.lr_pixels,
            "skipped": counters.skipped,
            "validation_psnr": counters.history,
            **({"changes": counters.changes} if counters.changes else {}),
            **({"alarms": counters.alarms} if counters.alarms else {}),
            **self.stage.summary(),
        }
        run_folder.write_atomically(
            self.run / run_folder.SUMMARY, json.dumps(summary, indent=2) + "\n"
        )


def new_optimiser(
    network: nn.Module, config: TrainConfig, place: torch.device
) -> torch.optim.Optimizer:
    """AdamW or Muon, as the configuration says."""
    settings: dict[str, Any] = {
        "lr": config.learning_rate,
        "betas": config.betas,
        "weight_decay": config.weight_decay,
    }
    if config.optimiser == "muon":
        return Muon(network.parameters(), **settings)
    return torch.optim.AdamW(network.parameters(), fused=place.type in ("cpu", "cuda"), **settings)


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question that the loop asks between steps."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread: no handlers there
            previous[number] = signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
