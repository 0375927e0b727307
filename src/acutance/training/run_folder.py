"""The folder of a run: where everything is, and what an export or a later run reads from it.

RUN/config.json         the resolved configuration
RUN/run.json            command, data, commit, hardware, time, counters, validation
RUN/log.jsonl           losses, rates, throughput, validations
RUN/tensorboard/        the same for TensorBoard
RUN/samples/PHOTO/      crops of held-out photos: lr.png, hr.png, and one each validation
RUN/samples/sheet-*.png all of them side by side, at a validation
RUN/checkpoints/        last.safetensors (resume); constant.safetensors (before annealing)
RUN/ema.safetensors     the averaged weights: what ships
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from acutance.errors import UserError
from acutance.inference.models import find_card
from acutance.models.card import Card, read_card
from acutance.models.catalogue import build, network_config
from acutance.models.checkpoint import load_network
from acutance.models.describe import describe
from acutance.models.padding import mirrored_border
from acutance.training.config import TrainConfig

CONFIG = "config.json"
SUMMARY = "run.json"
EMA = "ema.safetensors"
LAST = "checkpoints/last.safetensors"
CONSTANT = "checkpoints/constant.safetensors"


def write_atomically(path: Path, text: str) -> None:
    """Replace a small text file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def read_config(run: Path) -> TrainConfig:
    """The stored configuration; raises UserError when the folder is no run."""
    return TrainConfig.from_dict(_read_json(run / CONFIG))


def read_summary(run: Path) -> dict[str, Any]:
    """What run.json says; raises UserError when the folder is no run."""
    return _read_json(run / SUMMARY)


def sample(run: Path, photo: str, name: str) -> Path:
    """Where a sample picture of a photo goes."""
    return run / "samples" / "-".join(Path(photo).with_suffix("").parts) / f"{name}.png"


def sheet(run: Path, step: int) -> Path:
    """Where the sheet of a validation goes."""
    return run / "samples" / f"sheet-{step:07d}.png"


def save_ema(run: Path, average: dict[str, Tensor]) -> None:
    """The averaged weights alone, fp32."""
    partial = run / (EMA + ".partial")
    try:
        save_file({k: v.cpu().contiguous() for k, v in average.items()}, partial)
    except SafetensorError as error:  # its way to say that the disk is full
        partial.unlink(missing_ok=True)
        raise UserError(
            f"cannot write {run / EMA}: {error}; check free space and permissions"
        ) from error
    partial.replace(run / EMA)


def new_network(config: TrainConfig) -> nn.Module:
    """The run's network with fresh weights."""
    shape = network_config(config.network, config.size, scale=config.scale)
    if config.degradations is not None:
        if config.network != "generator":
            raise UserError(f"{config.network} takes no strength: leave out 'degradations'")
        shape = dataclasses.replace(shape, strength=True)
    if config.consistent:
        if config.network != "generator" or config.degradations is not None:
            raise UserError("only a generator for clean pictures can be 'consistent'")
        shape = dataclasses.replace(shape, consistent=True)
    if config.equivariant:
        if config.network != "generator":
            raise UserError(f"'equivariant' is the generator's; {config.network} has its paper's")
        shape = dataclasses.replace(shape, equivariant=True)
    if config.slope:
        if config.network != "generator":
            raise UserError(f"'slope' is the generator's; {config.network} has its paper's")
        shape = dataclasses.replace(shape, slope=config.slope)
    return build(config.network, vars(shape))


def load_run(run: Path) -> tuple[nn.Module, Card]:
    """The averaged weights of a run as a network, and its card without files.

    Raises UserError when the folder holds no finished part of a run.
    """
    config = read_config(run)
    summary = read_summary(run)
    if not (run / EMA).exists():
        raise UserError(f"{run} has no {EMA} yet: let the run reach its first checkpoint")
    network = new_network(config)
    try:
        network.load_state_dict(_load_average(run))
    except RuntimeError as error:
        raise UserError(f"{run / EMA} does not fit {CONFIG} beside it: resume the run") from error
    network.eval()
    kind = config.size if config.network == "generator" else config.network
    if config.degradations is not None:
        kind = "photo" if config.size == "base" else f"photo-{config.size}"
    faithful = f"{kind}-x{config.scale}"
    if config.gan is not None:
        kind = "gan" if kind == "base" else f"gan-{kind}"
    name = f"{kind}-x{config.scale}"
    card = describe(network, key=config.network, name=name, training=summary)
    if config.gan is not None:
        border = mirrored_border(card.multiple)
        card = dataclasses.replace(
            card, kind=f"{card.kind}, GAN", detail_of=faithful, mirrored=border
        )
    return network, card


def load_start(start: str) -> dict[str, Tensor]:
    """Weights to start from: a run folder (its average), a shipped model's name, or a card.

    Raises UserError when it is none of these.
    """
    if (Path(start) / EMA).exists():
        return _load_average(Path(start))
    network, _ = load_network(find_card(start), "cpu")
    return {name: p.detach() for name, p in network.named_parameters()}


def start_slope(start: str) -> float:
    """Slope of what ``load_start`` loads; 0 for networks that have none to set."""
    if (Path(start) / EMA).exists():
        return read_config(Path(start)).slope or 0.0
    return float(read_card(find_card(start)).config.get("slope", 0.0))


def start_equivariant(start: str) -> bool:
    """Whether what ``load_start`` loads commutes with flips and turns."""
    if (Path(start) / EMA).exists():
        return bool(read_config(Path(start)).equivariant)
    return read_card(find_card(start)).equivariant


def _load_average(run: Path) -> dict[str, Tensor]:
    try:
        return load_file(run / EMA)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{run / EMA} is damaged ({error}): `acutance train --resume` writes it anew"
        ) from error


def load_teacher(teacher: str, *, scale: int) -> nn.Module:
    """A network to learn from: a shipped model's name, or a card.

    Raises UserError when it is neither, upscales by another factor or asks for a strength.
    """
    network, card = load_network(find_card(teacher), "cpu")
    if card.scale != scale or card.takes_strength:
        raise UserError(
            f"teacher '{card.name}' does not upscale clean pictures by {scale}: "
            f"choose base-x{scale}, or leave teacher out"
        )
    return network.requires_grad_(False)


TOLD_OF_BEFORE = ("command", "changes", "commit", "steps", "minutes", "data_sha256", "before")


def before(start: str | None, resumed: Path | None) -> dict[str, Any]:
    """What run.json tells of the run that this one starts from, if it does: ``{"before": ...}``.

    Args:
        start: what the run starts from.
        resumed: the run itself where it is resumed: it has it already.
    """
    if resumed is not None:
        known = read_summary(resumed) if (resumed / SUMMARY).exists() else {}
        return {"before": known["before"]} if "before" in known else {}
    if start is None or not (Path(start) / SUMMARY).exists():
        return {}
    summary = read_summary(Path(start))
    return {"before": {key: summary[key] for key in TOLD_OF_BEFORE if key in summary}}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path.parent} is not a training run: cannot read {path.name}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path.parent} is not a training run: {path.name} holds something else")
    return values
