"""A perceptual loss: the distance of two pictures in a given network's features.

Sources: Johnson, Alahi and Fei-Fei, "Perceptual losses for real-time style transfer and
super-resolution", ECCV 2016; the form, features normalised over their channels, is that of LPIPS
(Zhang et al., CVPR 2018). Losses know no network: the features come as a function.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Features = Callable[[Tensor], list[Tensor]]


class PerceptualLoss:
    """``sum over layers of mean over places of sum over c of w_c (f_c - g_c)^2``.

    ``f`` and ``g`` are the features divided by their length over the channels.

    Args:
        features: RGB in [0, 1], ``(N, 3, H, W)``, to the features of each layer.
        heads: weights ``(1, C, 1, 1)`` of each layer; without them every channel counts 1.
    """

    def __init__(self, features: Features, heads: Sequence[Tensor] | None = None) -> None:
        self.features, self.heads = features, heads

    def __call__(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """A scalar; only ``sr_NCHW`` gets a gradient. The caller decides on autocast."""
        with torch.no_grad():
            targets = self.features(hr_NCHW)
        layers = list(zip(self.features(sr_NCHW), targets, strict=True))
        heads = self.heads if self.heads is not None else [None] * len(layers)
        total = sr_NCHW.new_zeros(())
        for (f, g), head in zip(layers, heads, strict=True):
            squared = (_unit(f) - _unit(g)).square()
            total = total + (squared if head is None else squared * head).sum(1).mean()
        return total


def _unit(x_NCHW: Tensor) -> Tensor:
    x = x_NCHW.float()
    return x / (x.square().sum(1, keepdim=True) + 1e-10).sqrt()
