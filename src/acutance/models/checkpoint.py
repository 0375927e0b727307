"""Weights in and out: safetensors beside a card. Never pickle: a model file must not run code."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from acutance.errors import UserError
from acutance.models.card import Card, check_file, read_card
from acutance.models.catalogue import build


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
    path = check_file(card, card_path.parent, "safetensors")
    network = build(card.network, card.config)
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise UserError(f"{path} does not hold the weights of '{card.network}'") from error
    return network.to(device).float().eval(), card
