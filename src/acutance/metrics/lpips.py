"""LPIPS v0.1 with AlexNet: the distance of two pictures in a network's features.

Source: Zhang, Isola, Efros, Shechtman and Wang, "The unreasonable effectiveness of deep features as
a perceptual metric", CVPR 2018; the reference code is PyPI ``lpips``.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from acutance.metrics.backbone import read_backbone, torchmetrics_file

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
LAYERS = ((0, 4, 2, False), (3, 1, 2, True), (6, 1, 1, True), (8, 1, 1, False), (10, 1, 1, False))
"""AlexNet's convolutions: number, stride, padding, and whether a 3x3 max pool comes before."""


def alexnet_features(rgb_NCHW: Tensor, backbone: dict[str, Tensor]) -> list[Tensor]:
    """After each of the five ReLUs; the input is RGB in [0, 1]."""
    shift, scale = (rgb_NCHW.new_tensor(v).view(1, 3, 1, 1) for v in (SHIFT, SCALE))
    x = (2 * rgb_NCHW - 1 - shift) / scale
    found = []
    for number, stride, padding, pool in LAYERS:
        if pool:
            x = F.max_pool2d(x, 3, 2)
        weight, bias = backbone[f"features.{number}.weight"], backbone[f"features.{number}.bias"]
        x = F.relu(F.conv2d(x, weight, bias, stride=stride, padding=padding))
        found.append(x)
    return found


def lpips(
    first_NCHW: Tensor,
    second_NCHW: Tensor,
    *,
    backbone: dict[str, Tensor],
    heads: Sequence[Tensor],
) -> Tensor:
    """``sum over layers of mean over pixels of sum over c of w_c (f_c - g_c)^2``; 0 is equal.

    ``f`` and ``g`` are the features divided by their length over the channels.

    Args:
        first_NCHW: RGB in [0, 1], at least 35 pixels a side.
        second_NCHW: the same shape.
        backbone: AlexNet's convolutions.
        heads: five ``(1, C, 1, 1)``, the weights ``w``.

    Returns:
        ``(N,)``.
    """
    total = first_NCHW.new_zeros(len(first_NCHW))
    pairs = zip(
        alexnet_features(first_NCHW, backbone), alexnet_features(second_NCHW, backbone), strict=True
    )
    for (f, g), head in zip(pairs, heads, strict=True):
        f, g = (x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-10) for x in (f, g))
        total = total + ((f - g) ** 2 * head).sum(1).mean((1, 2))
    return total


def load_lpips(folder: Path | None) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Backbone and heads; raises MissingError where either is not there."""
    backbone = read_backbone(folder, "alexnet", tuple(layer[0] for layer in LAYERS))
    weights = torchmetrics_file("lpips_models/alex.pth")
    return backbone, [weights[f"lin{i}.model.1.weight"] for i in range(len(LAYERS))]
