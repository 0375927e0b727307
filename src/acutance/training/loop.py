"""The training loop: when a run steps, logs, validates, saves and stops."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from acutance.data.datasets import Photos
from acutance.errors import UserError
from acutance.image.decode import decode_rgb8
from acutance.image.encode import write_rgb8
from acutance.models.cost import channels_in, macs_per_lr_pixel
from acutance.training import run_folder
from acutance.training.config import TrainConfig
from acutance.training.distributed import Processes
from acutance.training.gan.stage import GanStage
from acutance.training.hardware import matmul_peak
from acutance.training.lessons import taught
from acutance.training.log import RunLog
from acutance.training.outputs import AllOutputs
from acutance.training.samplers import build_sampler
from acutance.training.schedule import learning_rate_factor, phase_at
from acutance.training.sheet import bicubic, sheet
from acutance.training.state import Counters, TrainState
from acutance.training.step import PixelStage, Stage, StepResult
from acutance.training.validation import SAMPLES, hold_out, validate
from acutance.training.winograd import accelerate

MOST_SKIPS = 50  # consecutive steps without finite gradients before the run gives up
BACKWARD_AND_FORWARD = 3  # a training step costs about three forward passes


class Stopped(Exception):  # noqa: N818 - like KeyboardInterrupt, not an error
    """The run was asked to stop, has saved its state and can be resumed."""


def progress_of(config: TrainConfig, counters: Counters) -> float:
    """Share of the budget spent, in [0, 1]."""
    if config.max_minutes is not None:
        return min(1.0, counters.seconds / (60 * config.max_minutes))
    assert config.steps is not None
    return min(1.0, counters.step / config.steps)


class Loop:
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
        for phase in config.patches:
            together.share(torch.arange(phase.batch))  # refused now, not hours later
        if config.teacher_once:
            report(f"{config.teacher} upscales the photos first")
            photos = taught(config, photos, device=device, dtype=dtype)
        self.sampler = build_sampler(config, photos, device, step=state.counters.step)
        self.held_out = hold_out(
            photos.held_out, scale=config.scale, degraded=config.degradations is not None
        )
        for pair in self.held_out[:SAMPLES] if together.first else ():
            write_rgb8(run_folder.sample(run, pair.name, "hr"), pair.hr)
            write_rgb8(run_folder.sample(run, pair.name, "lr"), pair.lr)
        self.peak = matmul_peak(device, dtype) * together.count
        self.operations = 2 * BACKWARD_AND_FORWARD * macs_per_lr_pixel(state.network)
        if config.winograd:
            accelerate(state.network)
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
