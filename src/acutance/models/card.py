"""A model's card: what it is, what it needs, how it was made and how good it is. JSON, no torch.

The card is the handle of a model: it names the files with the weights and their hashes.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acutance.errors import UserError

FEATURE_MAPS = 10
"""Of a generator's full width alive at once, measured with OpenVINO."""


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """One file of a model, in the card's folder."""

    name: str
    sha256: str
    bytes: int
    needs: tuple[str, ...] = ()
    """Kinds of the card's other files that this one reads."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "needs", tuple(self.needs))  # JSON gives a list


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything a user of a model needs to know."""

    name: str
    """Unique among the shipped models, for example ``base-x4``."""
    kind: str
    """What it was trained to undo: ``bicubic`` reduction, or what photos go through; and how."""
    scale: int
    """Upscaling factor."""
    network: str
    """Key of ``acutance.models.catalogue.NETWORKS``."""
    config: dict[str, Any]
    """Arguments of the network's configuration."""
    multiple: int
    """Input height and width must be padded to a multiple of this."""
    receptive_field: int
    """Input pixels on each side that can influence an output pixel: the overlap of tiles."""
    parameters: int
    """Trainable numbers."""
    macs_per_lr_pixel: float
    """Multiply-adds of the convolutions for one input pixel."""
    mirrored: int = 0
    """Input pixels to mirror around a picture before it goes in; a multiple of ``multiple``."""
    feature_values: int = 0
    """Values of the feature maps alive at once for one input pixel: sizes the tiles."""
    detail_of: str = ""
    """Of a GAN model: name of the faithful model that it was trained from, for ``--detail``."""
    precision: str = "auto"
    """Arithmetic where none is asked for: ``fp32`` for a network that bf16 would change."""
    files: dict[str, ModelFile] = field(default_factory=dict)
    """``safetensors`` and ``onnx``."""
    training: dict[str, Any] = field(default_factory=dict)
    """Command, data, commit, hardware, time, steps."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Measured quality, by protocol."""
    licence: str = "Apache-2.0"
    """Licence of the weights."""

    @property
    def takes_strength(self) -> bool:
        """Whether a fourth plane of the input says how much noise and compression to remove."""
        return bool(self.config.get("strength"))

    @property
    def equivariant(self) -> bool:
        """Whether it commutes with flips and turns by itself: a self-ensemble adds nothing."""
        parts = self.config.get("members", [self.config])
        return all(part.get("equivariant") for part in parts)


def read_card(path: Path) -> Card:
    """Read a card from its JSON file.

    Raises UserError when it is missing, not JSON, or not a card.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        files = {k: ModelFile(**v) for k, v in values.pop("files", {}).items()}
        return Card(**values, files=files)
    except FileNotFoundError as error:
        raise UserError(f"no such model: {path}; `acutance models` lists what is there") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is not a model card of acutance; give a card's .json file"
        ) from error


def check_sound(card: Card, path: Path) -> None:
    """Raise UserError when a card, which anyone can edit, holds what no tile can be cut by."""
    numbers = {"scale": card.scale, "multiple": card.multiple}
    wrong = [key for key, value in numbers.items() if not isinstance(value, int) or value < 1]
    if not isinstance(card.receptive_field, int) or card.receptive_field < 0:
        wrong.append("receptive_field")
    whole = isinstance(card.mirrored, int) and card.mirrored >= 0
    if not whole or ("multiple" not in wrong and card.mirrored % card.multiple):
        wrong.append("mirrored")
    channels: Any = card.config.get("channels", [64]) if isinstance(card.config, dict) else []
    widths = channels if isinstance(channels, list) else [channels]
    if not widths or not all(isinstance(width, int) and width > 0 for width in widths):
        wrong.append("config")
    if wrong:
        raise UserError(f"{path} is damaged ({', '.join(wrong)}): get the model anew")


def write_card(path: Path, card: Card) -> None:
    """Write a card as readable JSON."""
    text = json.dumps(dataclasses.asdict(card), indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


def file_entry(path: Path, *, needs: tuple[str, ...] = ()) -> ModelFile:
    """A file's name, hash and size, for the card."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return ModelFile(name=path.name, sha256=digest, bytes=len(data), needs=needs)


def check_file(card: Card, folder: Path, kind: str) -> Path:
    """The path of one of a card's files; its hash is checked, and those of the files it reads.

    Raises UserError when the card names none, or a file is missing, damaged or changed.
    """
    path, *_ = [_checked(card, folder, k) for k in (kind, *_needs(card, kind))]
    return path


def _needs(card: Card, kind: str) -> tuple[str, ...]:
    entry = card.files.get(kind)
    return entry.needs if entry else ()


def _checked(card: Card, folder: Path, kind: str) -> Path:
    entry = card.files.get(kind)
    if entry is None:
        raise UserError(f"model '{card.name}' has no {kind} file; export it again")
    path = folder / entry.name
    if not path.is_file():
        raise UserError(f"{path} is missing: keep a model's files in one folder")
    if file_entry(path).sha256 != entry.sha256:
        raise UserError(
            f"{path} does not match its card: it is damaged or was changed; get it anew"
        )
    return path
