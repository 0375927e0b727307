"""The GAN stage: its losses, what it watches, and which weights it ships."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.func import functional_call

from acutance.data.datasets import Pair
from acutance.losses import adversarial
from acutance.losses.checkerboard import Checkerboard
from acutance.losses.composite import CompositeLoss
from acutance.losses.consistency import Consistency
from acutance.losses.supervision import Supervision
from acutance.models.discriminator import Discriminator, DiscriminatorConfig
from acutance.training.config import TrainConfig
from acutance.training.distributed import Processes
from acutance.training.gan import guards
from acutance.training.gan.config import SMALLEST_CROP, GanConfig
from acutance.training.gan.frontier import Floors, best, frontier
from acutance.training.gan.perception import HeldOutPerception, perceptual_loss
from acutance.training.gan.step import Terms, gan_step
from acutance.training.schedule import phase_at
from acutance.training.state import Opponent, TrainState
from acutance.training.step import Batch, Findings, Forward, StepResult, criterion_of
from acutance.training.validation import Validation

PENALTY_EVERY = 16  # steps between two gradient penalties (lazy R1: Karras et al., StyleGAN2)


def new_opponent(config: TrainConfig, device: torch.device) -> Opponent:
    """A fresh discriminator with its optimiser."""
    gan = _gan(config)
    shape = DiscriminatorConfig(kind=gan.discriminator, channels=gan.channels, bands=gan.bands)
    network = Discriminator(shape).to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=gan.discriminator_rate,
        betas=config.betas,
        weight_decay=0.0,
        fused=device.type in ("cpu", "cuda"),
    )
    return Opponent(network, optimiser)


STRIDE = 4
"""Of AlexNet's first layer."""


def perceptual_side(wished: int, patch: int) -> int:
    """Pixels on a side of the part that the perceptual loss sees.

    Small enough to lie at any of ``STRIDE`` places: from one place alone AlexNet, which looks at
    every fourth pixel, is blind to a pattern of that period, and the generator draws it.
    """
    return min(wished, max(SMALLEST_CROP, patch - (STRIDE - 1)), patch)


def shown_side(crop: int, zoom: float, chance: float) -> int:
    """Pixels on a side at which a part of ``crop`` pixels is shown, for a chance in [0, 1)."""
    return max(round(crop * (1 + zoom * (2 * chance - 1))), SMALLEST_CROP)


