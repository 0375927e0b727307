"""How large a tile may be: a requirement of memory as arithmetic."""

import math

from acutance.errors import UserError
from acutance.models.card import FEATURE_MAPS, Card

DEFAULT_MEMORY = 1024
"""MiB that the tiles' arrays and feature maps may take."""

BYTES_PER_VALUE = 4
"""A tile of n LR pixels takes about ``n * 4 bytes * (10 * channels + 5 * 3 * scale^2)``, measured
with OpenVINO; where a card tells its ``feature_values``, they stand for ``10 * channels``."""


def tile_size(card: Card, memory: int, tile: int | None = None) -> int:
    """LR pixels on a side of the part that a tile keeps, so that it fits with its margins.

    Args:
        card: the model.
        memory: MiB for the tile's arrays and feature maps.
        tile: what was asked for instead, at least the card's ``multiple``.

    Raises:
        UserError: too little memory for any tile, or too small a tile.
    """
    multiple = card.multiple
    margin = 2 * -(-card.receptive_field // multiple) * multiple
    if memory < 1:
        raise UserError(f"memory must be at least 1 MiB, not {memory}")
    if tile is not None:
        if tile < multiple:
            raise UserError(f"tile must be at least {multiple}, not {tile}")
        return tile // multiple * multiple
    features = card.feature_values
    if not features:
        features = FEATURE_MAPS * card.config.get("channels", [64])[0]
    values = features + 5 * 3 * card.scale**2
    side = int(math.sqrt(memory * 2**20 / (BYTES_PER_VALUE * values)))
    if side - margin < 32:
        least = (32 + margin) ** 2 * BYTES_PER_VALUE * values / 2**20
        raise UserError(f"memory of {memory} MiB is too little: give at least {math.ceil(least)}")
    return (side - margin) // multiple * multiple
