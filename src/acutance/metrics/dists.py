"""DISTS: structure and texture compared in VGG16's features, and in the pixels themselves.

Source: Ding, Ma, Wang and Simoncelli, "Image quality assessment: unifying structure and texture
similarity", IEEE TPAMI 2020. Alpha and beta are those that torchmetrics ships.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from acutance.metrics.backbone import read_backbone, torchmetrics_file

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""VGG16's convolutions; an L2 pooling lies between two stages."""

_C = 1e-6


def l2_pool(x: Tensor) -> Tensor:
    """``sqrt(hann * x^2)``, 3x3, stride 2, instead of the max pool: no aliasing."""
    taps = torch.from_numpy(np.hanning(5)[1:-1]).to(x)
    window = taps[:, None] * taps[None, :]
    window = (window / window.sum()).expand(x.shape[1], 1, 3, 3)
    return (F.conv2d(x**2, window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


def vgg_features(rgb_NCHW: Tensor, backbone: dict[str, Tensor]) -> list[Tensor]:
    """The picture, then the last ReLU of each stage; RGB in [0, 1]."""
    mean, std = (rgb_NCHW.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    x = (rgb_NCHW - mean) / std
    found = [rgb_NCHW]
    for number, stage in enumerate(STAGES):
        if number:
            x = l2_pool(x)
        for layer in stage:
            weight, bias = backbone[f"features.{layer}.weight"], backbone[f"features.{layer}.bias"]
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
        found.append(x)
    return found


def dists(
    first_NCHW: Tensor,
    second_NCHW: Tensor,
    *,
    backbone: dict[str, Tensor],
    alpha: Tensor,
    beta: Tensor,
) -> Tensor:
    """``1 - sum over features of (alpha l + beta s)``; 0 is equal.

    ``l = (2 mu_x mu_y + c) / (mu_x^2 + mu_y^2 + c)`` and
    ``s = (2 cov + c) / (var_x + var_y + c)`` over the whole of each feature map, c = 1e-6; alpha
    and beta are divided by the sum of both.

    Args:
        first_NCHW: RGB in [0, 1].
        second_NCHW: the same shape.
        backbone: VGG16's convolutions.
        alpha: ``(1, C, 1, 1)``, C the channels of all six features.
        beta: the same shape.

    Returns:
        ``(N,)``.
    """
    firsts, seconds = vgg_features(first_NCHW, backbone), vgg_features(second_NCHW, backbone)
    channels = [f.shape[1] for f in firsts]
    total = alpha.sum() + beta.sum()
    alphas, betas = (torch.split(w.flatten() / total, channels) for w in (alpha, beta))
    similarity = first_NCHW.new_zeros(len(first_NCHW))
    for x, y, a, b in zip(firsts, seconds, alphas, betas, strict=True):
        mu_x, mu_y = x.mean((2, 3)), y.mean((2, 3))
        var_x, var_y = x.var((2, 3), correction=0), y.var((2, 3), correction=0)
        cov = (x * y).mean((2, 3)) - mu_x * mu_y
        luminance = (2 * mu_x * mu_y + _C) / (mu_x**2 + mu_y**2 + _C)
        structure = (2 * cov + _C) / (var_x + var_y + _C)
        similarity = similarity + (a * luminance + b * structure).sum(1)
    return 1 - similarity


def load_dists(folder: Path | None) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Backbone, alpha and beta; raises MissingError where one is not there."""
    backbone = read_backbone(folder, "vgg16", tuple(i for stage in STAGES for i in stage))
    weights = torchmetrics_file("dists_models/weights.pt")
    return backbone, weights["alpha"].detach(), weights["beta"].detach()
