"""A small model, exported once: its tail is random, so that it does more than bicubic."""

from pathlib import Path

import pytest
import torch

from acutance.inference.export import export
from acutance.models.card import Card
from acutance.models.cost import macs_per_lr_pixel, parameter_count
from acutance.models.generator import Generator, GeneratorConfig

CONFIG = GeneratorConfig(scale=2, channels=(8, 12, 8), down_blocks=(1, 0, 1), up_blocks=(1, 0))
"""Three levels: sides are padded to multiples of 4; the receptive field is 17 pixels."""


def network_with_a_tail(seed: int) -> Generator:
    torch.manual_seed(seed)
    network = Generator(CONFIG)
    torch.nn.init.normal_(network.tail.weight, std=0.05)
    return network.eval()


def card_for(network: Generator) -> Card:
    config = network.config
    return Card(
        name="small",
        kind="bicubic",
        scale=config.scale,
        network="generator",
        config={k: list(v) if isinstance(v, tuple) else v for k, v in vars(config).items()},
        multiple=config.multiple,
        receptive_field=config.receptive_field,
        mirrored=8,
        parameters=parameter_count(network),
        macs_per_lr_pixel=macs_per_lr_pixel(network),
    )


@pytest.fixture
def network() -> Generator:
    return network_with_a_tail(seed=0)


@pytest.fixture
def other_network() -> Generator:
    """The same shape, other weights."""
    return network_with_a_tail(seed=1)


@pytest.fixture
def card(network: Generator) -> Card:
    return card_for(network)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of an exported model; its folder is not to be changed."""
    network = network_with_a_tail(seed=0)
    return export(network, card_for(network), tmp_path_factory.mktemp("small"))
