"""Losses against their formulas, computed in numpy and double precision."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from skimage.metrics import structural_similarity

from acutance.image.colour import bt601_studio_luma
from acutance.image.filters import gaussian_taps, log_factors, log_kernel
from acutance.image.resize import resize
from acutance.losses.composite import CompositeLoss
from acutance.losses.correlation import Separable
from acutance.losses.hfenn import HFENN
from acutance.losses.pixel import PIXEL_LOSSES
from acutance.losses.ssim import STEP, SSIMLoss
from acutance.losses.supervision import Supervision


def pair(height: int = 40, width: int = 33) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.rand(2, 3, height, width, generator=generator),
        torch.rand(2, 3, height, width, generator=generator),
    )


def l1(sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
    return PIXEL_LOSSES["l1"](sr - hr)[0]


def mse(sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
    return PIXEL_LOSSES["mse"](sr - hr)[0]


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


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize(("count", "height", "width"), [(1, 15, 40), (3, 47, 80), (9, 33, 131)])
def test_correlation_is_the_convolution(count: int, height: int, width: int, step: int) -> None:
    """Blocks and what is left of them, few pictures and many, against conv2d in double."""
    x = torch.rand(count, height, width, generator=torch.Generator().manual_seed(0))
    columns, rows = log_factors()
    kernel = torch.from_numpy(sum(np.outer(c, r) for c, r in zip(columns, rows, strict=True)))
    expected = torch.nn.functional.conv2d(x.double()[:, None], kernel[None, None])[:, 0]
    expected = expected[:, ::step, ::step]
    correlate = Separable(columns, rows, step)
    torch.testing.assert_close(correlate(x).double(), expected, rtol=1e-4, atol=1e-6)
    turned = x.transpose(1, 2).contiguous().transpose(1, 2)  # not contiguous
    torch.testing.assert_close(correlate(turned[:, :, 1:]), correlate(x[:, :, 1:].clone()))


@pytest.mark.parametrize("step", [1, 2])
def test_transposed_is_the_adjoint(step: int) -> None:
    """``<K x, y> = <x, K' y>``."""
    generator = torch.Generator().manual_seed(0)
    window = Separable(gaussian_taps()[None], gaussian_taps()[None], step)
    x = torch.rand(2, 40, 57, generator=generator)
    y = torch.rand(window(x).shape, generator=generator)
    spread = window.transposed(y)
    inside = spread[:, :40, :57]
    assert (window(x) * y).sum().item() == pytest.approx((x * inside).sum().item())
    assert spread[:, 40:].count_nonzero() == spread[:, :, 57:].count_nonzero() == 0


def test_taps_that_are_not_symmetric_are_refused() -> None:
    with pytest.raises(ValueError, match="symmetric"):
        Separable(np.array([[1.0, 2.0]]), np.array([[1.0, 1.0]]))


def test_a_step_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="step of 3"):
        Separable(gaussian_taps()[None], gaussian_taps()[None], 3)


def test_every_second_value_of_ssim_has_the_derivative_of_all() -> None:
    """Away from the borders, of a picture with detail up to the finest."""
    generator = torch.Generator().manual_seed(3)
    hr = torch.rand(1, 3, 96, 96, generator=generator)
    hr = 0.5 * hr + 0.5 * torch.nn.functional.avg_pool2d(hr, 9, 1, 4)
    sr = hr.lerp(torch.nn.functional.avg_pool2d(hr, 5, 1, 2), 0.7).requires_grad_()
    SSIMLoss()(sr, hr).sum().backward()
    exact = sr.detach().double().requires_grad_()
    one_minus_ssim(luma(exact), luma(hr.double())).sum().backward()
    inner = slice(16, -16)
    few, all_of_them = (x.grad.double()[..., inner, inner].flatten() for x in (sr, exact))
    assert torch.cosine_similarity(few, all_of_them, dim=0).item() > 0.9999
    assert (few.norm() / all_of_them.norm()).item() == pytest.approx(1, abs=0.02)


def luma(rgb: torch.Tensor) -> torch.Tensor:
    """``(N, 1, H, W)`` in double, without the offset."""
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64)[:, None, None] / 255
    return (rgb * weights).sum(dim=1, keepdim=True)


