"""Exponential moving average of the weights: smoother than the last step, and what ships."""

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """``average = decay * average + (1 - decay) * weights`` after every step.

    The decay grows as ``(1 + t) / (10 + t)`` up to its value, so that the random start is forgotten
    at once (as in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average: dict[str, Tensor] = {
            name: p.detach().clone() for name, p in network.named_parameters()
        }

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after step number ``step`` (from 1)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        weights = [p.detach() for p in network.parameters()]
        torch._foreach_lerp_(list(self.average.values()), weights, 1 - decay)
