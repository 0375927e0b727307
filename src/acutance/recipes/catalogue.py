"""The recipes there are: an explicit table from name to function."""

from collections.abc import Callable

from acutance.errors import UserError
from acutance.recipes import bicubic
from acutance.training.config import TrainConfig

RECIPES: dict[str, Callable[[], TrainConfig]] = {
    "base-x2": bicubic.base_x2,
    "base-x4": bicubic.base_x4,
    "base-x8": bicubic.base_x8,
}


def recipe(name: str) -> TrainConfig:
    """A recipe's configuration. Raises UserError for an unknown name."""
    if name not in RECIPES:
        raise UserError(f"unknown recipe '{name}': choose one of {', '.join(RECIPES)}")
    return RECIPES[name]()
