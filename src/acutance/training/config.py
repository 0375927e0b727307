"""What a training run is: one frozen, typed configuration, stored resolved beside the run."""

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from acutance.errors import UserError
from acutance.training.gan.config import GanConfig

LEAST_FILTERED = 15
"""HR pixels on a side that the window of HFENN's filter needs; SSIM's needs fewer."""


@dataclass(frozen=True, kw_only=True)
class PatchPhase:
    """Patch and batch size up to a point of the run."""

    until: float
    """Progress in [0, 1] at which the phase ends."""
    patch: int
    """LR pixels on a side."""
    batch: int
    """Patches a step."""


@dataclass(frozen=True, kw_only=True)
class LossPhase:
    """The loss ``content + alpha * HFENN + beta * (1 - SSIM)`` up to a point of the run."""

    until: float
    """Progress in [0, 1] at which the phase ends."""
    content: Literal["l1", "mse", "charbonnier"]
    """The pixel loss."""
    alpha: float = 0.0
    """Weight of HFENN; 2.6e-3 puts it on a par with MSE at x4."""
    beta: float = 0.0
    """Weight of ``1 - SSIM``."""
    log: bool = False
    """Take the logarithm of content and HFENN, patch by patch: every patch counts alike."""
    luma: bool = False
    """Take the pixel loss of luma alone: for networks that leave colour to bicubic."""
    supervision: float = 0.0
    """Share of the loss that a network's intermediate outputs make, where it has any."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a run's result, besides the photos."""

    recipe: str
    """Name of the recipe it came from."""
    size: str
    """Generator size: tiny, lean, base, wide or large; ``paper`` for the other networks."""
    scale: int
    """Upscaling factor: 2, 3, 4 or 8."""
    network: str = "generator"
    """Key of ``acutance.models.catalogue.NETWORKS``."""
    consistent: bool = False
    """Whether the generator's result, reduced, is its input (``GeneratorConfig.consistent``)."""
    equivariant: bool | None = None
    """Whether the generator commutes with flips and quarter turns (``models.equivariance``); None
    is as the start does, from nothing it does."""
    slope: float | None = None
    """What the generator's ReLUs do to negative values; None is the start's, from nothing 0.
    Where a start of slope 0 gets another, its dead units get fresh weights (``training.start``)."""
    start: str | None = None
    """Run folder or model to start from; what does not fit (another scale's tail) starts fresh."""
    steps: int | None = 20_000
    """Length of the run in steps; None when ``max_minutes`` decides."""
    max_minutes: float | None = None
    """Length of the run in minutes of training, annealing included; wins over ``steps``."""
    patches: tuple[PatchPhase, ...] = (
        PatchPhase(until=0.60, patch=32, batch=16),
        PatchPhase(until=0.85, patch=48, batch=8),
        PatchPhase(until=1.00, patch=64, batch=8),
    )
    """Patch schedule: small patches first."""
    losses: tuple[LossPhase, ...] = (
        LossPhase(until=0.80, content="l1"),
        LossPhase(until=1.00, content="mse"),
    )
    """Loss schedule."""
    teacher: str | None = None
    """A model whose output is learned too: it is smoother than photos, so gradients vary less."""
    teacher_share: float = 0.5
    """Share of the teacher's output in what is learned; the rest is the photo."""
    teacher_once: bool = False
    """Ask the teacher for its picture of every photo before the run instead of for each patch: no
    step costs more, and patches begin at whole LR pixels."""
    optimiser: Literal["adamw", "muon"] = "adamw"
    """AdamW, or Muon for the inner convolutions."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    betas: tuple[float, float] = (0.9, 0.99)
    """AdamW's averages; Muon has its own for the inner convolutions."""
    weight_decay: float = 0.0
    """Decoupled weight decay."""
    warmup: float = 0.03
    """Share of the run that warms up."""
    anneal: float = 0.25
    """Share of the run, at its end, in which the learning rate goes linearly to zero."""
    clip_norm: float = 1.0
    """Gradients are clipped to this total norm."""
    ema: float = 0.999
    """Decay of the moving average of the weights; the average is what ships."""
    copies: tuple[float, ...] = (0.7,)
    """Sizes of the reduced copies of each photo that are trained on too."""
    warps: int = 0
    """Copies of each photo, turned by any angle and stretched, that are trained on too
    (``acutance.data.warp``): against learning the photos by heart."""
    recoloured: float = 0.0
    """Share of the clean patches whose red, green and blue are interchanged."""
    drop_flattest: float = 0.25
    """Share of the flattest places that are not trained on."""
    degradations: str | None = None
    """Preset of ``acutance.data.degradation_pipeline``: most patches are degraded as it says, and
    the network is told how strongly (the plane that ``GeneratorConfig.strength`` adds)."""
    clean_share: float = 0.3
    """With degradations: share of the patches that are clean, which is bicubic of strength 0."""
    jitter: float = 0.05
    """With degradations: standard deviation of the error of the strength that the network is
    told."""
    pool: int = 768
    """With degradations: degraded crops in memory."""
    crop_every: int = 2
    """With degradations: steps between two new crops in place of the pool's oldest."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the convolutions; auto is bf16 where the processor has it."""
    winograd: bool = False
    """Compute 3x3 convolutions by Winograd's algorithm: on a CPU with AVX2 or AVX-512, in fp32; it
    is built by a C++ compiler."""
    compile: bool = False
    """Compile the network with torch.compile; worth it on a GPU."""
    seed: int = 0
    """Seed of the weights and of the patches."""
    log_minutes: float = 0.5
    """Minutes between lines of the log."""
    validate_minutes: float = 10.0
    """Minutes between validations on held-out photos, with sample pictures."""
    validations: int | None = None
    """Validate so often, at even shares of the run, instead of by ``validate_minutes``."""
    checkpoint_minutes: float = 5.0
    """Minutes between checkpoints."""
    gan: GanConfig | None = None
    """The GAN stage; None trains on pixels alone."""

    def __post_init__(self) -> None:
        """Refuse what no run can do; raises UserError."""
        if self.max_minutes is None and self.steps is None:
            raise UserError("give the run a length: steps or max_minutes")
        for key in ("steps", "max_minutes", "clip_norm"):
            value = getattr(self, key)
            if value is not None and not 0 < value < math.inf:
                raise UserError(f"'{key}' must be positive, not {value}")
        for key in (
            *("learning_rate", "weight_decay"),
            *("log_minutes", "validate_minutes", "checkpoint_minutes"),
        ):
            if not 0 <= getattr(self, key) < math.inf:
                raise UserError(f"'{key}' must not be negative, not {getattr(self, key)}")
        for key in ("pool", "crop_every"):
            if getattr(self, key) < 1:
                raise UserError(f"'{key}' must be at least 1, not {getattr(self, key)}")
        for key in (
            "warmup",
            "anneal",
            "drop_flattest",
            "recoloured",
            "ema",
            "clean_share",
            "jitter",
            "teacher_share",
        ):
            if not 0 <= getattr(self, key) <= 1:
                raise UserError(f"'{key}' must lie between 0 and 1, not {getattr(self, key)}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"'betas' must lie between 0 and 1, 1 excluded, not {self.betas}")
        if not all(0 < copy < 1 for copy in self.copies):
            raise UserError(f"'copies' must lie between 0 and 1, both excluded, not {self.copies}")
        if self.warps < 0:
            raise UserError(f"'warps' must not be negative, not {self.warps}")
        if self.validations is not None and self.validations < 1:
            raise UserError(f"'validations' must be at least 1, not {self.validations}")
        if self.slope is not None and not 0 <= self.slope < 1:
            raise UserError(f"'slope' must be at least 0 and less than 1, not {self.slope}")
        if self.winograd and self.precision == "bf16":
            raise UserError("'winograd' computes in fp32: leave it or precision=bf16 out")
        if not 0 <= self.seed < 2**63:
            raise UserError(f"'seed' must lie between 0 and 2^63, not {self.seed}")
        self._check_phases()

    def _check_phases(self) -> None:
        for key in ("patches", "losses"):
            ends = [phase.until for phase in getattr(self, key)]
            if not ends or ends[-1] != 1 or not all(a < b for a, b in pairwise([0, *ends])):
                raise UserError(
                    f"the phases of '{key}' must end ('until') at growing shares of the run, "
                    f"the last at 1, not at {ends}"
                )
        if any(phase.patch < 1 or phase.batch < 1 for phase in self.patches):
            raise UserError("every phase of 'patches' needs a patch and a batch of at least 1")
        for name in ("alpha", "beta", "supervision"):
            if not all(0 <= getattr(phase, name) < math.inf for phase in self.losses):
                raise UserError(f"'{name}' of 'losses' must not be negative")
        smallest = -(-LEAST_FILTERED // self.scale)
        if any(phase.alpha or phase.beta for phase in self.losses) and any(
            phase.patch < smallest for phase in self.patches
        ):
            raise UserError(
                f"HFENN and SSIM need patches of at least {smallest} at x{self.scale}: "
                "make 'patches' larger, or alpha and beta of 'losses' 0"
            )
        if self.teacher_once and self.teacher is None:
            raise UserError("'teacher_once' asks a teacher: give one with teacher=base-x4")
        if self.teacher_once and self.recoloured:
            raise UserError("'teacher_once' knows the photos' own colours: leave 'recoloured' out")
        if self.teacher is not None and (self.degradations is not None or self.gan is not None):
            raise UserError(
                "a teacher teaches clean pictures in the pixel stage: leave 'teacher' out, or "
                "'degradations' and 'gan'"
            )
        if self.gan is not None:
            self.gan.check_patches([phase.patch for phase in self.patches], self.scale)

    def to_json(self) -> str:
        """The resolved configuration as stored beside the run."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "TrainConfig":
        """Typed and checked; raises UserError for unknown keys and wrong types."""
        config = _typed(TrainConfig, values, "the configuration")
        assert isinstance(config, TrainConfig)
        return config

    def override(self, settings: dict[str, str]) -> "TrainConfig":
        """A copy with ``key=value`` settings applied, each value read as JSON or a plain word.

        Raises UserError for unknown keys and values of the wrong type.
        """
        values = dataclasses.asdict(self)
        for key, text in settings.items():
            group, last = values, key
            if "." in key:  # a setting of a part, for example gan.adversarial
                part, last = key.split(".", 1)
                group = values[part] if isinstance(values.get(part), dict) else {}
            if last not in group:
                known = ", ".join(sorted(group or values))
                raise UserError(f"unknown setting '{key}': choose one of {known}")
            try:
                group[last] = json.loads(text)
            except json.JSONDecodeError:
                group[last] = text
        return TrainConfig.from_dict(values)

    def changes(self, before: "TrainConfig") -> list[str]:
        """What differs from the configuration of an earlier part of the run, as ``--set`` takes it.

        >>> start = TrainConfig(recipe="base-x4", size="base", scale=4)
        >>> start.override({"learning_rate": "0.0005"}).changes(start)
        ['learning_rate=0.0005, was 0.001']
        """
        old, new = _flat(dataclasses.asdict(before)), _flat(dataclasses.asdict(self))
        return [
            f"{key}={json.dumps(value)}, was {json.dumps(old.get(key))}"
            for key, value in new.items()
            if value != old.get(key) and key not in FOLDERS
        ]


FOLDERS = ("gan.backbones",)
"""Settings that name a folder of this machine: no card tells it."""


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Settings by their names, those of a part as PART.NAME."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        parts = value.items() if isinstance(value, dict) else ()
        found |= {f"{key}.{name}": part for name, part in parts} or {key: value}
    return found


def _typed(kind: Any, value: Any, where: str) -> Any:
    """``value`` as ``kind``, recursively through dataclasses, tuples, unions and literals."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise UserError(f"{where} must be an object, not {value!r}")
        hints = typing.get_type_hints(kind)
        unknown = sorted(set(value) - set(hints))
        if unknown:
            raise UserError(f"{where} has unknown keys: {', '.join(unknown)}")
        fields = {key: _typed(hints[key], item, f"'{key}'") for key, item in value.items()}
        try:
            return kind(**fields)
        except TypeError as error:
            raise UserError(f"{where} is incomplete: {error}") from error
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise UserError(f"{where} must be a list, not {value!r}")
        if arguments[-1] is Ellipsis:
            return tuple(_typed(arguments[0], item, where) for item in value)
        if len(value) != len(arguments):
            raise UserError(f"{where} must have {len(arguments)} entries, not {len(value)}")
        return tuple(_typed(k, item, where) for k, item in zip(arguments, value, strict=True))
    if origin is Literal:
        if value not in arguments:
            raise UserError(
                f"{where} must be one of {', '.join(map(str, arguments))}, not {value!r}"
            )
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _typed(next(k for k in arguments if k is not type(None)), value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{where} must be {kind.__name__}, not {value!r}")
    return value
