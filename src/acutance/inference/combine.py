"""Models made of models: one between two, and one that averages several."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from acutance.errors import UserError
from acutance.inference.blend import blend
from acutance.inference.export import export
from acutance.models.card import Card, read_card
from acutance.models.checkpoint import load_network
from acutance.models.describe import describe
from acutance.models.ensemble import Ensemble, EnsembleConfig
from acutance.models.generator import Generator


def export_blend(
    faithful: Path,
    detailed: Path,
    detail: float,
    folder: Path,
    *,
    name: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Make a model of two, as ``blend`` mixes them, and return its card's path.

    Args:
        faithful: card of the one.
        detailed: card of the other, a model of the same network.
        detail: share of the other, 0 to 1.
        folder: where the files go; made if missing.
        name: of the model; ``FAITHFUL-detail-DETAIL`` by default.
        overwrite: replace files of that name.

    Raises:
        UserError: as ``blend`` and ``export``.
    """
    mixed = blend(faithful, detailed, detail)
    network, card = load_network(faithful)
    other = read_card(detailed)
    network.load_state_dict({key: torch.tensor(array) for key, array in mixed.weights.items()})
    card = dataclasses.replace(
        card,
        name=name or f"{card.name}-detail-{detail:g}",
        kind=other.kind,
        detail_of="",
        mirrored=mixed.mirrored,
        files={},
        training={"blend": mixed.name, "detail": detail, "of": _sources(card, other)},
        metrics={},
        licence=_licence(card, other),
    )
    return export(network, card, folder, overwrite=overwrite)


def export_ensemble(
    members: Sequence[Path],
    folder: Path,
    *,
    name: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Make a model of several, whose pictures it averages, and return its card's path.

    Args:
        members: cards of two or more generators for clean pictures, of one kind and scale.
        folder: where the files go; made if missing.
        name: of the model; ``ensemble-xSCALE`` by default.
        overwrite: replace files of that name.

    Raises:
        UserError: a member that cannot be averaged, or as ``export``.
    """
    loaded = [load_network(path) for path in members]
    cards = [card for _, card in loaded]
    config = _shapes(loaded)
    ensemble = Ensemble(config)
    for own, (network, _) in zip(ensemble.members, loaded, strict=True):
        own.load_state_dict(network.state_dict())
    command = shlex.join(["acutance", "ensemble", *(card.name for card in cards), "--out", "DIR"])
    border = max(card.mirrored for card in cards)
    card = describe(
        ensemble,
        key="ensemble",
        mirrored=-(-border // config.multiple) * config.multiple,
        name=name or f"ensemble-x{config.scale}",
        training={"command": command, "ensemble": _sources(*cards)},
        licence=_licence(*cards),
    )
    card = dataclasses.replace(card, kind=cards[0].kind)
    return export(ensemble, card, folder, overwrite=overwrite)


def _shapes(members: Sequence[tuple[nn.Module, Card]]) -> EnsembleConfig:
    """What an ensemble of these is; raises UserError when they cannot be averaged."""
    if others := [card.name for network, card in members if not isinstance(network, Generator)]:
        raise UserError(f"{', '.join(others)} cannot be a member of an ensemble: give generators")
    kinds = dict.fromkeys(f"'{card.kind}'" for _, card in members)
    if len(kinds) > 1:
        raise UserError(f"{' and '.join(kinds)} are no ensemble: choose models of one kind")
    configs: list[Any] = [network.config for network, _ in members]
    try:
        return EnsembleConfig(members=tuple(configs))
    except ValueError as error:
        raise UserError(f"{error}: choose other models") from error


def _sources(*cards: Card) -> list[dict[str, Any]]:
    """What a model was made of. A list: a model and what was trained from it may share a name."""
    return [
        {
            "name": card.name,
            "sha256": card.files["safetensors"].sha256,
            "training": card.training,
        }
        for card in cards
    ]


def _licence(*cards: Card) -> str:
    return " and ".join(dict.fromkeys(card.licence for card in cards))
