"""Losses against their formulas, computed in numpy and double precision."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from skimage.metrics import structural_similarity

from acutance.image.colour import bt601_studio_luma
from acutance.image.filters import log_kernel
from acutance.image.resize import resize
from acutance.losses.composite import CompositeLoss
from acutance.losses.correlation import Correlation
from acutance.losses.hfenn import HFENN
from acutance.losses.pixel import charbonnier, l1, mse
from acutance.losses.ssim import SSIMLoss
from acutance.losses.supervision import Supervision


def pair(height: int = 40, width: int = 33) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.rand(2, 3, height, width, generator=generator),
        torch.rand(2, 3, height, width, generator=generator),
    )


def test_pixel_losses() -> None:
    sr, hr = pair()
    assert l1(sr, hr).mean().item() == pytest.approx(float(np.abs((sr - hr).numpy()).mean()))
    assert mse(sr, hr).mean().item() == pytest.approx(float(((sr - hr).numpy() ** 2).mean()))


def test_hfenn_is_its_formula() -> None:
    sr, hr = pair()
    values = []
    for image in (sr - hr).double().permute(0, 2, 3, 1).numpy():
        error = bt601_studio_luma(image) - 16 / 255  # the offset cancels in a difference
        values.append(correlate(error, log_kernel())[7:-7, 7:-7] ** 2 / 1e-4)
    expected = [float(value.mean()) for value in values]
    assert HFENN()(sr, hr).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("width", [15, 40, 47, 80, 131])
def test_correlation_and_its_gradient_are_the_convolutions(width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    taps = torch.rand(15, generator=generator)  # not symmetric, so that a reversal shows
    x = torch.rand(3, 4, width, generator=generator, requires_grad=True)
    expected = torch.nn.functional.conv1d(x.flatten(0, 1)[:, None], taps[None, None])
    weights = torch.rand(expected.shape, generator=generator)
    (gradient,) = torch.autograd.grad((expected * weights).sum(), x)
    actual = Correlation(taps.double().numpy())(x)
    torch.testing.assert_close(actual, expected.reshape(actual.shape))
    (actual * weights.reshape(actual.shape)).sum().backward()
    torch.testing.assert_close(x.grad, gradient)


def test_hfenn_sees_edges_and_not_brightness() -> None:
    flat = torch.full((1, 3, 32, 32), 0.5)
    edge = flat.clone()
    edge[..., 16:] += 0.1
    assert HFENN()(flat + 0.1, flat).item() == pytest.approx(0, abs=1e-6)
    assert HFENN()(edge, flat).item() > 0.1


def test_ssim_loss_is_one_minus_the_metric() -> None:
    sr, hr = pair()
    for patch, value in enumerate(SSIMLoss()(sr, hr)):
        first, second = (
            bt601_studio_luma(x[patch].permute(1, 2, 0).double().numpy()) for x in (sr, hr)
        )
        expected = structural_similarity(
            first,
            second,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert 1 - value.item() == pytest.approx(expected, abs=1e-5)


def test_composite_is_its_formula() -> None:
    sr, hr = pair()
    criterion = CompositeLoss()
    assert criterion(sr, hr, content="l1") == l1(sr, hr).mean()
    sums = mse(sr, hr) + 0.25 * HFENN()(sr, hr)
    plain = criterion(sr, hr, content="mse", alpha=0.25)
    assert plain.item() == pytest.approx(sums.mean().item())
    log = criterion(sr, hr, content="mse", alpha=0.25, log=True)
    assert log.item() == pytest.approx(0.01 * np.log(sums.numpy() + 1e-5).mean(), rel=1e-5)
    both = criterion(sr, hr, content="mse", alpha=0.25, beta=0.5)
    expected = sums.mean() + 0.5 * SSIMLoss()(sr, hr).mean()
    assert both.item() == pytest.approx(expected.item())


def test_logarithm_weighs_every_patch_alike() -> None:
    """The gradient of a patch no longer grows with its error."""
    hr = torch.zeros(2, 3, 16, 16)
    sr = hr.clone()
    sr[0] += 0.1
    sr[1] += 0.2
    sr.requires_grad_()
    CompositeLoss()(sr, hr, content="mse", log=True).backward()
    assert sr.grad is not None
    steps = (sr.grad * sr.detach()).sum(dim=(1, 2, 3))
    assert steps[0].item() == pytest.approx(steps[1].item(), rel=1e-2)


def test_losses_have_gradients() -> None:
    sr, hr = pair()
    sr.requires_grad_()
    CompositeLoss()(sr, hr, content="mse", alpha=1e-3, beta=0.02, log=True).backward()
    assert sr.grad is not None
    assert torch.isfinite(sr.grad).all()
    assert (sr.grad != 0).any()


def test_patches_too_small_for_the_filter_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 15"):
        HFENN()(torch.zeros(1, 3, 14, 20), torch.zeros(1, 3, 14, 20))


def test_charbonnier_is_its_formula() -> None:
    sr, hr = pair()
    expected = np.sqrt((sr - hr).double().numpy() ** 2 + 1e-6).mean(axis=(1, 2, 3))
    assert charbonnier(sr, hr).tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    same = sr.clone().requires_grad_()
    charbonnier(same, sr).sum().backward()
    assert same.grad is not None
    assert torch.equal(same.grad, torch.zeros_like(sr))  # no corner where they agree


def test_luma_alone_ignores_colour() -> None:
    sr, hr = pair()
    criterion = CompositeLoss()
    errors = [
        bt601_studio_luma((x - y).double().permute(1, 2, 0).numpy()) - 16 / 255
        for x, y in zip(sr, hr, strict=True)
    ]
    found = criterion(sr, hr, content="mse", luma=True).item()
    assert found == pytest.approx(float(np.square(errors).mean()), rel=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert criterion(sr, hr, content="mse", luma=True).item() == pytest.approx(found)


def test_intermediate_outputs_share_the_loss() -> None:
    """The result against the photo, the smaller output against imresize's reduction of it."""
    sr, hr = pair(40, 32)
    small, same = torch.rand(2, 3, 20, 16), torch.rand(2, 3, 40, 32)
    reduced = [resize(x.permute(1, 2, 0).double().numpy(), 20, 16) for x in hr]
    error = np.stack(reduced) - small.permute(0, 2, 3, 1).double().numpy()
    each = [float(np.square(error).mean()), mse(same, hr).mean().item()]
    criterion = Supervision(CompositeLoss())
    found = criterion([sr, small, same], hr, content="mse", supervision=0.6).item()
    assert found == pytest.approx(0.4 * mse(sr, hr).mean().item() + 0.3 * sum(each), rel=1e-5)
    plain = mse(sr, hr).mean()
    assert criterion([sr, small], hr, content="mse") == plain
    assert criterion([sr], hr, content="mse", supervision=0.6) == plain
