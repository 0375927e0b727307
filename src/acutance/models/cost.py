"""What a network costs: parameters and multiply-adds."""

import torch
from torch import Tensor, nn


def parameter_count(network: nn.Module) -> int:
    """Trainable numbers."""
    return sum(p.numel() for p in network.parameters())


def channels_in(network: nn.Module) -> int:
    """Planes of the input: RGB, and what else a network's configuration asks for."""
    return int(getattr(getattr(network, "config", None), "channels_in", 3))


def macs_per_lr_pixel(network: nn.Module, *, size: int = 32) -> float:
    """Multiply-adds of all convolutions for one LR pixel, counted on a ``size`` x ``size`` input.

    The fixed bicubic branch is not counted, as in the field's tables.
    """
    macs = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        # Each weight meets every pixel of the output, or of the input where it is transposed.
        plane = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        macs += module.weight.numel() * plane.shape[2] * plane.shape[3]

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, kinds)]
    try:
        device = next(network.parameters()).device
        with torch.no_grad():
            network(torch.zeros(1, channels_in(network), size, size, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return macs / size**2
