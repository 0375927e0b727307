"""The weights of a model as arrays, from and to its safetensors file. NumPy, no torch.

The format: 8 bytes with the length of a JSON header, the header, and the arrays one after the
other, little-endian, rows first: https://huggingface.co/docs/safetensors.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acutance.errors import UserError

Weights = dict[str, NDArray[Any]]
"""Arrays by the names of the network's parameters."""


@dataclass(frozen=True)
class Place:
    """Where the file holds an array."""

    offset: int
    """Bytes from the start of the file."""
    length: int
    """Bytes."""


def read_weights(path: Path) -> Weights:
    """All arrays of a file. Raises UserError when it is missing or no safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        weights: Weights = load_file(path)
    except (OSError, SafetensorError, KeyError) as error:  # KeyError: bf16, which NumPy lacks
        raise UserError(f"{path} cannot be read as weights; get it anew") from error
    return weights


def write_weights(path: Path, weights: Weights) -> None:
    """Write arrays; the same as ``checkpoint.save_network`` writes of the same numbers."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in weights.items()}, path)


def places(path: Path) -> dict[str, Place]:
    """Where a whole safetensors file holds its arrays: what another file can point to."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        found[name] = Place(offset=8 + length + start, length=stop - start)
    return found
