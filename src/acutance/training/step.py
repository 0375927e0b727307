"""The step of the pixel stage, and what the loop asks of a stage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from acutance.data.datasets import Pair
from acutance.losses.composite import CompositeLoss
from acutance.losses.supervision import Supervision
from acutance.training.config import LossPhase, TrainConfig
from acutance.training.distributed import Processes
from acutance.training.lessons import teacher_of
from acutance.training.schedule import phase_at
from acutance.training.state import TrainState
from acutance.training.validation import Validation

Batch = tuple[Tensor, Tensor]
Forward = Callable[[Tensor], list[Tensor]]


@dataclass
class StepResult:
    """What a step reports, still on the device."""

    loss: Tensor
    gradient_norm: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)
    """Parts of the loss and other figures that the log averages, by name."""


@dataclass
class Findings:
    """What a stage makes of a validation."""

    figures: dict[str, float] = field(default_factory=dict)
    """For the log, besides PSNR."""
    alarms: list[str] = field(default_factory=list)
    """What the person who waits should know."""
    chosen: bool = True
    """Whether the averaged weights of now are the ones to ship."""


class Stage(Protocol):
    """What differs between the pixel stage and the GAN stage; the loop does the rest."""

    chooses: bool
    """Whether validation decides which weights ship; else the last ones do."""

    def step(self, batch: Batch, *, progress: float, factor: float) -> StepResult:
        """One step at a point of the run, with the learning rate's factor of the schedule."""
        ...

    def watch(self, terms: dict[str, float]) -> list[str]:
        """Alarms that the averaged terms of some steps give."""
        ...

    def examine(self, validation: Validation, held_out: Sequence[Pair]) -> Findings:
        """What to log of a validation, and whether its weights ship."""
        ...

    def summary(self) -> dict[str, Any]:
        """What run.json and the model's card say of the stage."""
        ...


def train_step(
    state: TrainState,
    batch: Batch,
    criterion: Callable[[list[Tensor], Tensor], Tensor],
    *,
    learning_rate: float,
    dtype: torch.dtype,
    clip_norm: float,
    forward: Forward,
) -> StepResult:
    """One step: forward, loss, backward, clip, update, average."""
    lr_NCHW, hr_NCHW = batch
    with torch.autocast(lr_NCHW.device.type, dtype, enabled=dtype != torch.float32):
        outputs = forward(lr_NCHW)
    loss = criterion([output.float() for output in outputs], hr_NCHW)
    state.optimiser.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), clip_norm)
    state.counters.step += 1
    if torch.isfinite(norm):
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate
        state.optimiser.step()
        state.ema.update(state.network, state.counters.step)
    else:
        state.counters.skipped += 1
    return StepResult(loss.detach(), norm)


def criterion_of(phase: LossPhase, supervision: Supervision) -> Callable[..., Tensor]:
    """The content loss with the weights of a phase."""
    return partial(
        supervision,
        content=phase.content,
        alpha=phase.alpha,
        beta=phase.beta,
        log=phase.log,
        luma=phase.luma,
        supervision=phase.supervision,
    )


class PixelStage:
    """Training on pixels alone: what PSNR, SSIM and HFENI measure."""

    chooses = False

    def __init__(
        self,
        config: TrainConfig,
        state: TrainState,
        *,
        device: torch.device,
        dtype: torch.dtype,
        forward: Forward,
        together: Processes,
    ) -> None:
        self.config, self.state, self.forward = config, state, forward
        self.settings: dict[str, Any] = {"dtype": dtype, "clip_norm": config.clip_norm}
        self.criterion = Supervision(CompositeLoss()).to(device)
        self.teacher: nn.Module | None = None
        if config.teacher is not None and not config.teacher_once:
            self.teacher = teacher_of(config, device)

    def step(self, batch: Batch, *, progress: float, factor: float) -> StepResult:
        """One step of ``train_step``, on what the teacher says of the batch, where there is one."""
        return train_step(
            self.state,
            self._taught(batch),
            criterion_of(phase_at(self.config.losses, progress), self.criterion),
            learning_rate=self.config.learning_rate * factor,
            forward=self.forward,
            **self.settings,
        )

    def _taught(self, batch: Batch) -> Batch:
        if self.teacher is None:
            return batch
        lr_NCHW, hr_NCHW = batch
        dtype = self.settings["dtype"]
        with (
            torch.no_grad(),
            torch.autocast(lr_NCHW.device.type, dtype, enabled=dtype != torch.float32),
        ):
            said_NCHW = self.teacher(lr_NCHW).to(hr_NCHW.dtype)
        return lr_NCHW, hr_NCHW.lerp(said_NCHW, self.config.teacher_share)

    def watch(self, _terms: dict[str, float]) -> list[str]:
        """Nothing but the gradients, which the loop watches."""
        return []

    def examine(self, _validation: Validation, _held_out: Sequence[Pair]) -> Findings:
        """Nothing but PSNR; the last weights ship."""
        return Findings()

    def summary(self) -> dict[str, Any]:
        """Nothing: it is the usual stage."""
        return {}
