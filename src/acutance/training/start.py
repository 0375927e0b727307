"""Weights of an earlier run or model as the start of another, larger ones included."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from acutance.errors import UserError
from acutance.models.blocks import ResidualBlock
from acutance.models.equivariance import retie
from acutance.models.generator import Generator
from acutance.training import run_folder

TIED = 1e-2
"""Part of a tensor's length by which tied weights may differ, stored in 16 bits or trained long."""


def start_from(network: nn.Module, start: str, report: Callable[[str], None]) -> None:
    """Copy the weights that fit, widen those that are too narrow, and say which do not.

    A residual block that the start lacks is an identity at first, so that a network that only grew
    deeper computes what the old one did. A photo model's input of the strength is left out where
    the network has none, which is strength 0.

    Args:
        network: with fresh weights; changed in place.
        start: run folder, model file or name of a shipped model.
        report: takes the line for the user.

    Raises:
        UserError: nothing fits, or an equivariant network would start from one that is not.
    """
    weights = run_folder.load_start(start)
    head, strength = weights.get("head.weight"), False
    if head is not None and isinstance(network, Generator) and not network.config.strength:
        strength = head.shape[1] > network.config.channels_in
        weights = {**weights, "head.weight": head[:, : network.config.channels_in]}
    fresh, wider = [], []
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            old = weights.get(name)
            if old is None or not _holds(parameter, old, rows=not name.startswith("tail.")):
                fresh.append(name)
                continue
            if parameter.shape != old.shape:
                wider.append(name)
            _widen(parameter, old)
        for name, module in network.named_modules():
            if isinstance(module, ResidualBlock) and f"{name}.conv2.weight" in fresh:
                module.conv2.weight.zero_()
    if len(fresh) == len(list(network.parameters())):
        raise UserError(f"nothing in {start} fits this network; start from a model of its size")
    if retie(network) > TIED:
        raise UserError(
            f"{start} does not commute with flips and turns: start from nothing or from a model "
            "that does, or give --set equivariant=false"
        )
    own = {name for name, _ in network.named_parameters()}
    left = dict.fromkeys(name.rpartition(".")[0] for name in weights if name not in own)
    left |= {"the input of the strength": None} if strength else {}
    report(
        f"started from {start}"
        + (f"; widened: {', '.join(wider)}" if wider else "")
        + (f"; fresh: {', '.join(fresh)}" if fresh else "")
        + (f"; left out: {', '.join(left)}" if left else "")
    )


def _holds(parameter: Tensor, old: Tensor, *, rows: bool) -> bool:
    """Whether the old weights are a corner of the new: fewer inputs, or outputs (``rows``).

    The tail's outputs are the pixels of a scale: those of another are none of its own.
    """
    new_size, size = tuple(parameter.shape), tuple(old.shape)
    return (
        len(new_size) == len(size)
        and new_size[2:] == size[2:]
        and all(n >= o for n, o in zip(new_size, size, strict=True))
        and (rows or new_size[0] == size[0])
    )


def _widen(parameter: Tensor, old: Tensor) -> None:
    """The old outputs as they were, blind to new inputs; new outputs keep their fresh weights.

    So a network that only grew wider computes what the old one did (after Chen, Goodfellow and
    Shlens, "Net2Net", ICLR 2016, without their copies of channels).
    """
    kept = parameter[: len(old)]
    kept.zero_()
    if old.ndim == 1:
        kept.copy_(old)
    else:
        kept[:, : old.shape[1]] = old


@torch.no_grad()
def renew_dead(network: nn.Module, pictures_1CHW: Sequence[Tensor]) -> tuple[int, int]:
    """Give fresh weights to the units of residual blocks that pass nothing on in any picture.

    A plain ReLU whose input is never positive gives zeros, and no gradient comes back through it:
    it is dead. The new ones give nothing on at first either, since what follows starts at zero.

    Args:
        network: with plain ReLUs, or the weights of such a one; changed in place.
        pictures_1CHW: what the network may be given, ``(1, channels, h, w)`` in [0, 1].

    Returns:
        How many units were renewed, and how many there are.
    """
    highest = highest_activations(network, pictures_1CHW)
    for block, top in highest.items():
        dead = (top <= 0).to(block.conv1.weight.device)
        fresh = nn.Conv2d(block.conv1.in_channels, block.conv1.out_channels, 3)
        for own, new in zip(block.conv1.parameters(), fresh.parameters(), strict=True):
            own[dead] = new.to(own.device)[dead]
        block.conv2.weight[:, dead] = 0
    retie(network)
    units = torch.cat([*highest.values(), torch.zeros(0)])
    return int((units <= 0).sum()), len(units)


@torch.no_grad()
def highest_activations(
    network: nn.Module, pictures_1CHW: Sequence[Tensor]
) -> dict[ResidualBlock, Tensor]:
    """The most that each unit of a residual block is given in any of the pictures.

    Every ReLU is a plain one meanwhile. In the order of the network; ``(channels,)`` on the CPU.
    """
    blocks = [module for module in network.modules() if isinstance(module, ResidualBlock)]
    highest = {block: torch.full((block.conv1.out_channels,), -torch.inf) for block in blocks}

    def look(block: ResidualBlock) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(_conv: nn.Module, _inputs: Any, output: Tensor) -> None:
            highest[block] = highest[block].maximum(output.amax(dim=(0, 2, 3)).float().cpu())

        return hook

    slopes = [block.slope for block in blocks]
    hooks = [block.conv1.register_forward_hook(look(block)) for block in blocks]
    try:
        for block in blocks:
            block.slope = 0.0
        for picture in pictures_1CHW:
            network(picture)
    finally:
        for block, slope, hook in zip(blocks, slopes, hooks, strict=True):
            hook.remove()
            block.slope = slope
    return highest
