"""Discriminators: shapes, spectral norms, what each logit sees, and what the bands leave out."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from torch import nn

from acutance.image.filters import log_kernel
from acutance.models.discriminator import BANDS, Bands, Discriminator, DiscriminatorConfig

KINDS = ("patch", "unet")


def discriminator(kind: str, *, bands: bool = False) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(DiscriminatorConfig(kind=kind, channels=8, bands=bands))  # type: ignore[arg-type]


@pytest.mark.parametrize("bands", [False, True])
def test_a_logit_for_every_place(bands: bool) -> None:
    x = torch.rand(2, 3, 48, 64)
    logits, features = discriminator("patch", bands=bands)(x)
    assert logits.shape == (2, 1, 6, 8)
    assert [f.shape[2] for f in features] == [24, 12, 6, 6]
    logits, features = discriminator("unet", bands=bands)(x)
    assert logits.shape == (2, 1, 48, 64)
    assert [f.shape[2] for f in features] == [48, 24, 12, 6, 12, 24, 48]


@pytest.mark.parametrize("kind", KINDS)
def test_every_convolution_has_a_largest_singular_value_of_one(kind: str) -> None:
    network = discriminator(kind).train()
    for _ in range(60):  # each forward pass does one step of the power iteration
        network(torch.rand(1, 3, 16, 16))
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == {"patch": 5, "unet": 10}[kind]
    for conv in convs:
        norm = torch.linalg.matrix_norm(conv.weight.detach().flatten(1), 2)
        assert norm.item() == pytest.approx(1.0, abs=0.05)


def test_no_power_iteration_while_it_only_judges() -> None:
    network = discriminator("patch").eval()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    network(torch.rand(1, 3, 16, 16))
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_a_patch_logit_sees_54_pixels() -> None:
    x = torch.rand(1, 3, 128, 128, requires_grad=True)
    logits, _ = discriminator("patch")(x)
    logits[0, 0, 8, 8].backward()
    assert x.grad is not None
    rows = x.grad.abs().sum((0, 1, 3)).nonzero()
    assert rows.max() - rows.min() + 1 == 54


def test_bands_are_the_laplacians_of_gaussian() -> None:
    x = torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(0))
    found = Bands()(x).numpy()
    for i, (size, sigma) in enumerate(BANDS):
        kernel = log_kernel(size, sigma)
        kernel = kernel / (np.abs(kernel).sum() / 2)
        for colour in range(3):
            expected = correlate(x[0, colour].double().numpy(), kernel, mode="mirror")
            assert np.allclose(found[0, colour * len(BANDS) + i], expected, atol=1e-5)


def test_bands_know_no_colour() -> None:
    network = discriminator("patch", bands=True).eval()
    x = torch.rand(1, 3, 32, 32) * 0.5
    tinted = x + torch.tensor([0.3, 0.0, 0.1]).view(1, 3, 1, 1)
    assert torch.allclose(network(x)[0], network(tinted)[0], atol=1e-5)
    plain = discriminator("patch").eval()
    assert not torch.allclose(plain(x)[0], plain(tinted)[0], atol=1e-3)
