"""The recipes there are: an explicit table from name to function."""

import dataclasses
import json
import shlex
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from acutance.errors import UserError
from acutance.recipes import baselines, bicubic, gan, photo
from acutance.training.config import FOLDERS, TrainConfig

RECIPES: dict[str, Callable[[], TrainConfig]] = {
    "base-x2": bicubic.base_x2,
    "base-x3": bicubic.base_x3,
    "base-x4": bicubic.base_x4,
    "base-x8": bicubic.base_x8,
    "lean-x4": bicubic.lean_x4,
    "tiny-x2": bicubic.tiny_x2,
    "tiny-x3": bicubic.tiny_x3,
    "tiny-x4": bicubic.tiny_x4,
    "tiny-x8": bicubic.tiny_x8,
    "photo-x2": photo.photo_x2,
    "photo-x3": photo.photo_x3,
    "photo-x4": photo.photo_x4,
    "photo-x8": photo.photo_x8,
    "gan-x4": gan.gan_x4,
    "gan-photo-x2": photo.gan_photo_x2,
    "gan-photo-x4": photo.gan_photo_x4,
    "vdsr-x4": baselines.vdsr_x4,
    "vdsr-x8": baselines.vdsr_x8,
    "drcn-x4": baselines.drcn_x4,
    "lapsrn-x4": baselines.lapsrn_x4,
    "lapsrn-x8": baselines.lapsrn_x8,
    "scn-x4": baselines.scn_x4,
    "scn-x8": baselines.scn_x8,
}


def recipe(name: str) -> TrainConfig:
    """A recipe's configuration. Raises UserError for an unknown name."""
    if name not in RECIPES:
        raise UserError(f"unknown recipe '{name}': choose one of {', '.join(RECIPES)}")
    return RECIPES[name]()


def command(config: TrainConfig) -> str:
    """The command that trains what this configuration says, for a model's card.

    What was resumed with other flags is one run in the end: the command is made from the resolved
    configuration, with ``--set`` for what differs from the recipe.
    """
    own, usual = dataclasses.asdict(config), dataclasses.asdict(recipe(config.recipe))
    words = ["acutance", "train", config.recipe]
    if config.start:
        start = PurePath(config.start)
        words += ["--from", start.name if start.is_absolute() else config.start]
    words += ["--data", "DIR", "--out", "RUN"]
    for key in own:
        if own[key] != usual[key] and key != "start":
            words += _settings(key, own[key], usual[key])
    return shlex.join(words)


def _settings(key: str, own: Any, usual: Any) -> list[str]:
    """``--set`` for a value, or for what differs inside a part; folders are DIR."""
    if isinstance(own, dict) and isinstance(usual, dict):
        each = [_settings(f"{key}.{k}", own[k], usual[k]) for k in own if own[k] != usual[k]]
        return [word for words in each for word in words]
    return ["--set", f"{key}={'DIR' if key in FOLDERS and own else json.dumps(own)}"]
