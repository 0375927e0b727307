"""Which optimiser a run has."""

from typing import Any

import torch
from torch import nn

from acutance.training.config import TrainConfig
from acutance.training.muon import Muon


def new_optimiser(
    network: nn.Module, config: TrainConfig, place: torch.device
) -> torch.optim.Optimizer:
    """AdamW or Muon, as the configuration says."""
    settings: dict[str, Any] = {
        "lr": config.learning_rate,
        "betas": config.betas,
        "weight_decay": config.weight_decay,
    }
    if config.optimiser == "muon":
        return Muon(network.parameters(), **settings)
    return torch.optim.AdamW(network.parameters(), fused=place.type in ("cpu", "cuda"), **settings)
