"""Muon makes its steps orthogonal, and a stopped run goes on with its momentum."""

import signal
from pathlib import Path

import pytest
import torch
from torch import nn

import acutance.training.muon
from acutance.errors import UserError
from acutance.training.loop import Stopped
from acutance.training.muon import ADAMW_SIZE, Muon, orthogonalised
from acutance.training.train import train

from .test_loop import CONFIG, assert_same_weights, quiet


@pytest.mark.parametrize("shape", [(3, 16, 144), (2, 96, 24), (1, 8, 8)])
def test_singular_values_become_one_and_vectors_stay(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    made = orthogonalised(matrices)
    values = torch.linalg.svdvals(made)
    assert values.max() < 1.25
    assert values[:, 0].min() > 0.6
    # U^T made V is diagonal when the singular vectors are the same.
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    turned = u.transpose(1, 2) @ made @ v.transpose(1, 2)
    torch.testing.assert_close(
        turned, torch.diag_embed(turned.diagonal(dim1=1, dim2=2)), atol=1e-3, rtol=0
    )


def test_nothing_stays_nothing() -> None:
    assert torch.equal(orthogonalised(torch.zeros(2, 4, 9)), torch.zeros(2, 4, 9))


@pytest.mark.parametrize("size", [1e-10, 1e-13, 1e-20, 1e-25, 1e-38, 1e-44])
def test_what_a_dead_block_leaves_is_no_number_to_fear(size: float) -> None:
    """Its momentum fades until its squares are zero in fp32, and its length with them."""
    torch.manual_seed(0)
    made = orthogonalised(torch.randn(1, 8, 72) * size)
    assert torch.isfinite(made).all()
    assert made.abs().max() < 1.25


def test_inner_convolutions_step_as_far_as_adamw_would() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(*(nn.Conv2d(8, 8, 3) for _ in range(3)))
    before = [p.detach().clone() for p in network.parameters()]
    network(torch.rand(1, 8, 9, 9)).square().mean().backward()
    Muon(network.parameters(), lr=0.01).step()
    steps = [(p - b).detach() for p, b in zip(network.parameters(), before, strict=True)]
    assert steps[2].square().mean().sqrt() == pytest.approx(0.01 * ADAMW_SIZE, rel=0.15)
    for adam in (0, 1, 3, 4, 5):  # Adam's first step is the sign of the gradient
        assert steps[adam].abs().max() == pytest.approx(0.01, rel=1e-3)


def test_a_stopped_run_goes_on_to_the_same_weights(photos: Path, tmp_path: Path) -> None:
    config = CONFIG.override({"optimiser": "muon"})
    whole = train(config, data=photos, run=tmp_path / "whole", threads=1, report=quiet)

    def terminate_at_step_3(line: str) -> None:
        if "step 3 " in line:
            signal.raise_signal(signal.SIGTERM)

    run = tmp_path / "run"
    with pytest.raises(Stopped, match="--resume"):
        train(config, data=photos, run=run, threads=1, report=terminate_at_step_3)
    train(config, data=photos, run=run, resume=True, threads=1, report=quiet)
    assert_same_weights(run, whole)


def test_weights_that_are_no_numbers_end_the_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(matrices: torch.Tensor) -> torch.Tensor:
        return matrices * float("nan")

    monkeypatch.setattr(acutance.training.muon, "orthogonalised", broken)
    config = CONFIG.override({"optimiser": "muon"})
    with pytest.raises(UserError, match="diverged: weights are no numbers any more at step 1"):
        train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)


def test_momentum_that_fades_becomes_zero() -> None:
    """Denormal numbers of dead units would make every step many times slower, in any thread."""
    layers = nn.Sequential(*(nn.Conv2d(4, 4, 3) for _ in range(3)))
    optimiser = Muon(layers.parameters(), lr=1e-3)
    for parameter in layers.parameters():
        parameter.grad = torch.zeros_like(parameter)
    inner = layers[1].weight
    optimiser.step()
    momentum = optimiser.state[inner]["momentum"]
    momentum[0], momentum[1] = 1e-37, 1e-5
    before = inner.detach().clone()
    optimiser.step()
    assert not momentum[0].any()
    assert momentum[1].all()
    assert torch.equal(inner[0], before[0])
    assert not torch.equal(inner[1], before[1])
