"""What a resume needs, listed in one dataclass, stored as one safetensors file.

One file, replaced atomically: a run that is killed at any moment leaves either the old or the new
checkpoint, whole.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from acutance.errors import UserError
from acutance.training.ema import ExponentialMovingAverage


@dataclass
class Counters:
    """Numbers that go on when a run is resumed."""

    step: int = 0
    seconds: float = 0.0
    """Seconds spent training: what ``max_minutes`` counts. Validation and saving are left out."""
    lr_pixels: int = 0
    skipped: int = 0
    """Steps whose gradients were not finite."""
    best_psnr: float = 0.0
    history: list[float] = field(default_factory=list)
    """Validation PSNR of the averaged weights, in dB, in order."""
    changes: list[str] = field(default_factory=list)
    """Settings that were changed when the run was resumed, and at which step."""
    alarms: list[str] = field(default_factory=list)
    """What went wrong, and at which step."""
    points: list[dict[str, float]] = field(default_factory=list)
    """Every validation of a stage that chooses the weights to ship: step and figures."""
    chosen: int | None = None
    """Step of the one whose weights ship, of the points."""


@dataclass
class Opponent:
    """The discriminator of a GAN stage and its optimiser."""

    network: nn.Module
    optimiser: torch.optim.Optimizer


@dataclass
class TrainState:
    """Weights, their average, the optimiser's moments, the random state and the counters."""

    network: nn.Module
    ema: ExponentialMovingAverage
    optimiser: torch.optim.Optimizer
    generator: torch.Generator
    counters: Counters
    opponent: Opponent | None = None

    def save(self, path: Path) -> None:
        """Write everything to ``path``, replacing it only when the new file is whole."""
        tensors: dict[str, Tensor] = {"random": self.generator.get_state()}
        for name, parameter in self.network.named_parameters():
            tensors[f"weights.{name}"] = parameter.detach()
            tensors[f"ema.{name}"] = self.ema.average[name]
        tensors |= _moments(self.network, self.optimiser, "optimiser")
        if self.opponent is not None:
            for name, value in self.opponent.network.state_dict().items():
                tensors[f"opponent.{name}"] = value
            tensors |= _moments(
                self.opponent.network, self.opponent.optimiser, "opponent_optimiser"
            )
        tensors = {name: t.cpu().contiguous() for name, t in tensors.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        try:
            save_file(tensors, partial, metadata={"counters": json.dumps(asdict(self.counters))})
        except SafetensorError as error:  # its way to say that the disk is full
            partial.unlink(missing_ok=True)
            raise UserError(
                f"cannot write {path}: {error}; check free space and permissions"
            ) from error
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Restore from ``path``; raises UserError when it is missing or does not fit."""
        if not path.exists():
            raise UserError(f"nothing to resume: no {path}; start the run without --resume")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            counters = json.loads(metadata["counters"])
            known = {f.name for f in fields(Counters)}
            self.counters = Counters(**{k: v for k, v in counters.items() if k in known})
            self.generator.set_state(tensors["random"])
            with torch.no_grad():
                for name, parameter in self.network.named_parameters():
                    parameter.copy_(tensors[f"weights.{name}"])
                    self.ema.average[name].copy_(tensors[f"ema.{name}"])
                _restore_moments(self.network, self.optimiser, tensors, "optimiser")
                if self.opponent is not None:
                    for name, value in self.opponent.network.state_dict().items():
                        value.copy_(tensors[f"opponent.{name}"])
                    _restore_moments(
                        self.opponent.network,
                        self.opponent.optimiser,
                        tensors,
                        "opponent_optimiser",
                    )
        except (SafetensorError, KeyError, RuntimeError, ValueError) as error:
            raise UserError(
                f"cannot resume from {path}: it does not fit this run ({error}); start a new run"
            ) from error


def _moments(
    network: nn.Module, optimiser: torch.optim.Optimizer, prefix: str
) -> dict[str, Tensor]:
    """An optimiser's moments as ``PREFIX.KEY.PARAMETER``."""
    names = [name for name, _ in network.named_parameters()]
    return {
        f"{prefix}.{key}.{names[index]}": value
        for index, moments in optimiser.state_dict()["state"].items()
        for key, value in moments.items()
    }


def _restore_moments(
    network: nn.Module, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], prefix: str
) -> None:
    """Put back what ``_moments`` gave; none before the first step."""
    moments: dict[int, dict[str, Tensor]] = {}
    stored: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(f"{prefix}."):
            _, moment, name = key.split(".", 2)
            stored.setdefault(name, {})[moment] = value
    for index, (name, parameter) in enumerate(network.named_parameters()):
        if name in stored:
            moments[index] = {k: _laid_out_like(parameter, v) for k, v in stored[name].items()}
    state = optimiser.state_dict()
    state["state"] = moments
    optimiser.load_state_dict(state)


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """A moment in its parameter's memory format: fused AdamW walks both as flat memory."""
    if value.shape != parameter.shape:
        return value  # the step counter
    return torch.empty_like(parameter).copy_(value)
