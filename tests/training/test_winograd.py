"""Winograd's algorithm gives what PyTorch's convolutions give, forward and backward."""

import copy
import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from acutance.errors import UserError
from acutance.models.blocks import ResidualBlock
from acutance.models.catalogue import build, network_config
from acutance.training import lessons, run_folder
from acutance.training.loop import Stopped
from acutance.training.train import train
from acutance.training.winograd import accelerate
from acutance.training.winograd.extension import WIDEST, build_folder, extension
from acutance.training.winograd.layers import FastConv2d, FastResidualBlock

from .test_loop import CONFIG, assert_same_weights, quiet


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    try:
        extension()
    except UserError as error:
        pytest.skip(str(error))


def gradients(network: nn.Module, x_NCHW: Tensor) -> list[Tensor]:
    """Output, and the gradients of input and parameters for a random gradient of the output."""
    y_NCHW = network(x_NCHW)
    dy_NCHW = torch.randn(y_NCHW.shape, generator=torch.Generator().manual_seed(1))
    parts = torch.autograd.grad(y_NCHW, (x_NCHW, *network.parameters()), dy_NCHW)
    return [y_NCHW.detach(), *parts]


@pytest.mark.parametrize(
    ("network", "height", "width"),
    [
        (nn.Conv2d(16, 32, 3, padding=1), 32, 32),
        (nn.Conv2d(64, 48, 3, padding=1, bias=False), 33, 30),
        (nn.Conv2d(48, 192, 3, padding=1), 5, 7),
        (nn.Conv2d(32, 16, 3, padding=1), 1, 2),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_convolution(network: nn.Conv2d, height: int, width: int, threads: int) -> None:
    fast = copy.deepcopy(network)
    accelerate(fast)
    assert type(fast) is not nn.Conv2d
    x_NCHW = torch.rand(3, network.in_channels, height, width, requires_grad=True)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for direct, by_winograd in zip(
            gradients(network, x_NCHW), gradients(fast, x_NCHW), strict=True
        ):
            assert (by_winograd - direct).norm() < 1e-5 * direct.norm()
    finally:
        torch.set_num_threads(before)


def test_a_residual_block() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(32).double()
    fast = copy.deepcopy(block).float()
    accelerate(fast)
    assert type(fast) is not ResidualBlock
    x_NCHW = torch.randn(2, 32, 18, 21, dtype=torch.float64, requires_grad=True)
    exact = gradients(block, x_NCHW)
    for direct, by_winograd in zip(exact, gradients(fast, x_NCHW.float()), strict=True):
        # A unit that is nearly zero may be taken for dead.
        assert (by_winograd - direct).norm() < 1e-3 * direct.norm()


def test_the_narrower_registers_too() -> None:
    """On a processor that has wider ones: what it computes by AVX2, which PyTorch can be told."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("this processor has no AVX-512: the other tests are of AVX2 already")
    chosen = [f"{__file__}::test_a_convolution", f"{__file__}::test_a_residual_block"]
    narrow = {**os.environ, "ATEN_CPU_CAPABILITY": "avx2", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen]
    done = subprocess.run(command, env=narrow, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_only_what_is_asked_for_has_gradients() -> None:
    block, conv = ResidualBlock(16), nn.Conv2d(16, 16, 3, padding=1)
    for layer in (block, conv):
        accelerate(layer.requires_grad_(False))
        x_NCHW = torch.rand(1, 16, 8, 8, requires_grad=True)
        layer(x_NCHW).sum().backward()
        assert x_NCHW.grad is not None
        layer.requires_grad_(True)
        layer(x_NCHW.detach()).sum().backward()
        assert all(p.grad is not None for p in layer.parameters())


def test_what_does_not_fit_stays() -> None:
    layers = [
        nn.Conv2d(3, 16, 3, padding=1),
        nn.Conv2d(16, 16, 3, padding=1, stride=2),
        nn.Conv2d(16, 16, 3),
        nn.Conv2d(16, 16, 1),
        nn.Conv2d(32, 32, 3, padding=1, groups=2),
        ResidualBlock(24),
    ]
    network = nn.ModuleList(layers)
    accelerate(network)
    assert [type(layer) for layer in network] == [*[nn.Conv2d] * 5, ResidualBlock]


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("size", ["tiny", "base"])
def test_a_generator(size: str, slope: float) -> None:
    shape = dataclasses.replace(network_config("generator", size, scale=4), slope=slope)
    network = build("generator", vars(shape))
    nn.init.normal_(network.get_parameter("tail.weight"), std=0.01)
    fast = copy.deepcopy(network)
    accelerate(fast)
    lr_NCHW = torch.rand(2, 3, 19, 26)
    torch.testing.assert_close(fast(lr_NCHW), network(lr_NCHW), atol=1e-5, rtol=0)


def test_a_run_learns_the_same_and_goes_on_where_it_stopped(photos: Path, tmp_path: Path) -> None:
    runs = {}
    for winograd in (False, True):
        config = dataclasses.replace(CONFIG, winograd=winograd)
        run = tmp_path / str(winograd)
        runs[winograd] = load_file(
            train(config, data=photos, run=run, threads=1, report=quiet) / run_folder.EMA
        )
    for name, direct in runs[False].items():
        assert (runs[True][name] - direct).norm() < 1e-3 * direct.norm() + 1e-6

    def stop(line: str) -> None:
        if "step 5" in line:
            signal.raise_signal(signal.SIGTERM)

    config = dataclasses.replace(CONFIG, winograd=True)
    stopped = tmp_path / "stopped"
    with pytest.raises(Stopped):
        train(config, data=photos, run=stopped, threads=1, report=stop)
    train(config, data=photos, run=stopped, resume=True, threads=1, report=quiet)
    assert_same_weights(tmp_path / "True", stopped)


def test_a_teacher_computes_so_too(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = network_config("generator", "tiny", scale=CONFIG.scale)
    teacher = build("generator", vars(shape))
    monkeypatch.setattr(lessons, "load_teacher", lambda *_, **__: teacher)
    for winograd in (False, True):
        config = dataclasses.replace(CONFIG, winograd=winograd, teacher="any", steps=1)
        train(config, data=photos, run=tmp_path / str(winograd), threads=1, report=quiet)
        fast = [m for m in teacher.modules() if isinstance(m, FastConv2d | FastResidualBlock)]
        assert bool(fast) == winograd


def test_it_is_refused_off_the_cpu_and_in_bf16(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"computes in fp32"):
        dataclasses.replace(CONFIG, winograd=True, precision="bf16")
    config = dataclasses.replace(CONFIG, winograd=True)
    with pytest.raises(UserError, match="--device cpu"):
        train(config, data=photos, run=tmp_path / "run", device="meta", report=quiet)
    assert not (tmp_path / "run").exists()


def test_a_build_that_was_killed_keeps_nobody_waiting() -> None:
    widest = WIDEST[torch.backends.cpu.get_cpu_capability()]
    left = build_folder(widest) / "lock"
    left.touch()
    extension.cache_clear()
    extension()
    assert not left.exists()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    extension.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
        with pytest.raises(UserError, match="AVX2"):
            extension()

    def broken(**_: object) -> None:
        raise RuntimeError("Error building extension 'acutance_winograd': g++: not found\nmore")

    with monkeypatch.context() as patch:
        patch.setattr("torch.utils.cpp_extension.load", broken)
        with pytest.raises(UserError, match=r"install a C\+\+ compiler.*not found more\)"):
            extension()
    extension()
