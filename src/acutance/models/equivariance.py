"""Weights that make a network commute with the eight symmetries of the square, flips and turns.

``G(g x) = g G(x)``: what a network does to a picture it does to the flipped and turned picture too,
which one that was trained on flips and turns only learns to do roughly. Source: Cohen and Welling,
"Group equivariant convolutional networks", ICML 2016.

Feature channels come in eights, one for each symmetry: where the picture is turned, a feature is,
and its eight channels change places. A convolution commutes with that if ``W[g o, g i, g u] =
W[o, i, u]`` for outputs o, inputs i and places u. Weights that a symmetry takes to each other, an
orbit, are equal: an eighth of them are free. So such a network is an ordinary one with tied
weights; training averages the gradient over each orbit, as if every patch came in all eight
orientations.
"""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn

SYMMETRIES = tuple(product((False, True), range(4)))
"""Whether to flip, and then how many quarter turns."""


@dataclass(frozen=True)
class Channels:
    """How the channels on one side of a convolution change places with the picture."""

    turning: bool
    """Whether they are features, in eights; colours stay where they are."""
    upscale: int = 1
    """Of a pixel shuffle that follows: each has ``upscale^2`` places of its own in a row."""

    def moved(self, count: int, symmetry: int) -> Tensor:
        """Which of ``count`` channels comes to each place."""
        places = self.upscale**2
        eights = _TABLE[symmetry] if self.turning else torch.zeros(1, dtype=torch.long)
        grid = move(torch.arange(places).view(self.upscale, self.upscale), symmetry).flatten()
        firsts = torch.arange(0, count, len(eights) * places)
        index = firsts[:, None, None] + eights[:, None] * places + grid
        return index.flatten()


def move(grid_HW: Tensor, symmetry: int) -> Tensor:
    """The last two axes under the symmetry of a number in ``SYMMETRIES``."""
    flip, turns = SYMMETRIES[symmetry]
    return torch.rot90(grid_HW.flip(-1) if flip else grid_HW, turns, (-2, -1))


def _table() -> list[Tensor]:
    """For each symmetry: which of a feature's eight channels comes to each place."""
    grid = torch.arange(4).view(2, 2)
    number = {tuple(move(grid, g).flatten().tolist()): g for g in range(8)}
    table = []
    for symmetry in range(8):
        # Channel k holds what the picture gives under symmetry k; moved, under ``symmetry k``.
        goes_to = [
            number[tuple(move(move(grid, k), symmetry).flatten().tolist())] for k in range(8)
        ]
        table.append(torch.tensor(goes_to).argsort())
    return table


_TABLE = _table()


def tie(conv: nn.Conv2d, *, inputs: Channels, outputs: Channels) -> None:
    """Make a convolution commute with the symmetries, now and in training.

    Every orbit takes the value of its first weight; later its gradients are averaged. That keeps
    orbits equal under any optimiser that treats equal weights alike.
    """
    for name, parameter in list(conv.named_parameters()):
        sides = (outputs, inputs)[: 1 if parameter.ndim == 1 else 2]
        orbit = _orbits(parameter, sides).to(parameter.device)
        conv.register_buffer(f"{name}_orbit", orbit, persistent=False)
        parameter.register_hook(lambda gradient, name=name: _average(gradient, conv, name))
    retie(conv)


@torch.no_grad()
def retie(network: nn.Module) -> float:
    """Give every orbit the value of its first weight, after weights were put in from elsewhere.

    Returns:
        The largest part of a tied tensor's length that this changed; 0 for tied weights.
    """
    changed = 0.0
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            orbit = getattr(module, f"{name}_orbit", None)
            if orbit is None:
                continue
            tied = parameter.flatten()[orbit].view_as(parameter)
            length = float(parameter.norm().clamp_min(1e-12))
            changed = max(changed, float((tied - parameter).norm()) / length)
            parameter.copy_(tied)
    return changed


def _orbits(parameter: Tensor, sides: tuple[Channels, ...]) -> Tensor:
    """For each weight the index of the first one of its orbit, flat."""
    index = torch.arange(parameter.numel()).view(parameter.shape)
    first = index
    for symmetry in range(8):
        moved = index if index.ndim == 1 else move(index, symmetry)
        for axis, channels in enumerate(sides):
            moved = moved.index_select(axis, channels.moved(index.shape[axis], symmetry))
        first = first.minimum(moved)
    return first.flatten()


def _average(gradient: Tensor, conv: nn.Conv2d, name: str) -> Tensor:
    """The mean over each orbit."""
    orbit: Tensor = getattr(conv, f"{name}_orbit")
    flat = gradient.flatten()
    means = torch.zeros_like(flat).scatter_reduce_(0, orbit, flat, "mean", include_self=False)
    return means[orbit].view_as(gradient)
