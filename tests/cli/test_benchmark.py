"""``acutance benchmark``: one table, measured once, whatever happens in between."""

import csv
import io
import json
from pathlib import Path

import pytest

from .conftest import Run, one_line

WORDS = ("benchmark", "--scale", "2", "--quiet")


@pytest.fixture
def nothing_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the models that are given, which is quicker."""
    monkeypatch.setattr("acutance.evaluation.contenders.shipped", dict)


@pytest.fixture
def no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every measurement fails."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr("acutance.evaluation.comparison.run", fail)


def test_every_row_says_what_it_is(acutance: Run, sets: Path, model: Path) -> None:
    result = acutance(*WORDS, "--data", sets, "--model", model, "--format", "json")
    assert result.status == 0, result.err
    lines = {line["method"]: line for line in json.loads(result.out)["lines"]}
    assert lines["VDSR, published weights"]["skipped"] == "give --peers"
    assert lines["VDSR, published weights"]["psnr"] is None
    assert lines["VDSR, published weights"]["parameters"] == 665921
    assert {"bicubic", "Lanczos", "Acutance base-x2", "Acutance tiny-x2"} < set(lines)
    ours, best = lines["Acutance tiny-x2"], lines["Acutance tiny-x2, --best"]
    assert best["macs_per_lr_pixel"] == 8 * ours["macs_per_lr_pixel"]
    assert ours["macs_per_output_pixel"] == ours["macs_per_lr_pixel"] / 4
    assert best["psnr"] != ours["psnr"]
    words = ("evaluate", "--data", sets, "--scale", 2, "--quiet", "--format", "json")
    measured = json.loads(acutance(*words, "--model", model).out)["lines"]
    for line in measured:
        if line["set_name"] == "all":
            assert lines[line["method"]]["psnr"] == pytest.approx(line["psnr"])
            assert lines[line["method"]]["hfeni"] == pytest.approx(line["hfeni"])


@pytest.mark.usefixtures("nothing_ships")
def test_what_was_measured_is_not_measured_again(
    acutance: Run, sets: Path, model: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rows = tmp_path / "rows.jsonl"
    words = (*WORDS, "--data", sets, "--model", model, "--rows", rows, "--format", "csv")
    first = acutance(*words)
    assert first.status == 0, first.err
    whole = rows.read_text()
    assert len(whole.splitlines()) == 3 * 4
    rows.write_text(whole[:-20])  # killed while it wrote
    again = acutance(*words)
    assert again.out == first.out
    assert sorted(rows.read_text().splitlines()) == sorted(whole.splitlines())
    request.getfixturevalue("no_measuring")
    assert acutance(*words).out == first.out


@pytest.mark.usefixtures("nothing_ships")
def test_another_picture_is_measured(acutance: Run, sets: Path, tmp_path: Path) -> None:
    """Scores belong to the picture, not to its name."""
    words = (*WORDS, "--data", sets, "--rows", tmp_path / "rows.jsonl", "--format", "csv")
    first = acutance(*words).out
    (sets / "Set5" / "a.png").write_bytes((sets / "Set14" / "c.png").read_bytes())
    assert acutance(*words).out != first


@pytest.mark.usefixtures("nothing_ships")
def test_page_plot_and_times(
    acutance: Run, sets: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("acutance.evaluation.timing.OUTPUT_PIXELS", 64**2)
    monkeypatch.setattr("acutance.evaluation.timing.LEAST_SECONDS", 0.0)
    page = tmp_path / "docs" / "table.md"
    words = (*WORDS, "--data", sets, "--model", model, "-o", page)
    assert acutance(*words).status == 0
    text = page.read_text()
    assert "![Quality against cost](table.png)" in text
    assert "No times were taken" in text
    assert "--data BENCHMARKS" in text
    assert str(sets) not in text
    assert page.with_suffix(".svg").read_text().startswith("<?xml")
    assert "--overwrite" in one_line(acutance(*words))
    assert acutance(*words, "--overwrite", "--timings", "--threads", "1").status == 0
    timed = page.read_text()
    assert ", 1 thread;" in timed
    rows = ("--format", "csv", "--rows", page.with_suffix(".rows.jsonl"))
    lines = _csv(acutance(*WORDS, "--data", sets, "--model", model, *rows).out)
    taken = {row["method"] for row in lines if row["seconds_per_megapixel"]}
    assert taken == {"bicubic", "Lanczos", "Acutance tiny-x2", "Acutance tiny-x2, --best"}


@pytest.mark.usefixtures("nothing_ships")
def test_published_rows_stand_beside_the_customary_pictures(
    acutance: Run, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acutance.evaluation.table.CUSTOMARY_SETS", {"Set5": 2, "Set14": 1})
    words = ("benchmark", "--scale", 4, "--quiet", "--data", sets)
    rows = [line for line in acutance(*words).out.splitlines() if line.startswith("| *")]
    cells = {c[1]: c[2:] for row in rows if (c := [cell.strip() for cell in row.split("|")])}
    assert cells["*NVIDIA 2017 (Korobchenko and Foco 2017)*"][:3] == [
        "*27.63*",
        "*0.7432*",
        "*2.2634*",
    ]
    assert cells["*DRCN (Korobchenko and Foco 2017)*"][3:5] == ["1.78 M", "312 M"]


@pytest.mark.usefixtures("nothing_ships")
@pytest.mark.parametrize("old", ["", "old\n"])
def test_an_excerpt_goes_into_its_place(
    acutance: Run, sets: Path, model: Path, tmp_path: Path, old: str
) -> None:
    page = tmp_path / "README.md"
    after = "<!-- end -->\nafter\n<!-- end -->\n"
    page.write_text(f"before\n<!-- benchmark -->\n{old}{after}")
    words = (*WORDS, "--data", sets, "--model", model, "--rows", tmp_path / "rows.jsonl")
    first = acutance(*words, "--excerpt", page)
    assert first.status == 0, first.err
    text = page.read_text()
    assert text.startswith("before\n<!-- benchmark -->\n| method")
    assert text.endswith(f" |\n{after}")
    assert text.count("Acutance tiny-x2") == 1
    for left_out in ("old", "bicubic", "--best", "skipped"):
        assert left_out not in text
    assert acutance(*words, "--excerpt", page).status == 0
    assert page.read_text() == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--excerpt", "missing.md"], "cannot read missing.md"),
        (["--excerpt", "sets/Set5/a.png"], "cannot read"),
        (["--excerpt", "plain.md"], "no line <!-- benchmark -->"),
        (["--peers", "nowhere"], "no such folder"),
        (["--peers", "."], "VDSR_Official.mat"),
        (["--scale", "1"], "at least 2"),
        (["--threads", "0"], "at least 1"),
        (["--protocol", "mine"], "unknown protocol"),
        (["--model", "nothing"], "unknown model"),
        (["--out", "table.svg"], "the plot"),
        (["--out", "sets/Set5/a.png/t.md"], "not a folder"),
        (["--rows", "sets/Set5/a.png"], "another --rows"),
    ],
)
def test_wrong_wishes_are_one_line(
    acutance: Run,
    sets: Path,
    arguments: list[str],
    message: str,
    no_measuring: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(sets.parent)
    (sets.parent / "plain.md").write_text("<!-- benchmark --> in a line\n")
    result = acutance("benchmark", "--data", "sets", "--quiet", *arguments)
    assert result.status == 1
    assert message in one_line(result)


def _csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))
