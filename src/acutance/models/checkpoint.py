"""Weights in and out: safetensors beside a card. Never pickle: a model file must not run code."""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from acutance.errors import UserError
from acutance.models.card import Card, ModelFile, read_card
from acutance.models.catalogue import build


def file_entry(path: Path) -> ModelFile:
    """A file's name, hash and size, for the card."""
    data = path.read_bytes()
    return ModelFile(name=path.name, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def save_network(path: Path, network: nn.Module, *, dtype: torch.dtype = torch.float16) -> None:
    """Store a network's parameters; fp16 takes half the space and costs less than 0.001 dB."""
    weights = {
        name: p.detach().to("cpu", dtype).contiguous() for name, p in network.named_parameters()
    }
    save_file(weights, path)


def load_network(card_path: Path, device: torch.device | str = "cpu") -> tuple[nn.Module, Card]:
    """A model from its card, ready to run in fp32.

    Raises UserError when the card or the weights are missing, corrupt, changed or foreign.
    """
    card = read_card(card_path)
    folder = card_path if card_path.is_dir() else card_path.parent
    entry = card.files.get("safetensors")
    if entry is None:
        raise UserError(f"{card_path} names no safetensors file; export the model again")
    path = folder / entry.name
    if not path.exists():
        raise UserError(f"{path} is missing: keep a model's files in one folder")
    if file_entry(path).sha256 != entry.sha256:
        raise UserError(
            f"{path} does not match its card: it is damaged or was changed; get it anew"
        )
    network = build(card.network, card.config)
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise UserError(f"{path} does not hold the weights of '{card.network}'") from error
    return network.to(device).float().eval(), card
