"""The loss of checkerboards against the metric, and what it asks for."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from acutance.losses.checkerboard import Checkerboard
from acutance.metrics.checkerboard import checkerboard


def photo(scale: int, seed: int = 0) -> torch.Tensor:
    """``(1, 3, H, W)``: gray noise whose power falls with the frequency; four windows."""
    noise = np.random.default_rng(seed).standard_normal((24 * scale, 24 * scale))
    gray = 0.5 + 0.1 * gaussian_filter(noise, 0.6)
    return torch.from_numpy(gray).float().expand(1, 3, -1, -1)


def dots(scale: int, height: float) -> torch.Tensor:
    picture = torch.zeros(24 * scale, 24 * scale)
    picture[::scale, ::scale] = height
    return picture


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_the_loss_is_the_metric_where_every_window_has_dots(scale: int) -> None:
    clean = photo(scale)
    dotted = clean + dots(scale, 0.1)
    loss = float(Checkerboard(scale)(dotted, clean))
    levels = [255 * x[0, 0].double().numpy() for x in (dotted, clean)]
    # They differ by what they add to the power, which is small beside it.
    assert loss == pytest.approx(checkerboard(*levels, scale), rel=0.1)
    assert loss > 1


def test_its_gradient_takes_the_dots_away() -> None:
    scale, clean = 4, photo(4)
    sr = (clean + dots(scale, 0.05)).requires_grad_()
    loss = Checkerboard(scale)(sr, clean)
    loss.backward()
    assert sr.grad is not None
    at_dots = sr.grad[..., ::scale, ::scale].mean()
    assert at_dots > 0
    assert at_dots > 5 * sr.grad.mean().abs()


def test_too_small_pictures_have_none() -> None:
    small = torch.rand(1, 3, 31, 80)
    assert Checkerboard(4)(small, small).item() == 0
