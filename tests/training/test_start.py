"""A run that goes on from other weights: what fits, what is widened, what stays fresh."""

import dataclasses

import pytest
import torch

from acutance.errors import UserError
from acutance.models.equivariance import retie
from acutance.models.generator import Generator, GeneratorConfig
from acutance.training.start import renew_dead, start_from

NARROW = GeneratorConfig(scale=2, channels=(8, 12), down_blocks=(1, 1), up_blocks=(1,))
WIDE = GeneratorConfig(scale=2, channels=(12, 16), down_blocks=(1, 1), up_blocks=(1,))


@pytest.fixture
def narrow() -> Generator:
    torch.manual_seed(0)
    network = Generator(NARROW)
    torch.nn.init.normal_(network.tail.weight, std=0.1)  # as if it had learned something
    return network


@pytest.fixture
def start(narrow: Generator, monkeypatch: pytest.MonkeyPatch) -> str:
    weights = dict(narrow.named_parameters())
    monkeypatch.setattr("acutance.training.run_folder.load_start", lambda _: weights)
    return "narrow"


def test_a_wider_network_computes_what_the_narrow_one_did(narrow: Generator, start: str) -> None:
    wide, lines = Generator(WIDE), list[str]()
    start_from(wide, start, lines.append)
    lr = torch.rand(1, 3, 12, 10)
    with torch.no_grad():
        assert (narrow(lr) - narrow.bicubic(lr)).abs().max() > 1e-3
        torch.testing.assert_close(wide(lr), narrow(lr))
    assert "widened: head.weight" in lines[0]
    assert "fresh" not in lines[0]


def test_a_wider_equivariant_network_stays_equivariant(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    flat = {"scale": 2, "down_blocks": (1,), "up_blocks": (), "equivariant": True}
    narrow = Generator(GeneratorConfig(channels=(8,), **flat))  # type: ignore[arg-type]
    torch.nn.init.normal_(narrow.tail.weight)
    retie(narrow)
    weights = {name: p.detach() for name, p in narrow.named_parameters()}
    monkeypatch.setattr("acutance.training.run_folder.load_start", lambda _: weights)
    wide = Generator(GeneratorConfig(channels=(16,), **flat))  # type: ignore[arg-type]
    start_from(wide, "narrow", lambda _: None)
    lr = torch.rand(1, 3, 9, 9)
    with torch.no_grad():
        torch.testing.assert_close(wide(lr), narrow(lr))
        torch.testing.assert_close(wide(lr.flip(3)), wide(lr).flip(3), atol=1e-5, rtol=0)


def test_a_deeper_network_computes_what_the_shallow_one_did(narrow: Generator, start: str) -> None:
    deep = Generator(dataclasses.replace(NARROW, down_blocks=(1, 3), up_blocks=(2,)))
    lines = list[str]()
    start_from(deep, start, lines.append)
    lr = torch.rand(1, 3, 12, 10)
    torch.testing.assert_close(deep(lr), narrow(lr))
    deep(lr).square().sum().backward()
    assert all(block.conv2.weight.grad.any() for block in (*deep.encoder[1], *deep.decoder[0]))
    assert "fresh: encoder.1.1.conv1.weight" in lines[0]


def test_a_photo_model_as_the_start_of_one_without_strength(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    photo = Generator(dataclasses.replace(NARROW, strength=True))
    torch.nn.init.normal_(photo.tail.weight, std=0.1)
    weights = dict(photo.named_parameters())
    monkeypatch.setattr("acutance.training.run_folder.load_start", lambda _: weights)
    clean, lines = Generator(WIDE), list[str]()
    start_from(clean, "photo", lines.append)
    rgb = torch.rand(1, 3, 12, 10)
    told = {share: torch.cat([rgb, torch.full((1, 1, 12, 10), share)], dim=1) for share in (0, 1)}
    with torch.no_grad():
        torch.testing.assert_close(clean(rgb), photo(told[0]))
        assert (photo(told[1]) - photo(told[0])).abs().max() > 1e-3
    assert "fresh" not in lines[0]
    assert lines[0].endswith("; left out: the input of the strength")


def test_all_of_a_wider_network_learns(start: str) -> None:
    wide = Generator(WIDE)
    start_from(wide, start, lambda _: None)
    wide(torch.rand(1, 3, 12, 10)).square().sum().backward()
    new_columns = wide.tail.weight.grad[:, NARROW.channels[0] :]
    assert (new_columns.abs().amax(dim=(0, 2, 3)) > 0).all()


def test_the_tail_of_another_scale_stays_fresh(start: str) -> None:
    other = Generator(
        GeneratorConfig(scale=4, channels=(8, 12), down_blocks=(1, 1), up_blocks=(1,))
    )
    lines: list[str] = []
    start_from(other, start, lines.append)
    assert lines == ["started from narrow; fresh: tail.weight, tail.bias"]
    assert not other.tail.weight.any()


def test_what_finds_no_place_is_named(start: str) -> None:
    lines: list[str] = []
    config = GeneratorConfig(scale=2, channels=(8, 12), down_blocks=(1, 0), up_blocks=(1,))
    start_from(Generator(config), start, lines.append)
    assert lines == ["started from narrow; left out: encoder.1.0.conv1, encoder.1.0.conv2"]


def test_a_narrower_network_is_refused(start: str) -> None:
    small = Generator(GeneratorConfig(scale=4, channels=(4, 6), down_blocks=(1, 1), up_blocks=(1,)))
    with pytest.raises(UserError, match="nothing in narrow fits"):
        start_from(small, start, lambda _: None)


def killed(config: GeneratorConfig) -> Generator:
    """A network of which three units of one block and all of another are dead."""
    torch.manual_seed(0)
    network = Generator(config)
    torch.nn.init.normal_(network.tail.weight, std=0.1)
    for conv, dead in ((network.encoder[0][0].conv1, 3), (network.encoder[1][0].conv1, None)):
        torch.nn.init.constant_(conv.bias[:dead], -1e3)
    return network


def test_dead_units_get_fresh_weights_and_the_rest_stays() -> None:
    network = killed(NARROW)
    lr = torch.rand(1, 3, 12, 10)
    with torch.no_grad():
        before = network(lr)
    living = network.encoder[0][0].conv1.weight[3:].clone()
    assert renew_dead(network, [lr, 1 - lr]) == (3 + 12, 3 * 8 - 8 + 12)
    with torch.no_grad():
        torch.testing.assert_close(network(lr), before)
    assert torch.equal(network.encoder[0][0].conv1.weight[3:], living)
    assert network.encoder[0][0].conv1.bias.abs().max() < 1
    assert renew_dead(network, [lr, 1 - lr])[0] < 8  # some random units are dead in two pictures


def test_renewed_units_learn() -> None:
    network = killed(GeneratorConfig(**{**vars(NARROW), "slope": 0.1}))
    lr = torch.rand(1, 3, 12, 10)
    renew_dead(network, [lr])
    assert network.encoder[1][0].slope == 0.1
    network(lr).square().sum().backward()
    gradient = network.encoder[1][0].conv2.weight.grad
    assert (gradient.abs().amax(dim=(0, 2, 3)) > 0).all()
