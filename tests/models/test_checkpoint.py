"""Cards and weight files: what is stored comes back, and what is wrong is refused in one line."""

import dataclasses
from pathlib import Path

import pytest
import torch

from acutance.errors import UserError
from acutance.models.card import Card, file_entry, read_card, write_card
from acutance.models.catalogue import generator_config
from acutance.models.checkpoint import load_network, save_network
from acutance.models.generator import Generator


@pytest.fixture
def card_path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = generator_config("tiny", scale=2)
    network = Generator(config)
    torch.nn.init.normal_(network.tail.weight, std=0.02)
    save_network(tmp_path / "m.safetensors", network)
    card = Card(
        name="m",
        kind="bicubic",
        scale=2,
        network="generator",
        config={k: list(v) if isinstance(v, tuple) else v for k, v in vars(config).items()},
        multiple=config.multiple,
        receptive_field=config.receptive_field,
        parameters=1,
        macs_per_lr_pixel=1.0,
        files={"safetensors": file_entry(tmp_path / "m.safetensors")},
    )
    write_card(tmp_path / "m.json", card)
    return tmp_path / "m.json"


def test_weights_survive_to_fp16_precision(card_path: Path) -> None:
    network, card = load_network(card_path)
    torch.manual_seed(0)
    original = Generator(generator_config("tiny", scale=2))
    torch.nn.init.normal_(original.tail.weight, std=0.02)
    stored = dict(network.named_parameters())
    for name, parameter in original.named_parameters():
        assert stored[name].dtype == torch.float32
        assert torch.equal(stored[name], parameter.half().float())
    assert card == read_card(card_path)


def test_changed_weights_are_refused(card_path: Path) -> None:
    weights = card_path.with_suffix(".safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(UserError, match="does not match its card"):
        load_network(card_path)


def test_missing_weights_are_refused(card_path: Path) -> None:
    card_path.with_suffix(".safetensors").unlink()
    with pytest.raises(UserError, match="missing"):
        load_network(card_path)


def test_foreign_weights_are_refused(card_path: Path) -> None:
    weights = card_path.with_suffix(".safetensors")
    save_network(weights, torch.nn.Linear(2, 2))
    card = dataclasses.replace(read_card(card_path), files={"safetensors": file_entry(weights)})
    write_card(card_path, card)
    with pytest.raises(UserError, match="does not hold the weights"):
        load_network(card_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', '{"files": {"onnx": {}}}'])
def test_foreign_cards_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match="not a model card"):
        read_card(tmp_path / "x.json")


def test_missing_card_says_how_to_list_models(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="acutance models"):
        read_card(tmp_path / "none.json")
