"""benchmarks/prune.py: dead blocks go, and what is computed stays."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from acutance.models.generator import Generator, GeneratorConfig

CONFIG = GeneratorConfig(scale=2, channels=(8, 12), down_blocks=(3, 2), up_blocks=(3,))


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "prune.py"))


@pytest.mark.parametrize(
    ("dead", "down", "up"),
    [
        (["encoder.0.0"], (2, 2), (3,)),
        (["encoder.0.1", "encoder.0.2"], (1, 2), (3,)),
        (["encoder.1.0", "encoder.1.1"], (3, 0), (3,)),
        (["decoder.0.0", "decoder.0.1"], (3, 2), (1,)),
        (["encoder.0.0", "encoder.1.1", "decoder.0.2"], (2, 1), (2,)),
    ],
)
def test_without_dead_blocks_it_computes_the_same(
    script: dict[str, Any], dead: list[str], down: tuple[int, ...], up: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    network = Generator(CONFIG)
    for name, parameter in network.named_parameters():
        if name.startswith(("tail", "head")) or "bias" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    for name in dead:
        torch.nn.init.constant_(network.get_submodule(name).conv1.bias, -1e3)
    lr = torch.rand(1, 3, 13, 10)
    with torch.no_grad():
        smaller, found = script["pruned"](network, [lr])
        torch.testing.assert_close(smaller(lr), network(lr), rtol=1e-4, atol=1e-5)
    assert found == dead
    assert (smaller.config.down_blocks, smaller.config.up_blocks) == (down, up)