def one_minus_ssim(a: torch.Tensor, b: torch.Tensor, step: int = 1) -> torch.Tensor:
    """Of each patch, by convolutions."""
    taps = torch.from_numpy(gaussian_taps())
    window = torch.outer(taps, taps)[None, None]
    a, b = a + 16 / 255, b + 16 / 255
    ma, mb, aa, bb, ab = (
        torch.nn.functional.conv2d(x, window, stride=step) for x in (a, b, a * a, b * b, a * b)
    )
    c1, c2 = 1e-4, 9e-4
    ssim = (2 * ma * mb + c1) * (2 * (ab - ma * mb) + c2)
    ssim = ssim / ((ma**2 + mb**2 + c1) * (aa - ma**2 + bb - mb**2 + c2))
    return 1 - ssim.mean(dim=(1, 2, 3))


def by_autograd(sr: torch.Tensor, hr: torch.Tensor, of_luma: bool) -> torch.Tensor:
    """``0.01 log(MSE + 0.001 HFENN + 1e-5) + 0.03 (1 - SSIM)`` by convolutions, in double."""
    a, b = luma(sr), luma(hr)
    error = a - b if of_luma else sr - hr
    edges = torch.nn.functional.conv2d(a - b, torch.from_numpy(log_kernel())[None, None])
    hfenn = edges.square().mean(dim=(1, 2, 3)) / 1e-4
    total = error.square().mean(dim=(1, 2, 3)) + 1e-3 * hfenn
    return (0.01 * torch.log(total + 1e-5) + 0.03 * one_minus_ssim(a, b, STEP)).mean()


@pytest.mark.parametrize("of_luma", [False, True])
@pytest.mark.parametrize("at_once", [1, 1 << 17])
def test_derivatives_are_those_of_autograd(
    monkeypatch: pytest.MonkeyPatch, of_luma: bool, at_once: int
) -> None:
    """To 1e-5, one patch at a time and all together."""
    monkeypatch.setattr("acutance.losses.derivative.PIXELS", at_once)
    generator = torch.Generator().manual_seed(1)
    hr = torch.rand(3, 3, 52, 45, generator=generator)
    sr = (hr + 0.05 * torch.randn(hr.shape, generator=generator)).requires_grad_()
    settings = {"content": "mse", "alpha": 1e-3, "beta": 0.03, "log": True, "luma": of_luma}
    loss = CompositeLoss()(sr, hr, **settings)
    loss.backward()
    exact = sr.detach().double().requires_grad_()
    expected = by_autograd(exact, hr.double(), of_luma)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert sr.grad is not None
    assert exact.grad is not None
    difference = (sr.grad.double() - exact.grad).norm() / exact.grad.norm()
    assert difference.item() < 1e-5


def test_each_loss_alone_has_its_derivative() -> None:
    """In a direction, against a difference."""
    sr, hr = pair()
    direction = torch.rand(sr.shape, generator=torch.Generator().manual_seed(2)) - 0.5
    for criterion in (HFENN(), SSIMLoss()):
        at = sr.clone().requires_grad_()
        criterion(at, hr).sum().backward()
        assert at.grad is not None
        ends = [criterion(sr + sign * 1e-2 * direction, hr).sum() for sign in (1, -1)]
        slope = (ends[0] - ends[1]).item() / 2e-2
        assert (at.grad * direction).sum().item() == pytest.approx(slope, rel=1e-2)


def test_a_loss_can_be_measured_first_and_trained_with_then() -> None:
    sr, hr = pair()
    criterion, settings = CompositeLoss(), {"content": "mse", "alpha": 1e-3, "beta": 0.03}
    with torch.inference_mode():
        measured = criterion(sr, hr, **settings).item()
    sr.requires_grad_()
    loss = criterion(sr, hr, **settings)
    assert loss.item() == pytest.approx(measured)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="once"):
        loss.backward()


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
        _, values = structural_similarity(
            first,
            second,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        expected = values[5:-5:STEP, 5:-5:STEP].mean()
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
    found, _ = PIXEL_LOSSES["charbonnier"](sr - hr)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    same = sr.clone().requires_grad_()
    CompositeLoss()(same, sr, content="charbonnier").backward()
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
