"""Several processes on one machine, joined by gloo, train what one process trains."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from acutance.training import run_folder
from acutance.training.config import LossPhase, PatchPhase, TrainConfig
from acutance.training.gan.config import GanConfig
from acutance.training.train import train

CONFIG = TrainConfig(
    recipe="test",
    size="tiny",
    scale=2,
    steps=6,
    patches=(PatchPhase(until=0.5, patch=16, batch=4), PatchPhase(until=1.0, patch=24, batch=2)),
    losses=(
        LossPhase(until=0.6, content="l1"),
        LossPhase(until=1.0, content="mse", alpha=1e-3, beta=0.01),
    ),
    warmup=0.0,
    copies=(),
    precision="fp32",
    log_minutes=0.0,
    checkpoint_minutes=60.0,
)

PROGRAM = """
import json, os, sys, time
from pathlib import Path
from acutance.errors import UserError
from acutance.training.config import TrainConfig
from acutance.training.train import train
data, run, config = sys.argv[1:4]
pause = float(sys.argv[4])
def report(line):
    time.sleep(pause)
Path(run + f".pid{os.environ['RANK']}").write_text(str(os.getpid()))
try:
    train(TrainConfig.from_dict(json.loads(config)), data=Path(data), run=Path(run), threads=1,
          report=report)
except UserError as error:
    print(f"acutance: {error}", file=sys.stderr)
    sys.exit(1)
"""


def start(photos: Path, run: Path, config: TrainConfig, *, pause: float = 0.0) -> subprocess.Popen:
    program = run.with_name("program.py")
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(program)]
    command += [str(photos), str(run), config.to_json(), str(pause)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def losses(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if line["kind"] == "train"]


def test_two_processes_train_what_one_trains(photos: Path, tmp_path: Path) -> None:
    alone = train(CONFIG, data=photos, run=tmp_path / "alone", threads=1, report=lambda _: None)
    run = tmp_path / "together"
    process = start(photos, run, CONFIG)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert losses(run) == pytest.approx(losses(alone), rel=1e-4)
    assert len(losses(run)) == CONFIG.steps  # the first process alone writes the log
    ours, theirs = (load_file(r / run_folder.EMA) for r in (alone, run))
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-3, atol=1e-4)
    assert "2 processes" in json.loads((run / "run.json").read_text())["hardware"]


def test_two_processes_play_the_game_that_one_plays(photos: Path, tmp_path: Path) -> None:
    gan = GanConfig(
        channels=4, adversarial=0.1, ramp=0.0, matching=0.1, artefacts=1.0, consistency=1.0, r1=0.1
    )
    config = dataclasses.replace(CONFIG, steps=4, validations=2, gan=gan)
    alone = train(config, data=photos, run=tmp_path / "alone", threads=1, report=lambda _: None)
    run = tmp_path / "together"
    process = start(photos, run, config)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert losses(run) == pytest.approx(losses(alone), rel=1e-3)
    ours, theirs = (load_file(r / run_folder.LAST) for r in (alone, run))
    for name in ours:
        if name.startswith(("ema.", "opponent.")):
            torch.testing.assert_close(ours[name], theirs[name], rtol=1e-2, atol=1e-3)


def test_killed_process_ends_the_run_with_a_message_and_a_checkpoint(
    photos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    config = CONFIG.override({"steps": "4000", "checkpoint_minutes": "0.0"})
    process = start(photos, run, config, pause=0.05)
    deadline = time.monotonic() + 60
    while not (run / run_folder.LAST).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    second = int((tmp_path / "run.pid1").read_text())
    subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(second)], check=True)
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "start the same command with --resume" in errors
    # What is left resumes, here in one process.
    state = load_file(run / run_folder.LAST)
    assert "random" in state
    counters = json.loads((run / "run.json").read_text())
    assert not counters["finished"]
    shorter = config.override({"steps": str(counters["steps"] + 2)})
    train(shorter, data=photos, run=run, resume=True, threads=1, report=lambda _: None)
    assert json.loads((run / "run.json").read_text())["finished"]


def test_batch_that_cannot_be_shared_is_one_line(photos: Path, tmp_path: Path) -> None:
    """Of any phase, before the first step."""
    patches = '[{"until": 0.5, "patch": 16, "batch": 2}, {"until": 1.0, "patch": 16, "batch": 3}]'
    run = tmp_path / "run"
    process = start(photos, run, CONFIG.override({"patches": patches}))
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "a batch of 3 cannot be shared evenly by 2 processes" in errors
    assert not (run / run_folder.LAST).exists()
