"""``acutance train`` and ``acutance export``: from photos to a model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import TINY, Run, one_line, write_photo


def test_a_run_becomes_a_model(model: Path, run: Path) -> None:
    card = json.loads(model.read_text())
    assert card["scale"] == 2
    assert card["training"]["steps"] == 2
    assert card["training"]["command"].startswith("acutance train base-x2 --data DIR --out RUN")
    assert card["training"]["too_small"] == 1
    assert {path.suffix for path in model.parent.iterdir()} == {".json", ".onnx", ".safetensors"}
    assert list((run / "samples").glob("*/hr.png"))
    assert list((run / "samples").glob("*/0000002.png"))


def test_an_export_is_not_overwritten(acutance: Run, run: Path, model: Path) -> None:
    before = model.read_bytes()
    assert "--overwrite" in one_line(acutance("export", run))
    assert model.read_bytes() == before


def test_an_export_says_where_it_is_and_no_more(run: Path, tmp_path: Path) -> None:
    """Of another process: PyTorch prints what it has to say of torchvision once."""
    command = [sys.executable, "-m", "acutance", "export", str(run)]
    result = subprocess.run(
        [*command, "--out", str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    assert result.stdout.startswith(str(tmp_path / "tiny-x2.json"))


def test_an_export_that_differs_is_refused(
    acutance: Run, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acutance.inference.export.TOLERANCE", 0.0)
    monkeypatch.setattr("numpy.abs", lambda x: x * 0 + 1.0)  # as if every pixel were wrong
    result = acutance("export", run, "--out", tmp_path / "out")
    assert "export refused" in one_line(result)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_finished_run_can_be_resumed_longer(acutance: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert acutance("train", "base-x4", "--data", photos, "--out", out, *TINY).status == 0
    longer = acutance("train", "--resume", "--data", photos, "--out", out, "--set", "steps=3")
    assert longer.status == 0, longer.err
    assert json.loads((out / "run.json").read_text())["steps"] == 3


def test_a_budget_that_is_spent_ends_no_run(acutance: Run, photos: Path, tmp_path: Path) -> None:
    """It would be called done, with weights that were not annealed."""
    out = tmp_path / "run"
    assert acutance("train", "base-x4", "--data", photos, "--out", out, *TINY).status == 0
    before = (out / "run.json").read_text()
    again = ("train", "--resume", "--data", photos, "--out", out)
    less = acutance(*again, "--max-minutes", "0.00001")
    assert less.status == 1
    assert "are spent, and the run would end unannealed: give more" in one_line(less)
    assert (out / "run.json").read_text() == before
    for setting in ("consistent=true", "start=base-x4", "slope=0.3", "degradations=photo"):
        other = acutance(*again, "--set", setting)
        assert other.status == 1
        key = setting.split("=")[0]
        assert one_line(other).endswith(f"{key} cannot change in a resumed run: start a new one")


def test_from_a_model(acutance: Run, photos: Path, model: Path, tmp_path: Path) -> None:
    result = acutance(
        *("train", "base-x4", "--data", photos, "--out", tmp_path / "run"),
        *(*TINY, "--from", model),
    )
    assert result.status == 0, result.err
    assert f"started from {model}" in result.out


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["nonsense"], "unknown recipe 'nonsense'", 1),
        ([], "name a recipe", 2),
        (["base-x4", "--set", "nonsense=1"], "unknown setting 'nonsense'", 1),
        (["base-x4", "--set", "steps"], "key=value", 2),
        (["base-x4", "--set", "size=huge"], "unknown size 'huge'", 1),
        (["base-x4", "--from", "nonsense"], "unknown model 'nonsense'", 1),
        (["--resume"], "not a training run", 1),
        (["base-x4", "--max-minutes", "-1"], "max_minutes", 1),
        (["base-x4", "--threads", "0"], "threads", 1),
        (["base-x4", "--device", "nonsense"], "nonsense", 1),
    ],
)
def test_wrong_wishes_are_one_line(
    acutance: Run, photos: Path, tmp_path: Path, arguments: list[str], message: str, status: int
) -> None:
    result = acutance("train", *arguments, "--data", photos, "--out", tmp_path / "run")
    assert result.status == status
    assert message in one_line(result)


def test_a_patch_too_large_for_every_photo_is_said_at_the_start(
    acutance: Run, photos: Path, tmp_path: Path
) -> None:
    phases = '[{"until": 0.9, "patch": 8, "batch": 1}, {"until": 1, "patch": 400, "batch": 1}]'
    words = ("train", "base-x2", "--data", photos, "--out", tmp_path / "run", *TINY)
    result = acutance(*words, "--set", f"patches={phases}")
    assert result.status == 1
    assert "no photo is large enough for a patch of 800 pixels" in one_line(result)
    assert "step" not in result.out


def test_steps_win_over_the_minutes_of_a_recipe(acutance: Run, photos: Path, run: Path) -> None:
    out = run.with_name("steps")
    where = TINY.index("max_minutes=null")
    words = TINY[: where - 1] + TINY[where + 1 :]
    assert acutance("train", "base-x2", "--data", photos, "--out", out, *words).status == 0
    assert json.loads((out / "run.json").read_text())["steps"] == 2


def test_a_folder_of_something_else_stays_as_it_is(
    acutance: Run, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"theirs": 1}')
    result = acutance("train", "base-x2", "--data", photos, "--out", tmp_path, *TINY)
    assert result.status == 1
    assert "holds files of something else" in one_line(result)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_damaged_run_is_one_line(acutance: Run, photos: Path, run: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    (broken / "ema.safetensors").write_bytes(b"noise")
    words = ("train", "base-x2", "--data", photos, "--out", tmp_path / "new", *TINY)
    for command in (("export", broken), (*words, "--from", broken)):
        result = acutance(*command)
        assert result.status == 1
        assert "ema.safetensors is damaged" in one_line(result)
    (broken / "config.json").write_text("[]")
    assert "not a training run" in one_line(acutance("export", broken))
    assert f"acutance export {run}" in one_line(acutance("upscale", photos, "--model", run))


def test_a_run_folder_that_cannot_be_made_is_one_line(
    acutance: Run, photos: Path, photo: Path
) -> None:
    result = acutance("train", "base-x4", "--data", photos, "--out", photo / "run", *TINY)
    assert result.status == 1
    assert f"{photo / 'run'}: Not a directory" in one_line(result)


def test_photos_that_are_not_enough(acutance: Run, tmp_path: Path) -> None:
    write_photo(tmp_path / "small" / "a.png")
    (tmp_path / "none").mkdir()
    (tmp_path / "junk.tar").write_text("no tar")
    cases = {
        "small": "large enough",
        "none": "no photos",
        "x": "no such",
        "junk.tar": "cannot read",
    }
    for folder, message in cases.items():
        out = tmp_path / "run"
        result = acutance("train", "base-x4", "--data", tmp_path / folder, "--out", out)
        assert result.status == 1
        assert message in one_line(result)


def test_without_pytorch(acutance: Run, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acutance.cli.train.find_spec", lambda name: None)
    assert "pip install 'acutance[train]'" in one_line(acutance("export", run))
