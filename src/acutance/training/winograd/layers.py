"""Layers that compute by Winograd's algorithm what PyTorch's compute directly.

U is a filter transformed, ``G g G'``: ``(36, inputs, outputs)``, as ``convolution.cpp`` explains.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from acutance.models.blocks import ResidualBlock
from acutance.training.winograd.extension import extension

LANES = 16
"""Channels come in multiples of this: floats in a register."""

_G = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
_GG = torch.kron(_G, _G)
"""``G g G'`` as one product: ``(36, 9)``."""


def accelerate(network: nn.Module) -> None:
    """Make a network compute its 3x3 convolutions by Winograd's algorithm from now on.

    Those with strides, or channels that are no multiples of 16, stay as they are. The network takes
    fp32 on the CPU; its results differ by rounding. What is trained is the same parameters.

    Raises UserError where the extension cannot be built.
    """
    extension()
    for module in network.modules():
        if type(module) is nn.Conv2d and _fits(module):
            module.__class__ = FastConv2d
        elif type(module) is ResidualBlock and not module.slope and _fits(module.conv1):
            module.__class__ = FastResidualBlock


def _fits(conv: nn.Conv2d) -> bool:
    plain = (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == (
        (3, 3),
        (1, 1),
        (1, 1),
        (1, 1),
    )
    channels = (conv.in_channels, conv.out_channels)
    return (
        plain
        and conv.groups == 1
        and conv.padding_mode == "zeros"
        and not any(count % LANES for count in channels)
    )


class FastConv2d(nn.Conv2d):
    """``nn.Conv2d`` of 3x3, stride 1, padded with zeros."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        y_NCHW: Tensor = _Convolution.apply(x_NCHW, self.weight, self.bias)
        return y_NCHW


class FastResidualBlock(ResidualBlock):
    """``ResidualBlock`` with plain ReLUs; what follows a convolution is done on its way out."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        first, second = self.conv1, self.conv2
        y_NCHW: Tensor = _Block.apply(x_NCHW, first.weight, first.bias, second.weight, second.bias)
        return y_NCHW


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_NCHW: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x_NCHW = _channels_last(x_NCHW)
        ctx.save_for_backward(x_NCHW, weight)
        return _convolve(x_NCHW, _to_U(weight), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_NCHW: Tensor) -> tuple[Tensor | None, ...]:
        x_NCHW, weight = ctx.saved_tensors
        wants_input, wants_weight, wants_bias = ctx.needs_input_grad
        dy_NCHW = _channels_last(dy_NCHW)
        dx_NCHW = _convolve(dy_NCHW, _to_turned_U(weight)) if wants_input else None
        if not wants_weight and not wants_bias:
            return dx_NCHW, None, None
        dweight, dbias = _gradients(x_NCHW, dy_NCHW)
        return dx_NCHW, dweight, dbias if wants_bias else None


class _Block(torch.autograd.Function):
    """``x + conv2(ReLU(conv1(x)))``."""

    @staticmethod
    def forward(
        ctx: Any, x_NCHW: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor
    ) -> Tensor:
        x_NCHW = _channels_last(x_NCHW)
        inner_NCHW = _convolve(x_NCHW, _to_U(weight1), bias1, relu=True)
        ctx.save_for_backward(x_NCHW, inner_NCHW, weight1, weight2)
        return _convolve(inner_NCHW, _to_U(weight2), bias2, add_NCHW=x_NCHW)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_NCHW: Tensor) -> tuple[Tensor | None, ...]:
        x_NCHW, inner_NCHW, weight1, weight2 = ctx.saved_tensors
        dy_NCHW = _channels_last(dy_NCHW)
        dinner_NCHW = _convolve(dy_NCHW, _to_turned_U(weight2), where_NCHW=inner_NCHW)
        dx_NCHW = None
        if ctx.needs_input_grad[0]:
            dx_NCHW = _convolve(dinner_NCHW, _to_turned_U(weight1), add_NCHW=dy_NCHW)
        if not any(ctx.needs_input_grad[1:]):
            return dx_NCHW, None, None, None, None
        return (
            dx_NCHW,
            *_gradients(x_NCHW, dinner_NCHW),
            *_gradients(inner_NCHW, dy_NCHW),
        )


def _convolve(
    x_NCHW: Tensor,
    U: Tensor,
    bias: Tensor | None = None,
    *,
    relu: bool = False,
    where_NCHW: Tensor | None = None,
    add_NCHW: Tensor | None = None,
) -> Tensor:
    """Convolution, then ``+ bias``, ReLU, zero unless ``where > 0``, ``+ add``."""
    y_NCHW: Tensor = extension().convolve(x_NCHW, U, bias, relu, where_NCHW, add_NCHW)
    return y_NCHW


def _gradients(x_NCHW: Tensor, dy_NCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of weight and bias."""
    dU, dbias = extension().gradients(x_NCHW, dy_NCHW)
    _, inputs, outputs = dU.shape
    dweight = (_GG.T @ dU.view(36, -1)).view(3, 3, inputs, outputs)
    return dweight.permute(3, 2, 0, 1).contiguous(), dbias


def _to_U(weight: Tensor) -> Tensor:
    """``(outputs, inputs, 3, 3)`` to ``(36, inputs, outputs)``."""
    outputs, inputs = weight.shape[:2]
    return (_GG @ weight.permute(2, 3, 1, 0).reshape(9, -1)).view(36, inputs, outputs)


def _to_turned_U(weight: Tensor) -> Tensor:
    """U of the convolution that takes gradients back: turned by 180 degrees, sides exchanged."""
    return _to_U(weight.flip(2, 3).transpose(0, 1))


def _channels_last(x_NCHW: Tensor) -> Tensor:
    return x_NCHW.contiguous(memory_format=torch.channels_last)
