"""A network's card, as far as the network itself tells."""

import dataclasses
import json
from typing import Any

from torch import nn

from acutance.models.card import Card
from acutance.models.cost import macs_per_lr_pixel, parameter_count


def describe(network: nn.Module, *, key: str, name: str, **facts: Any) -> Card:
    """The card without files of a network that models/catalogue.py knows as ``key``.

    Args:
        network: has its configuration in ``config``.
        key: key of ``NETWORKS``.
        name: the model's name.
        facts: further fields of the card, for example ``training`` and ``licence``.
    """
    config: Any = network.config
    return Card(
        name=name,
        kind="photo" if getattr(config, "strength", False) else "bicubic",
        scale=config.scale,
        network=key,
        config=json.loads(json.dumps(dataclasses.asdict(config))),  # as a card's file gives it
        multiple=config.multiple,
        receptive_field=config.receptive_field,
        parameters=parameter_count(network),
        macs_per_lr_pixel=macs_per_lr_pixel(network),
        feature_values=getattr(config, "feature_values", 0),
        precision=getattr(network, "precision", "auto"),
        **facts,
    )
