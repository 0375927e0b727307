"""A run: learns, survives being stopped and killed, and refuses what cannot work."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from acutance.errors import UserError
from acutance.training import run_folder
from acutance.training.config import LossPhase, PatchPhase, TrainConfig
from acutance.training.loop import Stopped
from acutance.training.train import train

CONFIG = TrainConfig(
    recipe="test",
    size="tiny",
    scale=2,
    steps=8,
    patches=(PatchPhase(until=0.5, patch=16, batch=2), PatchPhase(until=1.0, patch=24, batch=2)),
    losses=(
        LossPhase(until=0.6, content="l1"),
        LossPhase(until=1.0, content="mse", alpha=1e-3),
    ),
    copies=(),
    precision="fp32",
    log_minutes=0.0,
    validate_minutes=1.0,
    checkpoint_minutes=60.0,
)


def quiet(_line: str) -> None:
    pass


@pytest.fixture(scope="module")
def uninterrupted(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(
        CONFIG, data=photos, run=tmp_path_factory.mktemp("runs") / "whole", threads=1, report=quiet
    )


def assert_same_weights(a: Path, b: Path) -> None:
    first, second = (load_file(run / run_folder.LAST) for run in (a, b))
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize(("network", "size"), [("generator", "tiny"), ("lapsrn", "paper")])
def test_compiling_meets_every_batch_before_the_clock_starts(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str, size: str
) -> None:
    """By the eager backend, which needs no compiler; a break of the graph would be an error."""
    seen: list[tuple[int, ...]] = []
    compile_network = partial(torch.compile, backend="eager", fullgraph=True)

    def recorded(network: torch.nn.Module) -> Any:
        compiled = compile_network(network)

        def forward(lr_NCHW: torch.Tensor) -> Any:
            seen.append(tuple(lr_NCHW.shape))
            return compiled(lr_NCHW)

        return forward

    monkeypatch.setattr(torch, "compile", recorded)
    losses = (LossPhase(until=1.0, content="charbonnier", luma=True, supervision=0.5),)
    small, large = (replace(p, patch=p.patch // 2) for p in CONFIG.patches)
    config = replace(CONFIG, compile=True, steps=2, patches=(small, large), losses=losses)
    config = replace(config, network=network, size=size, scale=4 if network == "lapsrn" else 2)
    train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)
    assert seen == [(2, 3, 8, 8), (2, 3, 12, 12)] * 2


def test_a_run_leaves_what_an_export_needs(uninterrupted: Path) -> None:
    network, card = run_folder.load_run(uninterrupted)
    assert card.name == "tiny-x2"
    assert card.training["steps"] == 8
    assert card.training["finished"]
    assert network(torch.rand(1, 3, 9, 7)).shape == (1, 3, 18, 14)
    stored = TrainConfig.from_dict(json.loads((uninterrupted / "config.json").read_text()))
    assert stored == dataclasses.replace(CONFIG, slope=0.0, equivariant=True)  # resolved


def test_log_has_losses_throughput_and_validation(uninterrupted: Path) -> None:
    lines = [json.loads(line) for line in (uninterrupted / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "train"]
    assert [line["step"] for line in steps] == list(range(1, 9))
    assert all(line["lr_pixels_per_second"] > 0 for line in steps)
    assert all(line["share_of_peak"] > 0 for line in steps)
    assert steps[-1]["lr_pixels"] == 4 * 2 * 16**2 + 4 * 2 * 24**2
    assert [line["kind"] for line in lines].count("validation") == 1


def test_photos_are_counted(photos: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    train(CONFIG, data=photos, run=tmp_path / "run", threads=1, report=lines.append)
    assert "6 photos to train on" in lines[0]
    assert "1 held out, 1 too small" in lines[0]


def test_training_beats_bicubic(photos: Path, tmp_path: Path) -> None:
    config = CONFIG.override(
        {
            "steps": "400",
            "learning_rate": "0.004",
            "ema": "0.95",
            "patches": '[{"until": 1.0, "patch": 24, "batch": 4}]',
        }
    )
    run = train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)
    history = json.loads((run / "run.json").read_text())["validation_psnr"]
    start = train(
        CONFIG.override({"steps": "1", "learning_rate": "0.0"}),
        data=photos,
        run=tmp_path / "bicubic",
        threads=1,
        report=quiet,
    )
    bicubic = json.loads((start / "run.json").read_text())["validation_psnr"]
    assert history[-1] > bicubic[-1] + 0.1


def test_sigterm_then_resume_gives_the_same_weights(
    photos: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    run = tmp_path / "run"

    def terminate_at_step_3(line: str) -> None:
        if "step 3 " in line:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped, match="--resume"):
        train(CONFIG, data=photos, run=run, threads=1, report=terminate_at_step_3)
    train(CONFIG, data=photos, run=run, resume=True, threads=1, report=quiet)
    assert_same_weights(run, uninterrupted)


def test_kill_9_then_resume_gives_the_same_weights(
    photos: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    run = tmp_path / "run"
    script = f"""
import dataclasses, json, time
from pathlib import Path
from acutance.training.config import TrainConfig
from acutance.training.train import train
config = TrainConfig.from_dict(json.loads({CONFIG.to_json()!r}))
config = dataclasses.replace(config, checkpoint_minutes=0.0)
train(config, data=Path({str(photos)!r}), run=Path({str(run)!r}), threads=1,
      report=lambda line: time.sleep(0.3))
