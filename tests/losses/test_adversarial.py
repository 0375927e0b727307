"""Losses of the GAN stage against their formulas, and against the metrics that they approach."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from acutance.image.resize import resize
from acutance.losses.adversarial import (
    artefact_loss,
    artefact_weight,
    discriminator_loss,
    feature_matching,
    generator_loss,
    gradient_penalty,
)
from acutance.losses.consistency import EDGE, Consistency
from acutance.losses.perceptual import PerceptualLoss
from acutance.metrics.lpips import LAYERS, alexnet_features, lpips


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def sigmoid(x: Tensor) -> np.ndarray:
    return 1 / (1 + np.exp(-x.double().numpy()))


def test_generator_loss_is_minus_ln_d() -> None:
    logits = 6 * random(2, 1, 5, 5) - 3
    expected = float(-np.log(sigmoid(logits)).mean())
    assert generator_loss(logits).item() == pytest.approx(expected, rel=1e-5)


def test_discriminator_loss_is_the_cross_entropy_of_both() -> None:
    real, fake = 4 * random(2, 1, 3, 3) - 2, 4 * random(2, 1, 3, 3, seed=1) - 2
    expected = -(np.log(sigmoid(real)).mean() + np.log(1 - sigmoid(fake)).mean()) / 2
    assert discriminator_loss(real, fake).item() == pytest.approx(float(expected), rel=1e-5)
    undecided = discriminator_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    assert undecided.item() == pytest.approx(np.log(2))


def test_extreme_logits_are_finite_and_still_teach() -> None:
    logits = torch.tensor([-300.0, 300.0], requires_grad=True)
    loss = generator_loss(logits)
    loss.backward()
    assert loss.item() == pytest.approx(150.0)
    assert logits.grad is not None
    assert logits.grad[0].item() == pytest.approx(-0.5)  # a saturated D still gives a gradient


def test_gradient_penalty_of_a_known_discriminator() -> None:
    weight = random(3, 4, 5) - 0.5
    seen = random(2, 3, 4, 5).requires_grad_()
    scale = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
    # The mean of two equal places is the place itself: d logit / d x = scale * weight.
    logits = (scale * seen * weight).sum((1, 2, 3), keepdim=True).expand(2, 1, 1, 2)
    expected = float((1 + 9) / 2 * weight.square().sum())
    assert gradient_penalty(logits, seen).item() == pytest.approx(expected, rel=1e-5)


def test_gradient_penalty_reaches_the_discriminator() -> None:
    weight = torch.ones(3, requires_grad=True)
    seen = random(2, 3, 2, 2).requires_grad_()
    gradient_penalty((seen * weight.view(1, 3, 1, 1)).sum((1, 2, 3), True), seen).backward()
    assert weight.grad is not None
    assert torch.allclose(weight.grad, torch.full((3,), 8.0))  # d/dw of 4 w^2 a colour


def test_feature_matching_is_the_mean_over_layers() -> None:
    fake = [torch.zeros(1, 2, 2, 2), torch.zeros(1, 8, 1, 1)]
    real = [torch.full((1, 2, 2, 2), 3.0), torch.full((1, 8, 1, 1), -1.0)]
    assert feature_matching(fake, real).item() == pytest.approx(2.0)


def test_artefact_weight_is_its_formula() -> None:
    sr, hr, steady = (random(2, 3, 12, 11, seed=s).double() for s in range(3))
    found = artefact_weight(sr, hr, steady).numpy()
    residual = np.abs((hr - sr).numpy()).sum(1)
    averaged = np.abs((hr - steady).numpy()).sum(1)
    padded = np.pad(residual, ((0, 0), (3, 3), (3, 3)), mode="reflect")
    for n in range(2):
        whole = residual[n].var(ddof=1) ** 0.2
        for i, j in ((0, 0), (5, 6), (11, 10)):
            local = padded[n, i : i + 7, j : j + 7].var(ddof=1)
            expected = whole * local if residual[n, i, j] >= averaged[n, i, j] else 0.0
            assert found[n, 0, i, j] == pytest.approx(expected, rel=1e-9)
    loss = artefact_loss(sr, hr, steady).item()
    assert loss == pytest.approx(float((found * np.abs((hr - sr).numpy())).mean()))


def test_what_is_right_already_is_no_artefact() -> None:
    hr = random(1, 3, 16, 16)
    assert artefact_loss(hr, hr, random(1, 3, 16, 16, seed=1)).item() == 0


@pytest.mark.parametrize("scale", [2, 4])
def test_consistency_is_the_packages_reduction(scale: int) -> None:
    sr, lr = random(2, 3, 9 * scale, 12 * scale), random(2, 3, 9, 12, seed=1)
    inner = (slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    each = [
        np.abs(
            resize(sr[n].permute(1, 2, 0).double().numpy(), 9, 12)
            - lr[n].permute(1, 2, 0).double().numpy()
        )[inner].mean()
        for n in range(2)
    ]
    found = Consistency(scale)(sr, lr).item()
    assert found == pytest.approx(float(np.mean(each)), rel=1e-5)


def test_consistency_does_not_see_detail_that_the_reduction_removes() -> None:
    lr = torch.full((1, 3, 8, 8), 0.5)
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    checks = 0.5 + 0.2 * ((x + y) % 2 * 2 - 1).float().expand(1, 3, 32, 32)
    assert Consistency(4)(checks, lr).item() < 1e-3
    assert Consistency(4)(checks + 0.1, lr).item() == pytest.approx(0.1, abs=1e-3)


def alexnet() -> tuple[dict[str, Tensor], list[Tensor]]:
    """AlexNet's shape with random weights, and random heads."""
    shapes = {
        0: (64, 3, 11),
        3: (192, 64, 5),
        6: (384, 192, 3),
        8: (256, 384, 3),
        10: (256, 256, 3),
    }
    backbone = {}
    for layer, *_ in LAYERS:
        out, channels, size = shapes[layer]
        fan_in = channels * size**2
        weight = random(out, channels, size, size, seed=layer) - 0.5
        backbone[f"features.{layer}.weight"] = weight * (24 / fan_in) ** 0.5
        backbone[f"features.{layer}.bias"] = random(out, seed=layer + 1) / 10
    return backbone, [random(1, shapes[n][0], 1, 1, seed=n + 2) for n, *_ in LAYERS]


