"""The command in this process, and a small model made by the commands themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pyvips

from acutance.cli.main import main

TINY = (
    *("--set", "size=tiny", "--set", "scale=2", "--set", "steps=2", "--set", "max_minutes=null"),
    *("--set", 'patches=[{"until": 1.0, "patch": 16, "batch": 2}]', "--set", "copies=[]"),
    *("--set", "start=null", "--threads", "1"),
    *("--set", "equivariant=false"),  # so that --best changes something
)
"""Flags that make any recipe a run of a second."""


@dataclass
class Result:
    """What a command left: exit status and what it printed."""

    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def acutance(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Call the command line with arguments."""

    def call(*arguments: object) -> Result:
        monkeypatch.setattr("sys.argv", ["acutance", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        status = stop.value.code or 0
        assert isinstance(status, int)
        captured = capfd.readouterr()
        return Result(status, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two steps."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    _call("train", "base-x2", "--data", str(photos), "--out", str(folder), *TINY)
    return folder


@pytest.fixture(scope="session")
def model(run: Path) -> Path:
    """The card of that run's export, a tiny x2 model."""
    _call("export", str(run))
    return run / "export" / "tiny-x2.json"


def _call(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["acutance", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
    assert not stop.value.code


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of 30 x 20 pixels in a folder of its own."""
    return write_photo(tmp_path / "photos" / "a photo.png")


def write_photo(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    pyvips.Image.new_from_array(pixels).write_to_file(str(path))
    return path


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two sets of two pictures and one, noise, 60 x 40."""
    for name, seed in (("Set5/a", 0), ("Set5/b", 1), ("Set14/c", 2)):
        enlarge(write_photo(tmp_path / "sets" / f"{name}.png", seed))
    return tmp_path / "sets"


def enlarge(path: Path) -> None:
    """Twice as large, so that the border can be cut and SSIM's window fits."""
    image = pyvips.Image.new_from_file(str(path)).copy_memory()
    image.resize(2).write_to_file(str(path))


def one_line(result: Result) -> str:
    """The error: a single line, no traceback."""
    lines = result.err.strip().splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("acutance: ")
    return lines[0]