"""
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while not (run / run_folder.LAST).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not json.loads((run / "run.json").read_text())["finished"]
    train(CONFIG, data=photos, run=run, resume=True, threads=1, report=quiet)
    assert_same_weights(run, uninterrupted)


def test_minutes_bound_the_whole_schedule(photos: Path, tmp_path: Path) -> None:
    config = CONFIG.override({"max_minutes": "0.03"})
    run = train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    rates = [line["learning_rate"] for line in lines if line["kind"] == "train"]
    assert rates[-1] < 0.3 * max(rates)


def test_start_from_another_scale_keeps_the_trunk(
    photos: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    lines: list[str] = []
    config = CONFIG.override({"scale": "4", "steps": "1", "learning_rate": "0.0"})
    config = config.override({"start": str(uninterrupted)})
    config = config.override({"patches": '[{"until": 1.0, "patch": 16, "batch": 2}]'})
    run = train(
        config,
        data=photos,
        run=tmp_path / "x4",
        threads=1,
        report=lines.append,
    )
    assert "fresh: tail.weight, tail.bias" in "\n".join(lines)
    before, after = load_file(uninterrupted / "ema.safetensors"), load_file(run / "ema.safetensors")
    assert torch.allclose(before["head.weight"], after["head.weight"])


def test_the_slope_is_the_starts_unless_it_is_set(photos: Path, tmp_path: Path) -> None:
    lines: list[str] = []

    def slope(name: str, **settings: str) -> float | None:
        config = CONFIG.override({"steps": "1", "learning_rate": "0.0", **settings})
        run = train(config, data=photos, run=tmp_path / name, threads=1, report=lines.append)
        assert run_folder.load_run(run)[1].config["slope"] == run_folder.read_config(run).slope
        return run_folder.read_config(run).slope

    assert slope("new") == 0
    assert slope("plain", slope="0") == 0
    assert slope("on", start=str(tmp_path / "plain")) == 0
    assert not any("dead" in line for line in lines)
    assert slope("leaky", start=str(tmp_path / "plain"), slope="0.2") == 0.2
    assert any("units were dead and have fresh weights" in line for line in lines)
    lines.clear()
    assert slope("leakier", start=str(tmp_path / "leaky"), slope="0.3") == 0.3
    assert not any("dead" in line for line in lines)


def test_a_run_is_equivariant_if_its_start_is(photos: Path, tmp_path: Path) -> None:
    def equivariant(name: str, **settings: str) -> bool:
        config = CONFIG.override({"steps": "2", "optimiser": "muon", **settings})
        run = train(config, data=photos, run=tmp_path / name, threads=1, report=quiet)
        network, card = run_folder.load_run(run)
        lr = torch.rand(1, 3, 9, 9)
        with torch.no_grad():
            alike = torch.allclose(network(lr.flip(3)), network(lr).flip(3), atol=1e-6)
        assert alike == card.equivariant == run_folder.read_config(run).equivariant
        return alike

    free, tied = str(tmp_path / "free"), str(tmp_path / "tied")
    assert equivariant("tied")
    assert not equivariant("free", equivariant="false")
    assert equivariant("on", start=tied)
    assert not equivariant("free again", start=free)
    assert not equivariant("freed", start=tied, equivariant="false")
    with pytest.raises(UserError, match=r"free does not commute with flips and turns: start from"):
        equivariant("bound", start=free, equivariant="true")


def test_a_slope_is_the_generators(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 0 and less than 1, not 1"):
        CONFIG.override({"slope": "1"})
    config = CONFIG.override({"network": "vdsr", "size": "paper", "slope": "0.1"})
    with pytest.raises(UserError, match="'slope' is the generator's; vdsr has its paper's"):
        train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)
    config = config.override({"slope": "null", "equivariant": "true"})
    with pytest.raises(UserError, match="'equivariant' is the generator's; vdsr has its"):
        train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)


def test_a_run_is_not_overwritten(photos: Path, uninterrupted: Path) -> None:
    with pytest.raises(UserError, match="--resume"):
        train(CONFIG, data=photos, run=uninterrupted, report=quiet)


def test_nothing_to_resume(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to resume"):
        train(CONFIG, data=photos, run=tmp_path / "none", resume=True, report=quiet)


def test_a_full_disk_leaves_the_last_checkpoint(
    photos: Path, tmp_path: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    before = (run / run_folder.LAST).read_bytes()

    def full(tensors: object, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr("acutance.training.state.save_file", full)
    with pytest.raises(UserError, match=r"cannot write .*No space left.*check free space"):
        train(CONFIG, data=photos, run=run, resume=True, report=quiet)
    assert (run / run_folder.LAST).read_bytes() == before
    assert not list(run.rglob("*.partial"))


def test_damaged_checkpoint_is_one_line(photos: Path, tmp_path: Path, uninterrupted: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / run_folder.CONFIG).write_bytes((uninterrupted / run_folder.CONFIG).read_bytes())
    (run / run_folder.LAST).write_bytes((uninterrupted / run_folder.LAST).read_bytes()[:5000])
    with pytest.raises(UserError, match="cannot resume"):
        train(CONFIG, data=photos, run=run, resume=True, report=quiet)


def test_divergence_is_said(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acutance.training.loop.MOST_SKIPS", 3)
    config = CONFIG.override({"learning_rate": "1e30", "warmup": "0.0", "anneal": "0.0"})
    with pytest.raises(UserError, match="diverged"):
        train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)


def test_unusable_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such training data"):
        train(CONFIG, data=tmp_path / "none", run=tmp_path / "run", report=quiet)
    with pytest.raises(UserError, match="no photos"):
        train(CONFIG, data=tmp_path, run=tmp_path / "run", report=quiet)