def test_perceptual_loss_with_alexnet_is_lpips() -> None:
    backbone, heads = alexnet()
    sr, hr = random(2, 3, 48, 52), random(2, 3, 48, 52, seed=1)
    loss = PerceptualLoss(lambda rgb: alexnet_features(rgb, backbone), heads)(sr, hr)
    expected = lpips(sr, hr, backbone=backbone, heads=heads).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_perceptual_loss_without_heads_and_its_gradient() -> None:
    loss = PerceptualLoss(lambda x: [x, F.avg_pool2d(x, 2)])
    sr, hr = random(1, 3, 4, 4).requires_grad_(), random(1, 3, 4, 4, seed=1)
    assert loss(hr, hr).item() == 0
    value = loss(sr, hr)
    value.backward()
    assert sr.grad is not None
    assert sr.grad.abs().max() > 0
    assert loss(3 * sr.detach(), hr).item() == pytest.approx(value.item(), rel=1e-4)  # direction
    cosine = F.cosine_similarity(sr.detach(), hr, dim=1)
    pooled = F.cosine_similarity(*(F.avg_pool2d(x, 2) for x in (sr.detach(), hr)), dim=1)
    expected = 2 - 2 * cosine.mean() + 2 - 2 * pooled.mean()  # |a - b|^2 of unit vectors
    assert value.item() == pytest.approx(expected.item(), rel=1e-4)
