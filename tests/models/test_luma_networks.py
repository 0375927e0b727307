"""VDSR, DRCN, LapSRN and SCN: the papers' structure, and what every network promises."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from acutance.errors import UserError
from acutance.image.colour import bt601_studio_luma
from acutance.image.resize import resize
from acutance.models.catalogue import NETWORKS, build, network_config
from acutance.models.cost import macs_per_lr_pixel, parameter_count
from acutance.models.describe import describe
from acutance.models.luma import LumaNetwork, replace_luma, to_luma

SMALL: dict[str, list[dict[str, Any]]] = {
    "vdsr": [{"scale": s, "depth": 7, "channels": 8} for s in (2, 3, 4, 8)],
    "drcn": [{"scale": s, "recursions": 3, "channels": 8} for s in (2, 3, 4, 8)],
    "lapsrn": [{"scale": s, "depth": 2, "channels": 8} for s in (2, 4, 8)],
    "scn": [{"scale": s, "features": 60, "atoms": 80} for s in (2, 4, 8)],
}
CASES = [(key, config) for key, configs in SMALL.items() for config in configs]


def network_of(key: str, config: dict[str, Any], *, trained: bool = True) -> LumaNetwork:
    """With ``trained``, no layer is zero any more."""
    torch.manual_seed(0)
    network = build(key, config).eval()
    assert isinstance(network, LumaNetwork)
    if trained:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.03 * torch.randn(parameter.shape))
    return network


def ycbcr(rgb: np.ndarray) -> np.ndarray:
    """MATLAB's ``rgb2ycbcr`` of ``(h, w, 3)``, from the matrix in its documentation."""
    matrix = np.array(
        [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]
    )
    return (rgb @ matrix.T + [16, 128, 128]) / 255


def test_luma_is_the_packages_own() -> None:
    rgb = np.random.default_rng(0).random((5, 4, 3))
    found = to_luma(torch.from_numpy(rgb).permute(2, 0, 1)[None])[0, 0].numpy()
    np.testing.assert_allclose(found, bt601_studio_luma(rgb), atol=1e-7)
    np.testing.assert_allclose(found, ycbcr(rgb)[..., 0], atol=1e-7)


def test_replacing_luma_keeps_chroma() -> None:
    rgb, luma = torch.rand(1, 3, 6, 5), torch.rand(1, 1, 6, 5)
    before = ycbcr(rgb[0].permute(1, 2, 0).double().numpy())
    after = ycbcr(replace_luma(rgb, luma)[0].permute(1, 2, 0).double().numpy())
    np.testing.assert_allclose(after[..., 0], luma[0, 0].numpy(), atol=1e-6)
    np.testing.assert_allclose(after[..., 1:], before[..., 1:], atol=1e-6)


@pytest.mark.parametrize(("key", "config"), CASES)
@pytest.mark.parametrize(("height", "width"), [(9, 12), (2, 7), (1, 1), (1, 5)])
def test_any_size_is_upscaled(key: str, config: dict[str, Any], height: int, width: int) -> None:
    s = config["scale"]
    network = network_of(key, config)
    with torch.no_grad():
        sr = network(torch.rand(2, 3, height, width))
        every = network.forward_all(torch.rand(1, 3, 6, 8))
    assert sr.shape == (2, 3, s * height, s * width)
    assert sr.isfinite().all()
    assert every[0].shape == (1, 3, 6 * s, 8 * s)
    assert every[0].dtype == torch.float32


@pytest.mark.parametrize(("key", "config"), CASES)
def test_chroma_is_bicubics(key: str, config: dict[str, Any]) -> None:
    lr = np.random.default_rng(0).random((10, 12, 3))
    network = network_of(key, config)
    with torch.no_grad():
        sr = network(torch.from_numpy(lr).permute(2, 0, 1)[None].float())
    found = ycbcr(sr[0].permute(1, 2, 0).double().numpy())
    s = config["scale"]
    expected = resize(ycbcr(lr), 10 * s, 12 * s)
    np.testing.assert_allclose(found[..., 1:], expected[..., 1:], atol=1e-5)
    assert np.abs(found[..., 0] - expected[..., 0]).max() > 1e-3  # luma is the network's


@pytest.mark.parametrize("key", ["vdsr", "drcn"])
def test_an_untrained_residual_network_is_bicubic(key: str) -> None:
    lr = np.random.default_rng(0).random((7, 9, 3))
    network = network_of(key, SMALL[key][2], trained=False)
    with torch.no_grad():
        sr = network(torch.from_numpy(lr).permute(2, 0, 1)[None].float())
    expected = resize(lr, 28, 36)
    np.testing.assert_allclose(sr[0].permute(1, 2, 0).numpy(), expected, atol=2e-6)


