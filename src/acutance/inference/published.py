"""Weights that a paper's authors published, as a model that upscales like any other."""

from collections.abc import Sequence
from pathlib import Path

from acutance.inference.export import export
from acutance.models.card import Card, read_card
from acutance.models.describe import describe
from acutance.models.published import provenance, read_published


def import_published(
    network: str,
    files: Sequence[Path],
    folder: Path,
    *,
    scale: int | None,
    name: str | None = None,
    overwrite: bool = False,
) -> tuple[Path, Card]:
    """Write safetensors, ONNX and card; return the card's path and the card.

    Args:
        network: key of ``models.published.PUBLISHED``.
        files: the MATLAB files.
        folder: where the model goes; made if missing.
        scale: upscaling factor; None takes the file's own.
        name: the model's name; ``NETWORK-xSCALE`` by default.
        overwrite: replace files of that name.

    Raises:
        UserError: a file is missing, damaged or another network's; the model exists.
    """
    module = read_published(network, files, scale=scale)
    card = describe(
        module,
        key=network,
        name=name or f"{network}-x{module.scale}",
        training=provenance(network, files),
        licence="that of whoever published the weights",
    )
    path = export(module, card, folder, overwrite=overwrite)
    return path, read_card(path)
