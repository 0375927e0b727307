"""One dial between faithful and crisp: the weights of two models of one network, interpolated.

Source: Wang, Yu, Dong and Loy, "Deep network interpolation for continuous imagery effect
transition", CVPR 2019; it works where one model was fine-tuned from the other, as a GAN model is
from its faithful one. No torch.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acutance.errors import UserError
from acutance.inference.models import shipped, weights_folder
from acutance.models.card import Card, check_file, read_card
from acutance.models.weights import Weights, read_weights

LEAST_ALIKE = 0.5
"""Cosine between the weights of two models below which neither was trained from the other: 0.96 to
1.00 for the shipped pairs, about 0 for networks with features of their own."""


@dataclass(frozen=True)
class Blend:
    """``(1 - detail) * faithful + detail * detailed``, ready to replace the faithful weights."""

    name: str
    """For the person, for example ``base-x4 + 0.5 gan-x4``."""
    weights: Weights
    mirrored: int
    """``Card.mirrored`` of whichever model has more."""


def blend(faithful: Path, detailed: Path, detail: float) -> Blend:
    """Interpolate between two models; in fp32, rounded to what the faithful one stores.

    Args:
        faithful: its card.
        detailed: the other's card.
        detail: 0 (faithful) to 1.

    Raises:
        UserError: the models have different networks or nothing in common, files are missing or
            damaged, or ``detail`` is outside [0, 1].
    """
    check_detail(detail)
    card, other = read_card(faithful), read_card(detailed)
    ours = read_weights(check_file(card, faithful.parent, "safetensors"))
    theirs = read_weights(check_file(other, detailed.parent, "safetensors"))
    if differences := _differences(card, other, ours, theirs):
        raise UserError(
            f"'{card.name}' and '{other.name}' cannot be blended, as they differ in "
            f"{', '.join(differences)}: take two models of one network"
        )
    if _alikeness(ours, theirs) < LEAST_ALIKE:
        raise UserError(
            f"'{card.name}' and '{other.name}' cannot be blended, as neither was trained from the "
            "other: what lies between them is no picture; take a model and what was trained from it"
        )
    mixed, d = {}, np.float32(detail)
    for name, array in ours.items():
        value = (1 - d) * array.astype(np.float32) + d * theirs[name].astype(np.float32)
        mixed[name] = value.astype(array.dtype)
    name = other.name if detail == 1 else f"{card.name} + {detail:g} {other.name}"
    return Blend(name, mixed, max(card.mirrored, other.mirrored))


def check_detail(detail: float) -> None:
    """Raise UserError unless it is in [0, 1]."""
    if not 0 <= detail <= 1:
        raise UserError(f"detail must be 0 to 1, not {detail:g}")


def _differences(card: Card, other: Card, ours: Weights, theirs: Weights) -> list[str]:
    """In words, what keeps two models from being blended."""
    same = {
        "network": card.network == other.network,
        "scale": card.scale == other.scale,
        # A card knows only the settings of its time: what both tell must agree, and the slope,
        # without which a card has none.
        "configuration": all(
            card.config[key] == other.config[key] for key in card.config.keys() & other.config
        )
        and card.config.get("slope", 0) == other.config.get("slope", 0),
        "weights": {n: a.shape for n, a in ours.items()} == {n: a.shape for n, a in theirs.items()},
    }
    return [what for what, agrees in same.items() if not agrees]


def _alikeness(ours: Weights, theirs: Weights) -> float:
    """Cosine between all weights of two models of one network, -1 to 1; 1 for the same ones."""
    both = [(a.astype(np.float64), theirs[name].astype(np.float64)) for name, a in ours.items()]
    product = sum(float(np.vdot(x, y)) for x, y in both)
    lengths = (
        math.sqrt(sum(float(np.vdot(x, x)) for x in each)) for each in zip(*both, strict=True)
    )
    return product / max(math.prod(lengths), 1e-12)


def ends_of_dial(card_path: Path) -> tuple[Path, Path]:
    """The cards of the faithful and the GAN model of which one is given.

    Raises UserError when the other is not beside it, nor among the shipped.
    """
    card = read_card(card_path)
    if not card.detail_of:
        return card_path, detailed_model(card_path)
    for folder in (card_path.parent, weights_folder()):
        faithful = folder / f"{card.detail_of}.json"
        if faithful.exists():
            return faithful, card_path
    raise UserError(
        f"'{card.name}' adds detail to '{card.detail_of}', which is not beside it: give both to "
        "`acutance blend`, or leave out --detail"
    )


def detailed_model(card_path: Path) -> Path:
    """The card of the GAN model that belongs to a faithful one: beside it, or among the shipped.

    Raises UserError when there is none, or more than one.
    """
    card = read_card(card_path)
    for folder in dict.fromkeys((card_path.parent, weights_folder())):
        found = [path for path in sorted(folder.glob("*.json")) if _detail_of(path) == card.name]
        if len(found) > 1:
            names = ", ".join(path.stem for path in found)
            raise UserError(f"several models add detail to '{card.name}' ({names}): keep one")
        if found:
            return found[0]
    pairs = [c for c in shipped().values() if c.detail_of]
    others = ""
    if faithful := [c.detail_of for c in pairs if c.scale == card.scale]:
        others = f", or choose --model {' or '.join(faithful)}"
    elif scales := sorted({c.scale for c in pairs}):
        others = f", or choose --scale {' or '.join(map(str, scales))}"
    raise UserError(f"no GAN model adds detail to '{card.name}': leave out --detail{others}")


def _detail_of(path: Path) -> str:
    """Empty for whatever else lies in the folder."""
    try:
        return read_card(path).detail_of
    except UserError:
        return ""