def test_an_untrained_lapsrn_is_bilinear() -> None:
    network = network_of("lapsrn", SMALL["lapsrn"][1], trained=False)
    lr = torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        half = network.forward_all(lr)[1]
    expected = nn.functional.interpolate(to_luma(lr), scale_factor=2, mode="bilinear")
    inner = (..., slice(2, -2), slice(2, -2))  # at the edges the convolution reads zeros
    torch.testing.assert_close(to_luma(half)[inner], expected[inner], atol=1e-5, rtol=0)


def test_an_untrained_scn_is_close_to_bicubic() -> None:
    y, x = np.mgrid[:24, :24] / 24
    lr = np.stack([0.5 + 0.3 * np.sin(9 * x + 4 * y)] * 3, axis=-1)
    network = network_of("scn", {"scale": 2}, trained=False)
    with torch.no_grad():
        sr = network(torch.from_numpy(lr).permute(2, 0, 1)[None].float())
    error = sr[0].permute(1, 2, 0).numpy() - resize(lr, 48, 48)
    assert np.sqrt((error**2).mean()) < 0.02


@pytest.mark.parametrize(
    ("key", "scale", "weights", "biases"),
    [
        # VDSR: 20 layers of 3x3, 64 channels; the literature counts 665 thousand.
        ("vdsr", 4, 9 * 64 + 18 * 9 * 64 * 64 + 9 * 64, 19 * 64 + 1),
        # DRCN: embedding, recursion and reconstruction of 256 channels; 1774 thousand.
        ("drcn", 4, 9 * 256 + 3 * 9 * 256 * 256 + 9 * 256, 4 * 256 + 1 + 16),
        # LapSRN: the count of its published files, 814,242 at x4 and 667,123 at x8.
        ("lapsrn", 4, 814_242 - (1 + 22) * 64 - 2, (1 + 22) * 64 + 2),
        ("lapsrn", 8, 667_123 - (1 + 18) * 64 - 3, (1 + 18) * 64 + 3),
        # SCN: the matrices of its published file; no biases.
        ("scn", 8, 81 * 100 + 100 * 128 + 128 * 128 + 128 * 25 + 25, 0),
    ],
)
def test_parameters_are_those_of_the_paper(key: str, scale: int, weights: int, biases: int) -> None:
    network = build(key, vars(network_config(key, "paper", scale=scale)))
    assert parameter_count(network) == weights + biases


def test_layers_are_those_of_the_paper() -> None:
    vdsr = build("vdsr", {"scale": 4})
    assert sum(isinstance(m, nn.Conv2d) for m in vdsr.modules()) == 20
    assert macs_per_lr_pixel(vdsr) == 16 * (2 * 9 * 64 + 18 * 9 * 64 * 64)
    drcn = build("drcn", {"scale": 2, "channels": 16})
    outputs = drcn.forward_all(torch.rand(1, 3, 4, 4))  # type: ignore[operator]
    assert len(outputs) == 1 + 16
    lapsrn = build("lapsrn", {"scale": 8, "channels": 8})
    sizes = [o.shape[-1] for o in lapsrn.forward_all(torch.rand(1, 3, 4, 4))]  # type: ignore[operator]
    assert sizes == [32, 16, 8]


def test_transposed_convolutions_are_counted() -> None:
    channels, depth = 8, 2
    network = build("lapsrn", {"scale": 2, "depth": depth, "channels": channels})
    head, body = 9 * channels, depth * 9 * channels**2
    up, residual, image = 9 * channels**2, 4 * 9 * channels, 16
    assert macs_per_lr_pixel(network) == head + body + up + residual + image


def test_the_ensemble_of_drcn_weighs_its_recursions() -> None:
    network = network_of("drcn", SMALL["drcn"][0])
    network.ensemble.data.copy_(torch.tensor([0.5, 0.3, 0.2]))
    with torch.no_grad():
        result, *each = network.forward_all(torch.rand(1, 3, 8, 8))
    lumas = torch.stack([to_luma(y) for y in each])
    expected = (torch.tensor([0.5, 0.3, 0.2])[:, None, None, None, None] * lumas).sum(0)
    torch.testing.assert_close(to_luma(result), expected, atol=1e-5, rtol=0)


