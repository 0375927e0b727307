"""Losses with their derivative written out: value and gradient together, a few patches at a time.

Autograd would keep some forty maps as large as the patches and read each again from memory. Here
the gradient is computed with the value, while a patch's maps are still in the cache; the backward
pass is one multiplication in place, and can be done once.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ValueAndGradient = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""``sr, hr (n, 3, H, W)``, fp32, to each patch's value ``(n,)`` and its derivative by ``sr``."""

PIXELS = 1 << 18
"""How many at a time on a CPU, so that the maps stay in its cache; a GPU takes all."""


def differentiated(function: ValueAndGradient, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
    """``(N,)`` values whose backward pass is the function's own gradient; whatever autocast says.

    Args:
        function: each patch's value must depend on that patch alone.
        sr_NCHW: ``(N, 3, H, W)``; gets the gradient.
        hr_NCHW: the same shape; gets none.
    """
    result: Tensor = _Differentiated.apply(sr_NCHW, hr_NCHW, function)
    return result


class _Differentiated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, sr_NCHW: Tensor, hr_NCHW: Tensor, function: ValueAndGradient) -> Tensor:
        values = []
        gradient_NCHW = torch.empty_like(sr_NCHW, memory_format=torch.contiguous_format)
        at_once = _at_once(sr_NCHW)
        with torch.autocast(sr_NCHW.device.type, enabled=False):
            for start in range(0, len(sr_NCHW), at_once):
                part = slice(start, start + at_once)
                sr, hr = (x[part].float().contiguous() for x in (sr_NCHW, hr_NCHW))
                value, gradient_NCHW[part] = function(sr, hr)
                values.append(value)
        ctx.gradient_NCHW = gradient_NCHW
        return torch.cat(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        gradient_NCHW, ctx.gradient_NCHW = ctx.gradient_NCHW, None
        if gradient_NCHW is None:
            raise RuntimeError("the loss was taken backward once already")
        return gradient_NCHW.mul_(upstream[:, None, None, None]), None, None


def _at_once(x_NCHW: Tensor) -> int:
    """Patches a time."""
    if x_NCHW.device.type != "cpu":
        return len(x_NCHW)
    return max(1, PIXELS // (x_NCHW.shape[2] * x_NCHW.shape[3]))
