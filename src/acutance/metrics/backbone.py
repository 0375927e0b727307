"""Weights that LPIPS and DISTS stand on: a backbone by path, and torchmetrics' own small files.

A backbone is a safetensors file with torchvision's names, ``features.N.weight`` and
``features.N.bias`` in fp32 or fp16. Neither torchvision nor the network is needed.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acutance.errors import UserError


class MissingError(Exception):
    """Why a metric cannot be measured, in a word or two for a table's cell."""


def read_backbone(folder: Path | None, name: str, layers: tuple[int, ...]) -> dict[str, Tensor]:
    """The convolutions ``layers`` of ``folder/NAME.safetensors`` in fp32.

    Raises:
        MissingError: no folder, or no such file in it.
        UserError: the file is not such a backbone.
    """
    path = None if folder is None else folder / f"{name}.safetensors"
    if path is None or not path.is_file():
        raise MissingError("no backbone")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path)
        keys = [f"features.{i}.{part}" for i in layers for part in ("weight", "bias")]
        return {key: found[key].float() for key in keys}
    except (SafetensorError, KeyError, OSError) as error:
        raise UserError(f"{path} does not hold the convolutions of {name}: get it anew") from error


def torchmetrics_file(part: str) -> dict[str, Any]:
    """A file of weights inside torchmetrics, without importing it.

    Raises MissingError when it is not there.
    """
    spec = find_spec("torchmetrics")
    if spec is None or not spec.submodule_search_locations:
        raise MissingError("no torchmetrics")
    path = Path(spec.submodule_search_locations[0]) / "functional" / "image" / part
    if not path.is_file():
        raise MissingError("no weights in torchmetrics")
    weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
