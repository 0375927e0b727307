"""LPIPS, DISTS, NIQE and LR-PSNR: against other programs, plain formulas and common sense."""

import json
import math
import os
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor

from acutance.image.resize import resize
from acutance.metrics.dists import STAGES, dists
from acutance.metrics.lpips import LAYERS, lpips
from acutance.metrics.lr_psnr import lr_psnr
from acutance.metrics.niqe import asymmetric_gaussian, features, fit, niqe
from acutance.metrics.perceptual import Perceptual
from acutance.metrics.protocol import PROTOCOLS

REFERENCE = Path(__file__).parents[1] / "reference"
VARIABLE = "ACUTANCE_BACKBONES"
BESIDE = Path(__file__).parents[3] / "shared" / "perceptual"
BACKBONES = Path(os.environ.get(VARIABLE, BESIDE))

needs_backbones = pytest.mark.skipif(
    not (BACKBONES / "alexnet.safetensors").is_file(),
    reason=f"no backbones: set {VARIABLE} to a folder of alexnet.safetensors, vgg16.safetensors",
)


def backbone(shapes: dict[int, tuple[int, int, int]]) -> dict[str, Tensor]:
    """Random convolutions: number, then channels out, in, and size."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for i, (out, into, size) in shapes.items():
        weight = torch.randn(out, into, size, size, generator=generator)
        found[f"features.{i}.weight"] = weight / (into * size * size) ** 0.5
        found[f"features.{i}.bias"] = 0.1 * torch.randn(out, generator=generator)
    return found


def pictures() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    first = torch.rand(1, 3, 70, 83, generator=generator)
    return first, (first + 0.1 * torch.randn(first.shape, generator=generator)).clamp(0, 1)


def test_lpips_is_its_formula() -> None:
    sizes = {0: (4, 3, 11), 3: (5, 4, 5), 6: (6, 5, 3), 8: (7, 6, 3), 10: (3, 7, 3)}
    weights = backbone(sizes)
    heads = [torch.rand(1, out, 1, 1) for out, _, _ in sizes.values()]
    first, second = pictures()
    modules: list[torch.nn.Module] = []
    ends = []
    for number, stride, padding, pool in LAYERS:
        out, into, size = sizes[number]
        if pool:
            modules.append(torch.nn.MaxPool2d(3, 2))
        convolution = torch.nn.Conv2d(into, out, size, stride, padding)
        convolution.weight.data = weights[f"features.{number}.weight"]
        convolution.bias.data = weights[f"features.{number}.bias"]  # type: ignore[union-attr]
        modules += [convolution, torch.nn.ReLU()]
        ends.append(len(modules))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)  # SHIFT and SCALE, in 0..1
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    network = torch.nn.Sequential(*modules)
    expected = 0.0
    for end, head in zip(ends, heads, strict=True):
        f, g = (network[:end]((x - mean) / std)[0].detach().numpy() for x in (first, second))
        f, g = (x / np.maximum(np.sqrt((x**2).sum(axis=0)), 1e-10) for x in (f, g))
        squares = ((f - g) ** 2).mean(axis=(1, 2))
        expected += float(np.dot(squares, head.flatten().numpy()))
    found = lpips(first, second, backbone=weights, heads=heads)
    assert found.item() == pytest.approx(expected, rel=1e-4)
    assert lpips(first, first, backbone=weights, heads=heads).item() == 0


def test_dists_of_equal_and_of_changed_pictures() -> None:
    sizes, into = {}, 3
    for stage in STAGES:
        for layer in stage:
            sizes[layer] = (4, into, 3)
            into = 4
    weights = backbone(sizes)
    alpha, beta = torch.rand(1, 23, 1, 1), torch.rand(1, 23, 1, 1)
    first, second = pictures()
    settings = {"backbone": weights, "alpha": alpha, "beta": beta}
    assert dists(first, first, **settings).item() == pytest.approx(0, abs=1e-5)  # type: ignore[arg-type]
    there = dists(first, second, **settings).item()  # type: ignore[arg-type]
    assert 0 < there < 1
    assert dists(second, first, **settings).item() == pytest.approx(there, abs=1e-6)  # type: ignore[arg-type]


@needs_backbones
def test_lpips_and_dists_agree_with_other_programs() -> None:
    pair = runpy.run_path(str(REFERENCE / "make_perceptual.py"))["pair"]
    meter = Perceptual(BACKBONES)
    if meter.missing:
        pytest.skip(f"cannot measure: {meter.missing}")
    for number, expected in enumerate(json.loads((REFERENCE / "perceptual.json").read_text())):
        first, second = (x / 255 for x in pair(number))
        for key in ("lpips", "dists"):
            found = meter._distances[key](first, second)
            assert found == pytest.approx(expected[key], abs=2e-5), (number, key)


def test_pictures_too_small_for_alexnet_have_no_lpips() -> None:
    meter = Perceptual(None)
    meter._distances = {"lpips": lambda *_: 0.5, "dists": lambda *_: 0.25}
    for side, expected in ((34, math.nan), (35, 0.5)):
        hr = np.full((side + 8, side + 8, 3), 128, np.uint8)
        found = meter.measure(
            hr / 255, hr, hr[::4, ::4] / 255, scale=4, protocol=PROTOCOLS["standard"]
        )
        assert found["lpips"] == pytest.approx(expected, nan_ok=True)
        assert found["dists"] == 0.25


def natural(size: int, seed: int) -> np.ndarray:
    """Noise with a spectrum of 1/f, as photos have, in levels."""
    random = np.random.default_rng(seed)
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1 / size) ** 1.2
    image = np.fft.irfft2(np.fft.rfft2(random.standard_normal((size, size))) * amplitude)
    return np.asarray((128 + 45 * (image - image.mean()) / image.std()).clip(0, 255))


def test_niqe_orders_blur_and_noise() -> None:
    model = fit(natural(384, seed) for seed in range(4))
    image = natural(384, 9)
    clean = niqe(image, model)
    small = resize(image, 96, 96)
    blurred = [niqe(resize(resize(image, n, n), 384, 384), model) for n in (192, 96)]
    noise = np.random.default_rng(0).standard_normal(image.shape)
    noisy = [niqe((image + s * noise).clip(0, 255), model) for s in (10, 40)]
    assert clean < blurred[0] < blurred[1]
    assert clean < noisy[0] < noisy[1]
    assert math.isnan(niqe(small, model))  # a single block
    assert math.isfinite(niqe(image))  # the model that ships


def test_niqe_features_are_those_of_generalised_gaussians() -> None:
    random = np.random.default_rng(0)
    for shape, left, right in ((2.0, 1.0, 1.0), (0.8, 0.5, 1.5), (1.0, 2.0, 1.0)):
        magnitude = random.gamma(1 / shape, size=400_000) ** (1 / shape)
        on_the_left = random.random(magnitude.size) < left / (left + right)
        samples = np.where(on_the_left, -left * magnitude, right * magnitude)
        assert asymmetric_gaussian(samples) == pytest.approx((shape, left, right), rel=0.03)
    # A Gaussian's widths are its deviation times sqrt(gamma(1/2) / gamma(3/2)).
    found = asymmetric_gaussian(3 * random.standard_normal(400_000))
    expected = 3 * math.sqrt(special.gamma(0.5) / special.gamma(1.5))
    assert found == pytest.approx((2, expected, expected), rel=0.03)
    blocks, sharpness = features(natural(200, 0))
    assert blocks.shape == (4, 36)
    assert sharpness.shape == (4,)


def test_lr_psnr_is_high_for_what_keeps_its_input() -> None:
    random = np.random.default_rng(0)
    hr = natural(128, 0)[:, :, None].repeat(3, 2) / 255
    lr = resize(hr, 32, 32)
    assert lr_psnr(hr, lr) == math.inf
    assert lr_psnr(np.rint(hr * 255) / 255, lr) > 60
    bicubic = resize(lr, 128, 128)
    assert lr_psnr(bicubic, lr) > 35
    assert lr_psnr(bicubic + 0.02, lr) < 36
    # An error e in every channel is one of 219/255 e in studio luma.
    shifted = lr_psnr(hr + 0.02, lr)
    assert shifted == pytest.approx(-20 * math.log10(0.02 * 219 / 255), abs=1e-3)
    assert lr_psnr(hr + 0.1 * random.standard_normal(hr.shape), lr) < lr_psnr(hr + 0.01, lr)


def test_without_backbones_the_rest_is_measured() -> None:
    hr = np.rint(natural(256, 1))[:, :, None].repeat(3, 2).astype(np.uint8)
    lr = (resize(hr.astype(np.float32), 64, 64) / 255).astype(np.float32)
    meter = Perceptual()
    assert meter.missing == {"lpips": "no backbone", "dists": "no backbone"}
    found = meter.measure(hr / 255, hr, lr, scale=4, protocol=PROTOCOLS["standard"])
    assert set(found) == {"niqe", "lr_psnr", "checkerboard"}
    assert found["checkerboard"] == 0
    assert found["lr_psnr"] > 60
