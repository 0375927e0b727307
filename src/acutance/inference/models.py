"""Finding a model: by the name of a shipped one, or by the path of a card."""

from importlib.resources import files
from pathlib import Path

from acutance.errors import UserError
from acutance.models.card import Card, read_card


def weights_folder() -> Path:
    """Where the shipped models lie."""
    return Path(str(files("acutance") / "weights"))


def shipped() -> dict[str, Card]:
    """The shipped models, by name."""
    return {path.stem: read_card(path) for path in sorted(weights_folder().glob("*.json"))}


def find_card(model: str) -> Path:
    """The card of a model: a shipped name such as ``base-x4``, a card's path, or its folder.

    Raises UserError when there is no such model, and lists what there is.
    """
    path = weights_folder() / f"{model}.json"
    if "/" not in model and path.exists():
        return path
    given = Path(model)
    if given.is_dir():
        cards = sorted(given.glob("*.json"))
        if len(cards) == 1:
            return cards[0]
        if (given / "run.json").exists():
            raise UserError(
                f"{given} is a training run: `acutance export {given}`, then --model {given}/export"
            )
        raise UserError(f"{given} holds {len(cards)} .json files; name the model's card itself")
    if given.suffix == ".safetensors" and given.with_suffix(".json").exists():
        return given.with_suffix(".json")
    if given.exists():
        return given
    names = ", ".join(p.stem for p in sorted(weights_folder().glob("*.json")))
    raise UserError(f"unknown model '{model}': choose one of {names}, or give a card's path")


def default_model(scale: int, *, with_detail: bool = False) -> str:
    """The shipped model of plain bicubic for a scale, the best.

    Args:
        scale: upscaling factor.
        with_detail: the best of those that a GAN model belongs to, if there are any.

    Raises:
        UserError: there is none.
    """
    cards = shipped()
    names = [name for size in ("base", "lean", "tiny") if (name := f"{size}-x{scale}") in cards]
    if with_detail:
        faithful = {card.detail_of for card in cards.values()}
        names.sort(key=lambda name: name not in faithful)
    if names:
        return names[0]
    listed = ", ".join(map(str, sorted({card.scale for card in cards.values()})))
    raise UserError(f"no model upscales by {scale}: choose one of {listed}")
