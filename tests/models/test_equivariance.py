"""Equivariant generators: what is done to a picture is done to the flipped and turned one too."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from acutance.models.equivariance import SYMMETRIES, move, retie
from acutance.models.generator import Generator, GeneratorConfig
from acutance.training.muon import Muon

FLAT = GeneratorConfig(scale=4, channels=(16,), down_blocks=(2,), up_blocks=(), equivariant=True)
DEEP = GeneratorConfig(
    scale=3, channels=(8, 16), down_blocks=(1, 1), up_blocks=(1,), equivariant=True, strength=True
)
"""A level below, another tail, a fourth plane."""
CONSISTENT = dataclasses.replace(FLAT, scale=2, consistent=True)


def trained(config: GeneratorConfig, optimiser: type[torch.optim.Optimizer]) -> Generator:
    """A generator after some steps."""
    torch.manual_seed(0)
    network = Generator(config)
    steps = optimiser(network.parameters(), lr=1e-2)  # type: ignore[call-arg]
    for _ in range(5):
        loss = (network(picture(config)) - torch.rand(2, 3, *[12 * config.scale] * 2)).square()
        steps.zero_grad()
        loss.mean().backward()
        steps.step()
    return network.eval()


def picture(config: GeneratorConfig) -> Tensor:
    return torch.rand(2, config.channels_in, 12, 12)


def test_there_are_eight_different_symmetries() -> None:
    grid = torch.arange(9).view(3, 3)
    assert len({tuple(move(grid, g).flatten().tolist()) for g in range(len(SYMMETRIES))}) == 8


@pytest.mark.parametrize("optimiser", [Muon, torch.optim.AdamW])
@pytest.mark.parametrize("config", [FLAT, DEEP, CONSISTENT], ids=["flat", "deep", "consistent"])
@torch.no_grad()
def test_a_trained_generator_commutes_with_every_symmetry(
    config: GeneratorConfig, optimiser: type[torch.optim.Optimizer]
) -> None:
    with torch.enable_grad():
        network = trained(config, optimiser)
    lr = picture(config)
    sr = network(lr)
    assert network.dnn(lr).std() > 0.02
    for symmetry in range(8):
        turned = network(move(lr, symmetry))
        torch.testing.assert_close(turned, move(sr, symmetry), atol=1e-5, rtol=0)


def test_free_weights_do_not_commute() -> None:
    network = trained(dataclasses.replace(FLAT, equivariant=False), torch.optim.AdamW)
    lr = picture(FLAT)
    assert (network(move(lr, 1)) - move(network(lr), 1)).abs().max() > 1e-3


def test_the_gradient_is_that_of_all_eight_orientations() -> None:
    tied = trained(FLAT, torch.optim.AdamW)
    free = Generator(dataclasses.replace(FLAT, equivariant=False))
    free.load_state_dict(tied.state_dict())
    lr, hr = picture(FLAT), torch.rand(2, 3, 48, 48)

    def gradients(network: nn.Module, symmetries: range) -> list[Tensor]:
        network.zero_grad()
        for symmetry in symmetries:
            error = network(move(lr, symmetry)) - move(hr, symmetry)
            (error.square().mean() / len(symmetries)).backward()
        found = [parameter.grad for parameter in network.parameters()]
        return [gradient for gradient in found if gradient is not None]

    expected = gradients(free, range(8))
    found = gradients(tied, range(1))
    assert any(
        (one - other).abs().max() > 1e-6
        for one, other in zip(gradients(free, range(1)), expected, strict=True)
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-4)


def test_an_eighth_of_the_weights_is_free() -> None:
    network = Generator(FLAT)
    inner = network.encoder[0].get_submodule("0.conv1")
    assert isinstance(inner, nn.Conv2d)
    torch.nn.init.normal_(inner.weight)
    retie(network)
    # Each of the 2 x 2 pairs of features: nine places for each of eight turns between them.
    assert len(inner.weight.unique()) == 2 * 2 * 8 * 9


def test_retie_tells_what_it_changed() -> None:
    network = Generator(FLAT)
    assert retie(network) == 0
    with torch.no_grad():
        network.head.weight[0] *= 2
    assert 0.1 < retie(network) < 2
    assert retie(network) == 0
    assert retie(Generator(dataclasses.replace(FLAT, equivariant=False))) == 0


def test_channels_come_in_eights() -> None:
    with pytest.raises(ValueError, match="channels in multiples of 8"):
        dataclasses.replace(FLAT, channels=(20,))
