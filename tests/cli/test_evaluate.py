"""``acutance evaluate`` and ``acutance models``: tables that can be read and trusted."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from .conftest import Run, one_line


def test_the_table(acutance: Run, sets: Path, model: Path) -> None:
    result = acutance("evaluate", "--data", sets, "--scale", 2, "--model", model, "--quiet")
    assert result.status == 0, result.err
    for word in ("Acutance tiny-x2", "bicubic", "Lanczos", "Set5", "Set14", "all", "poster2017"):
        assert word in result.out
    assert "published" not in result.out  # these are not the customary pictures


def test_json_csv_and_rows_agree(acutance: Run, sets: Path, model: Path, tmp_path: Path) -> None:
    words = ("evaluate", "--data", sets, "--scale", 2, "--model", model, "--quiet")
    found = json.loads(acutance(*words, "--format", "json", "--rows", tmp_path / "r.csv").out)
    table = list(csv.DictReader(io.StringIO(acutance(*words, "--format", "csv").out)))
    rows = list(csv.DictReader((tmp_path / "r.csv").open()))
    assert len(rows) == 3 * 3
    ours = [float(r["psnr"]) for r in rows if r["method"] == "bicubic"]
    line = next(x for x in found["lines"] if (x["method"], x["set_name"]) == ("bicubic", "all"))
    assert line["psnr"] == pytest.approx(sum(ours) / 3, abs=1e-3)
    same = next(x for x in table if (x["method"], x["set_name"]) == ("bicubic", "all"))
    assert float(same["psnr"]) == pytest.approx(line["psnr"])
    hfenn = [float(r["hfenn"]) for r in rows if r["method"] == "bicubic"]
    assert line["pooled_hfeni"] == pytest.approx(3 / sum(hfenn), rel=1e-3)
    assert line["median_hfeni"] == pytest.approx(1 / sorted(hfenn)[1], rel=1e-3)


def test_pictures_of_another_program(acutance: Run, sets: Path, tmp_path: Path) -> None:
    """The ground truth itself has no error."""
    for path in sets.glob("*/*.png"):
        (tmp_path / "made").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "made" / f"{path.stem}_x2.png")
    words = ("evaluate", "--data", sets, "--scale", 2, "--format", "json", "--quiet")
    result = acutance(*words, "--images", tmp_path / "made")
    lines = json.loads(result.out)["lines"]
    assert lines[0]["method"] == "pictures in made"
    assert lines[0]["psnr"] is None  # infinite
    assert lines[0]["ssim"] == pytest.approx(1)
    (tmp_path / "made" / "a_x2.png").unlink()
    assert "Set5/a" in one_line(acutance(*words, "--images", tmp_path / "made"))


def test_the_self_ensemble_is_a_row_of_its_own(acutance: Run, sets: Path, model: Path) -> None:
    words = ("evaluate", "--data", sets, "--scale", 2, "--format", "json", "--quiet")
    lines = json.loads(acutance(*words, "--model", model, "--best").out)["lines"]
    psnr = {line["method"]: line["psnr"] for line in lines if line["set_name"] == "all"}
    assert {"Acutance tiny-x2", "Acutance tiny-x2, --best", "bicubic", "Lanczos"} == set(psnr)
    assert psnr["Acutance tiny-x2, --best"] != psnr["Acutance tiny-x2"]


def test_figures_are_recorded_in_the_card(
    acutance: Run, sets: Path, model: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "model"
    shutil.copytree(model.parent, copy)
    words = ("evaluate", "--data", sets, "--scale", 2, "--model", copy, "--quiet", "--record")
    assert acutance(*words).status == 0
    card = json.loads((copy / "tiny-x2.json").read_text())
    assert card["metrics"]["poster2017"]["all"]["images"] == 3
    assert set(card["metrics"]["poster2017"]) == {"Set5", "Set14", "all"}


def test_perceptual_figures_are_recorded_too(
    acutance: Run, sets: Path, model: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "model"
    shutil.copytree(model.parent, copy)
    words = ("evaluate", "--data", sets, "--scale", 2, "--model", copy, "--quiet", "--record")
    result = acutance(*words, "--perceptual", "--format", "json")
    printed = next(x for x in json.loads(result.out)["lines"] if x["set_name"] == "all")
    figures = json.loads((copy / "tiny-x2.json").read_text())["metrics"]["poster2017"]["all"]
    assert figures["lr_psnr"] == pytest.approx(printed["lr_psnr"], abs=1e-4)
    assert figures["niqe"] is None  # the pictures are too small
    assert "lpips" not in figures  # no backbone


def test_published_perceptual_rows_stand_beside_their_set(
    acutance: Run, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acutance.evaluation.table.CUSTOMARY_SETS", {"Set5": 2, "BSDS100": 100})
    words = ("evaluate", "--data", sets, "--model", "none", "--quiet", "--protocol", "standard")
    found = json.loads(acutance(*words, "--perceptual", "--format", "json").out)["lines"]
    lpips = {line["method"]: line["lpips"] for line in found if line["published"]}
    assert lpips == {"SRGAN (SPSR paper)": 0.088, "ESRGAN (SPSR paper)": 0.075} | {
        "SPSR (SPSR paper)": 0.064
    }
    printed = acutance(*words, "--perceptual").out
    row = next(line for line in printed.splitlines() if "SPSR (SPSR" in line)
    assert [cell.strip() for cell in row.split("|")[2:9]] == ["Set5", "2", *[""] * 5]
    assert "| 0.064 |" in " ".join(row.split())
    assert "SPSR" not in acutance(*words).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "4", "--protocol", "mine"], "unknown protocol 'mine'"),
        (["--scale", "5"], "no model upscales by 5"),
        (["--scale", "1"], "at least 2"),
        (["--scale", "2", "--sets", "Set7"], "no set Set7"),
        (["--scale", "2", "--model", "base-x4"], "not by 2"),
        (["--scale", "2", "--model", "none", "--record"], "--model"),
        (["--scale", "2", "--model", "none", "--best"], "--model"),
        (["--scale", "2", "--images", "nowhere"], "no such folder"),
    ],
)
def test_wrong_wishes_are_one_line(
    acutance: Run, sets: Path, arguments: list[str], message: str
) -> None:
    result = acutance("evaluate", "--data", sets, "--quiet", *arguments)
    assert result.status == 1
    assert message in one_line(result)


def test_tables_are_not_overwritten(acutance: Run, sets: Path, tmp_path: Path) -> None:
    words = ("evaluate", "--data", sets, "--scale", 2, "--model", "none", "--quiet")
    assert acutance(*words, "-o", tmp_path / "t.md").status == 0
    before = (tmp_path / "t.md").read_text()
    assert "--overwrite" in one_line(acutance(*words, "-o", tmp_path / "t.md"))
    assert (tmp_path / "t.md").read_text() == before


@pytest.mark.parametrize("flag", ["--output", "--rows"])
def test_what_cannot_be_written_is_said_before_measuring(
    acutance: Run, sets: Path, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("measured first")

    monkeypatch.setattr("acutance.evaluation.run.measure", fail)
    words = ("evaluate", "--data", sets, "--scale", 2, "--model", "none", "--quiet", flag)
    assert "not a folder" in one_line(acutance(*words, sets / "Set5" / "a.png" / "t.md"))
    assert "a folder" in one_line(acutance(*words, sets, "--overwrite"))


def test_models_lists_what_ships(acutance: Run) -> None:
    result = acutance("models")
    assert result.status == 0
    cards = json.loads(acutance("models", "--json").out)
    for name, card in cards.items():
        assert name in result.out
        assert card["files"]["safetensors"]["sha256"][:12] in result.out
        figures = card["metrics"]["poster2017"]["all"]
        assert figures["images"] == 119
        assert f"{figures['psnr']:.2f}" in result.out


def test_perceptual_columns_say_what_they_lack(acutance: Run, sets: Path, tmp_path: Path) -> None:
    words = ("evaluate", "--data", sets, "--scale", 2, "--model", "none", "--quiet", "--perceptual")
    printed = acutance(*words)
    assert printed.status == 0, printed.err
    for word in ("LPIPS", "DISTS", "NIQE", "LR-PSNR", "no backbone"):
        assert word in printed.out
    result = acutance(*words, "--format", "json", "--rows", tmp_path / "r.csv")
    found = json.loads(result.out)
    assert found["missing"] == {"lpips": "no backbone", "dists": "no backbone"}
    rows = list(csv.DictReader((tmp_path / "r.csv").open()))
    assert {row["lpips"] for row in rows} == {"no backbone"}
    own = [float(row["lr_psnr"]) for row in rows if row["method"] == "bicubic"]
    line = next(x for x in found["lines"] if (x["method"], x["set_name"]) == ("bicubic", "all"))
    assert line["lpips"] is None
    assert line["niqe"] is None  # pictures of less than two blocks
    assert line["lr_psnr"] == pytest.approx(sum(own) / len(own), abs=1e-4)
    table = list(csv.DictReader(io.StringIO(acutance(*words, "--format", "csv").out)))
    assert float(table[0]["lr_psnr"]) > 20
    assert table[0]["dists"] == "no backbone"


def test_backbones_that_are_none(acutance: Run, sets: Path, tmp_path: Path) -> None:
    words = ("evaluate", "--data", sets, "--scale", 2, "--model", "none", "--quiet", "--backbones")
    assert "--perceptual" in one_line(acutance(*words, tmp_path))
    assert "no such folder" in one_line(acutance(*words, tmp_path / "x", "--perceptual"))
    (tmp_path / "alexnet.safetensors").write_bytes(b"nonsense")
    assert "alexnet" in one_line(acutance(*words, tmp_path, "--perceptual"))


def test_a_model_can_be_measured_alone(acutance: Run, sets: Path, model: Path) -> None:
    words = ["evaluate", "--data", sets, "--scale", 2, "--format", "json", "--no-baselines"]
    lines = json.loads(acutance(*words, "--model", model).out)["lines"]
    assert {line["method"] for line in lines if not line["published"]} == {"Acutance tiny-x2"}
    result = acutance(*words, "--model", "none")
    assert "nothing to measure" in one_line(result)


def test_a_strength_for_a_model_that_takes_none_is_refused(
    acutance: Run, sets: Path, model: Path
) -> None:
    words = ["evaluate", "--data", sets, "--scale", 2, "--denoise", 0.5]
    assert "removes no noise" in one_line(acutance(*words, "--model", model))
    assert "--denoise needs a model" in one_line(acutance(*words, "--model", "none"))
