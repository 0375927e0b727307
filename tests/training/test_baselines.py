"""The other networks in the trainer: every recipe steps, and every network learns."""

import dataclasses
from pathlib import Path

import pytest
import torch

from acutance.errors import UserError
from acutance.losses.composite import CompositeLoss
from acutance.losses.supervision import Supervision, reduce
from acutance.models.catalogue import build
from acutance.recipes.catalogue import RECIPES, recipe
from acutance.training import run_folder
from acutance.training.config import PatchPhase
from acutance.training.outputs import AllOutputs
from acutance.training.train import train

BASELINES = [name for name in RECIPES if recipe(name).network != "generator"]


def edges() -> torch.Tensor:
    """``(1, 3, 64, 64)``: discs of several grays with sharp edges."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    hr = torch.full((64, 64), 0.5)
    for top, left, radius, gray in ((20, 15, 14, 0.1), (40, 44, 17, 0.9), (14, 50, 8, 0.3)):
        hr = torch.where(torch.hypot(y - top, x - left) < radius, gray, hr)
    return hr.expand(1, 3, 64, 64)


def quiet(_line: str) -> None:
    pass


@pytest.mark.parametrize("name", BASELINES)
def test_a_recipe_runs(photos: Path, tmp_path: Path, name: str) -> None:
    """Two steps on patches that fit the tests' small photos, all loss phases among them."""
    config = dataclasses.replace(
        recipe(name),
        steps=2,
        max_minutes=None,
        patches=(PatchPhase(until=1.0, patch=6, batch=1),),
        copies=(),
    )
    run = train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)
    network, card = run_folder.load_run(run)
    assert card.name == name
    assert card.network == config.network
    assert card.precision == "fp32"
    size = 5 * config.scale
    assert network(torch.rand(1, 3, 5, 5)).shape == (1, 3, size, size)


@pytest.mark.parametrize(
    ("network", "config", "content", "supervision", "rate", "left"),
    [
        ("vdsr", {"depth": 6, "channels": 16}, "mse", 0.0, 2e-3, 0.8),
        ("drcn", {"recursions": 3, "channels": 16}, "mse", 0.5, 5e-4, 0.99),
        ("lapsrn", {"depth": 2, "channels": 16}, "charbonnier", 0.5, 2e-3, 0.8),
        ("scn", {}, "mse", 0.5, 2e-3, 0.8),
    ],
)
def test_a_network_learns_a_batch(
    network: str, config: dict[str, int], content: str, supervision: float, rate: float, left: float
) -> None:
    """The supervised loss of one batch falls; slowly where all recursions share their weights."""
    torch.manual_seed(0)
    hr = edges()
    lr = reduce(hr, 16, 16)
    outputs = AllOutputs(build(network, {"scale": 4, **config}))
    optimiser = torch.optim.AdamW(outputs.parameters(), lr=rate)
    criterion = Supervision(CompositeLoss())
    losses = []
    for _ in range(60):
        loss = criterion(outputs(lr), hr, content=content, luma=True, supervision=supervision)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < left * losses[0]


def test_all_outputs_are_the_networks_own() -> None:
    lr = torch.rand(1, 3, 5, 5)
    lapsrn = build("lapsrn", {"scale": 4, "depth": 1, "channels": 4})
    generator = build(
        "generator", {"scale": 2, "channels": (4,), "down_blocks": (1,), "up_blocks": ()}
    )
    assert [o.shape[-1] for o in AllOutputs(lapsrn)(lr)] == [20, 10]
    (only,) = AllOutputs(generator)(lr)
    assert torch.equal(only, generator(lr))


def test_a_size_that_a_network_does_not_have(photos: Path, tmp_path: Path) -> None:
    config = recipe("vdsr-x4").override({"size": "base"})
    with pytest.raises(UserError, match="unknown size 'base' of 'vdsr'"):
        train(config, data=photos, run=tmp_path / "run", report=quiet)
