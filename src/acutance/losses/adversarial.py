"""The game of the GAN stage, from logits: ``D = sigmoid(logit)``, and ``-ln D`` is a softplus.

Sources: Goodfellow et al., "Generative adversarial nets", NeurIPS 2014 (the non-saturating loss
``-ln D(G(x))``, as in Korobchenko and Foco, 2017); Mescheder, Geiger and Nowozin, "Which training
methods for GANs do actually converge?", ICML 2018 (R1); Wang et al., "High-resolution image
synthesis and semantic manipulation with conditional GANs", CVPR 2018 (feature matching); Liang,
Zeng and Zhang, "Details or artifacts: a locally discriminative learning approach", CVPR 2022 (LDL).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

LDL_WINDOW = 7
"""Pixels on a side of the window of LDL's local variance."""


def generator_loss(fake_logits: Tensor) -> Tensor:
    """``mean -ln D(G(x))``, a scalar; never overflows, since it is computed from logits."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """``mean of -ln D(y) and -ln(1 - D(G(x)))``, a scalar; ln 2 where D cannot tell."""
    return (F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()) / 2


def gradient_penalty(real_logits: Tensor, real_NCHW: Tensor) -> Tensor:
    """R1: ``mean over pictures of ||d logit / d y||^2``; the logit is the mean over its places.

    Args:
        real_logits: ``(N, 1, h, w)``, computed from ``real_NCHW``.
        real_NCHW: what the discriminator saw; requires a gradient.
    """
    total = real_logits.float().mean((1, 2, 3)).sum()
    (gradient,) = torch.autograd.grad(total, real_NCHW, create_graph=True)
    return gradient.float().square().sum((1, 2, 3)).mean()


def feature_matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of the discriminator's features, the mean over its layers."""
    each = [(f.float() - r.float()).abs().mean() for f, r in zip(fake, real, strict=True)]
    return torch.stack(each).mean()


@torch.no_grad()
def artefact_weight(sr_NCHW: Tensor, hr_NCHW: Tensor, steady_NCHW: Tensor) -> Tensor:
    """LDL's weight of each pixel: high where the output is restless and wrong.

    ``M = var(R)^(1/5) * local var(R)`` of ``R = sum over colours of |y - G(x)|``, the first over
    the picture, the second in a 7x7 window; 0 where the averaged generator is the worse of both.

    Args:
        sr_NCHW: output of the generator, ``(N, 3, H, W)`` in [0, 1].
        hr_NCHW: the photo.
        steady_NCHW: output of the averaged generator.

    Returns:
        ``(N, 1, H, W)``.
    """
    residual = (hr_NCHW - sr_NCHW).abs().sum(1, keepdim=True)
    steady = (hr_NCHW - steady_NCHW).abs().sum(1, keepdim=True)
    whole = residual.var((2, 3), keepdim=True) ** 0.2
    padded = F.pad(residual, [LDL_WINDOW // 2] * 4, mode="reflect")
    mean, square = (F.avg_pool2d(x, LDL_WINDOW, 1) for x in (padded, padded.square()))
    samples = LDL_WINDOW**2
    local = (square - mean.square()).clamp(min=0) * samples / (samples - 1)
    return whole * local * (residual >= steady)


def artefact_loss(sr_NCHW: Tensor, hr_NCHW: Tensor, steady_NCHW: Tensor) -> Tensor:
    """``mean of M |y - G(x)|`` with LDL's weight M, a scalar."""
    weight = artefact_weight(sr_NCHW, hr_NCHW, steady_NCHW)
    return (weight * (hr_NCHW - sr_NCHW).abs()).mean()
