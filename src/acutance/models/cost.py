"""What a network costs: parameters and multiply-adds."""

import torch
from torch import Tensor, nn


def parameter_count(network: nn.Module) -> int:
    """Trainable numbers."""
    return sum(p.numel() for p in network.parameters())


def macs_per_lr_pixel(network: nn.Module, *, size: int = 32) -> float:
    """Multiply-adds of all convolutions for one LR pixel, counted on a ``size`` x ``size`` input.

    The fixed bicubic branch is not counted, as in the field's tables.
    """
    macs = 0

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        assert isinstance(module, nn.Conv2d)
        taps = module.weight.shape[1] * module.weight.shape[2] * module.weight.shape[3]
        macs += taps * output.shape[1] * output.shape[2] * output.shape[3]

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
    try:
        device = next(network.parameters()).device
        with torch.no_grad():
            network(torch.zeros(1, 3, size, size, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return macs / size**2