class GanStage:
    """``content + lambda * -ln D(G(x))`` and what else the configuration weighs."""

    chooses = True

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
        assert state.opponent is not None
        self.config, self.gan, self.state, self.forward = config, _gan(config), state, forward
        self.settings: dict[str, Any] = {"dtype": dtype, "clip_norm": config.clip_norm}
        self.discriminator = state.opponent.network
        self.judge = together.wrap(self.discriminator)
        self.together = together
        self.content = Supervision(CompositeLoss()).to(device)
        self.consistency = Consistency(config.scale)
        self.checkerboard = Checkerboard(config.scale).to(device)
        folder = Path(self.gan.backbones) if self.gan.backbones else None
        self.perceptual = (
            perceptual_loss(self.gan.perceptual, folder, device) if self.gan.sees else None
        )
        self.alarms = guards.Alarms()
        self.perception = HeldOutPerception(folder, config.scale)

    def step(self, batch: Batch, *, progress: float, factor: float) -> StepResult:
        """One alternating step."""
        gan = self.gan
        due = gan.r1 and self.state.counters.step % PENALTY_EVERY == 0
        return gan_step(
            self.state,
            batch,
            lambda sr_NCHW, batch: self._terms(sr_NCHW, batch, progress),
            self._penalty if due else None,
            rates=(self.config.learning_rate * factor, gan.discriminator_rate * factor),
            forward=self.forward,
            judge=self.judge,
            **self.settings,
        )

    def _terms(self, sr_NCHW: Tensor, batch: Batch, progress: float) -> Terms:
        """The weighted parts of the generator's loss; a weight of 0 leaves its part out."""
        (lr_NCHW, hr_NCHW), gan = batch, self.gan
        ramp = min(1.0, progress / gan.ramp) if gan.ramp else 1.0
        content = criterion_of(phase_at(self.config.losses, progress), self.content)
        logits, features = self.discriminator(sr_NCHW)
        terms = {
            "content": content([sr_NCHW], hr_NCHW),
            "adversarial": gan.adversarial * ramp * adversarial.generator_loss(logits.float()),
        }
        if gan.consistency:
            terms["consistency"] = gan.consistency * self.consistency(sr_NCHW, lr_NCHW[:, :3])
        if gan.sees:
            terms["perceptual"] = gan.perceptual_weight * self._perceptual(sr_NCHW, hr_NCHW)
        if gan.checkerboard:
            terms["checkerboard"] = gan.checkerboard * self.checkerboard(sr_NCHW, hr_NCHW)
        if gan.matching:
            with torch.no_grad():
                _, real = self.discriminator(hr_NCHW)
            terms["matching"] = gan.matching * adversarial.feature_matching(features, real)
        if gan.artefacts:
            with torch.no_grad():
                steady = functional_call(self.state.network, self.state.ema.average, (lr_NCHW,))
            loss = adversarial.artefact_loss(sr_NCHW, hr_NCHW, steady.float())
            terms["artefacts"] = gan.artefacts * loss
        return terms

    def _perceptual(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """Of one random part of all patches: place and size change, so no grid of strides shows.

        Random transformations make LPIPS hard to deceive (Kettunen et al., "E-LPIPS", 2019).
        """
        assert self.perceptual is not None
        crop = perceptual_side(self.gan.perceptual_crop, min(hr_NCHW.shape[2:]))
        free = torch.tensor([size - crop + 1 for size in hr_NCHW.shape[2:]])
        random = torch.rand(3, generator=self.state.generator)
        top, left = (random[:2] * free).long().tolist()
        place = (..., slice(top, top + crop), slice(left, left + crop))
        side = shown_side(crop, self.gan.perceptual_zoom, float(random[2]))
        return self.perceptual(_zoomed(sr_NCHW[place], side), _zoomed(hr_NCHW[place], side))

    def _penalty(self, hr_NCHW: Tensor) -> Tensor:
        """R1 of the photos, in fp32."""
        assert isinstance(self.discriminator, Discriminator)
        seen = self.discriminator.look(hr_NCHW).detach().requires_grad_()
        logits, _ = self.discriminator.judge(seen)
        return self.gan.r1 / 2 * PENALTY_EVERY * adversarial.gradient_penalty(logits, seen)

    def watch(self, terms: dict[str, float]) -> list[str]:
        """Alarms that the averaged terms of some steps give."""
        return self.alarms.new(guards.of_steps(terms), ("left_out", "saturated"))

    def examine(self, validation: Validation, held_out: Sequence[Pair]) -> Findings:
        """Measure perception, and find out whether this point is the best; the first is the start.

        What was best before stays so, as long as the floors do.
        """
        points = self.state.counters.points
        figures = self.perception.measure(validation.pictures, held_out)
        point = {"step": self.state.counters.step, "psnr": round(validation.psnr, 4), **figures}
        points.append(point)
        floors = self._floors()
        alarms = guards.of_validation(point, floors, points[0]) if len(points) > 1 else {}
        chosen = best(points, floors) is point
        if chosen:
            self.state.counters.chosen = self.state.counters.step
        return Findings(
            figures,
            self.alarms.new(alarms, ("drift", "checkerboard", "lr_psnr", "psnr")),
            chosen=chosen,
        )

    def _floors(self) -> Floors:
        start = self.state.counters.points[0]["psnr"]
        return Floors(
            psnr=start - self.gan.most_lost,
            lr_psnr=self.gan.least_lr_psnr,
            checkerboard=self.gan.most_checkerboard,
        )

    def summary(self) -> dict[str, Any]:
        """What ships, and the frontier that it was chosen from.

        Floors that were changed on a resume decide from then on: what was chosen before may stay.
        """
        counters = self.state.counters
        if not counters.points:
            return {}
        shipped = next(
            (point for point in counters.points if point["step"] == counters.chosen),
            best(counters.points, self._floors()),
        )
        return {"shipped": shipped, "frontier": frontier(counters.points)}


def _zoomed(picture_NCHW: Tensor, side: int) -> Tensor:
    if picture_NCHW.shape[2:] == (side, side):
        return picture_NCHW
    size = (side, side)
    zoomed = F.interpolate(picture_NCHW.float(), size, mode="bicubic", antialias=True)
    return zoomed.contiguous(memory_format=torch.channels_last)


def _gan(config: TrainConfig) -> GanConfig:
    assert config.gan is not None
    return config.gan
