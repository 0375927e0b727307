"""Losses against their formulas, computed in numpy and double precision."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from acutance.image.colour import bt601_studio_luma
from acutance.image.filters import log_kernel
from acutance.losses.composite import CompositeLoss
from acutance.losses.hfenn import HFENN
from acutance.losses.pixel import l1, mse


def pair(height: int = 40, width: int = 33) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.rand(2, 3, height, width, generator=generator),
        torch.rand(2, 3, height, width, generator=generator),
    )


def test_pixel_losses() -> None:
    sr, hr = pair()
    assert l1(sr, hr).item() == pytest.approx(float(np.abs((sr - hr).numpy()).mean()))
    assert mse(sr, hr).item() == pytest.approx(float(((sr - hr).numpy() ** 2).mean()))


def test_hfenn_is_its_formula() -> None:
    sr, hr = pair()
    values = []
    for image in (sr - hr).double().permute(0, 2, 3, 1).numpy():
        error = bt601_studio_luma(image) - 16 / 255  # the offset cancels in a difference
        values.append(correlate(error, log_kernel())[7:-7, 7:-7] ** 2 / 1e-4)
    assert HFENN()(sr, hr).item() == pytest.approx(float(np.mean(values)), rel=1e-5)


def test_hfenn_sees_edges_and_not_brightness() -> None:
    flat = torch.full((1, 3, 32, 32), 0.5)
    edge = flat.clone()
    edge[..., 16:] += 0.1
    assert HFENN()(flat + 0.1, flat).item() == pytest.approx(0, abs=1e-6)
    assert HFENN()(edge, flat).item() > 0.1


def test_composite_adds_alpha_times_hfenn() -> None:
    sr, hr = pair()
    criterion = CompositeLoss()
    assert criterion(sr, hr, "l1", 0.0) == l1(sr, hr)
    expected = mse(sr, hr) + 0.25 * HFENN()(sr, hr)
    assert criterion(sr, hr, "mse", 0.25).item() == pytest.approx(expected.item())


def test_losses_have_gradients() -> None:
    sr, hr = pair()
    sr.requires_grad_()
    CompositeLoss()(sr, hr, "mse", 1e-3).backward()
    assert sr.grad is not None
    assert torch.isfinite(sr.grad).all()
    assert (sr.grad != 0).any()


def test_patches_too_small_for_the_filter_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 15"):
        HFENN()(torch.zeros(1, 3, 14, 20), torch.zeros(1, 3, 14, 20))