def test_scn_is_its_formulas() -> None:
    """One stage against the formulas of the docstring, patch by patch in numpy."""
    network = network_of("scn", {"scale": 2, "features": 12, "atoms": 20})
    w = {k: v.detach().double().numpy() for k, v in network.named_parameters()}
    w = {
        k: v if k == "G" else v.squeeze(axis=(1 if k == "H.weight" else (2, 3)))
        for k, v in w.items()
    }
    lr = np.random.default_rng(0).random((5, 6, 3))
    with torch.no_grad():
        sr = network(torch.from_numpy(lr).permute(2, 0, 1)[None].float())
    wide = np.pad(resize(bt601_studio_luma(lr), 10, 12), 6, mode="symmetric")

    def shrink(a: np.ndarray) -> np.ndarray:
        return np.sign(a) * np.maximum(np.abs(a) - 1, 0)

    means, result = np.zeros((18, 20)), np.zeros((18, 20))
    for y in range(-2, 12):
        for x in range(-2, 14):
            window = wide[y + 2 : y + 11, x + 2 : x + 11]
            feature = np.tensordot(w["H.weight"], window, axes=2)
            feature /= np.linalg.norm(feature)
            drive = w["W.weight"] @ feature
            code = shrink(drive + w["S.weight"] @ shrink(drive))
            patch = w["D.weight"] @ code
            pixels = window[2:7, 2:7]
            contrast = np.linalg.norm(pixels - pixels.mean())
            patch = 1.1 * contrast * patch / max(np.linalg.norm(patch), 1e-6) * w["G"]
            means[y + 2 : y + 7, x + 2 : x + 7] += pixels.mean() / 25
            result[y + 2 : y + 7, x + 2 : x + 7] += patch.reshape(5, 5)
    expected = (means + result)[4:-4, 4:-4]
    np.testing.assert_allclose(to_luma(sr)[0, 0].numpy(), expected, atol=2e-5)


@pytest.mark.parametrize(("key", "config"), CASES)
def test_receptive_field_bounds_the_influence_of_a_pixel(key: str, config: dict[str, Any]) -> None:
    """What differs far away changes nothing, to the last bit; what differs near by does."""
    network, s = network_of(key, config), config["scale"]
    reach = network.config.receptive_field
    size = 2 * reach + 9
    lr = torch.rand(1, 3, size, size)
    other = torch.rand(1, 3, size, size)
    centre = slice(reach + 4, reach + 5)
    near = slice(4, 2 * reach + 5)  # everything within reach of the centre
    other[..., near, near] = lr[..., near, near]
    own = slice(s * centre.start, s * centre.stop)
    with torch.no_grad():
        a, b = network(lr)[..., own, own], network(other)[..., own, own]
    torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
    # Not a wasteful bound: at most two pixels more than what has an influence.
    pixels = lr.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(pixels)[..., own, own].sum(), pixels)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().ravel()
    assert min(centre.start - int(rows.min()), int(rows.max()) - centre.start) >= reach - 2


@pytest.mark.parametrize(("key", "config"), [(k, c[1]) for k, c in SMALL.items()])
def test_autocast_keeps_bicubic_and_sums_exact(key: str, config: dict[str, Any]) -> None:
    network = network_of(key, config, trained=key == "scn")
    lr = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        exact = network(lr)
        with torch.autocast("cpu", torch.bfloat16):
            sr = network(lr)
    assert sr.dtype == torch.float32
    if key == "scn":  # its codes are computed in bf16
        assert (sr - exact).abs().mean() < 0.02
    else:
        assert torch.equal(sr, exact)


@pytest.mark.parametrize(("key", "config"), [(k, c[1]) for k, c in SMALL.items()])
def test_every_weight_learns(key: str, config: dict[str, Any]) -> None:
    network = network_of(key, config)
    loss = sum(output.square().mean() for output in network.forward_all(torch.rand(1, 3, 8, 8)))
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_flat_pictures_stay_flat() -> None:
    """SCN divides by the length of what a flat patch does not have."""
    for value in (0.0, 0.5, 1.0):
        with torch.no_grad():
            sr = network_of("scn", SMALL["scn"][1])(torch.full((1, 3, 9, 9), value))
        torch.testing.assert_close(sr, torch.full_like(sr, value), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("key", "config"), CASES)
def test_a_card_builds_the_network_again(key: str, config: dict[str, Any]) -> None:
    network = network_of(key, config)
    card = describe(network, key=key, name="x")
    again = build(card.network, copy.deepcopy(card.config))
    assert again.config == network.config
    assert card.precision == "fp32"
    assert card.feature_values > 0


@pytest.mark.parametrize(
    ("key", "size", "scale", "message"),
    [
        ("vdsr", "paper", 5, "scale must be one of"),
        ("lapsrn", "paper", 3, "scale must be one of"),
        ("scn", "paper", 3, "scale must be one of"),
        ("drcn", "base", 4, "it has but one, paper"),
        ("nonsense", "paper", 4, "unknown network 'nonsense'"),
        ("generator", "paper", 4, "unknown size 'paper'"),
    ],
)
def test_wrong_configurations_are_refused(key: str, size: str, scale: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        network_config(key, size, scale=scale)


def test_the_catalogue_has_every_network_of_the_table() -> None:
    assert list(NETWORKS) == ["generator", "ensemble", "vdsr", "drcn", "lapsrn", "scn"]
