"""benchmarks/experiments.py: a page that says no more than the runs."""

import argparse
import dataclasses
import json
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ..conftest import picture

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "experiments.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def results(script: dict[str, Any], group: str) -> list[Any]:
    """Two seeds each, 0.02 dB apart, and then a run of fewer minutes."""
    common = {"group": group, "threads": 1, "steps": 9, "lr_pixels": 10_000_000, "commit": "c"}
    common |= {"parameters": 166_000, "macs_per_lr_pixel": 9e4, "held_out_psnr": 28.0}
    common |= {"ssim": 0.7, "hardware": "a machine"}
    found = []
    for index, name in enumerate(script["GROUPS"][group]):
        for seed in range(2):
            psnr = 27.0 + 0.1 * index + 0.02 * seed
            run = {"name": name, "seed": seed, "psnr": psnr, "hfeni": psnr - 25}
            found.append(script["Result"](**common, **run, minutes=5.0))
    return [*found, script["Result"](**common, **{**run, "psnr": 20.0}, minutes=1.0)]


def test_the_page(script: dict[str, Any]) -> None:
    page = script["report"](results(script, "structure"))
    assert "| whole | 2 | 166 K | 90 K | 10.0 | 28.000 ± 0.000 | 27.010 ± 0.010 |" in page
    assert "Not run on these terms: whole, without bicubic," in page  # for one minute
    assert "| consistent | 1 |" in page  # the single run of fewer minutes
    assert page.count("No runs yet.") == len(script["GROUPS"]) - 1
    assert set(script["QUESTIONS"]) == set(script["GROUPS"]) == set(script["LEARNED"])


def test_machines_do_not_mix(script: dict[str, Any]) -> None:
    runs = results(script, "structure")[:-1]
    other = [dataclasses.replace(run, hardware="another machine") for run in runs]
    page = script["report"]([*runs, *other])
    assert page.count("| whole | 2 |") == 2
    assert {run.key for run in runs}.isdisjoint(run.key for run in other)


def test_whoever_stops_the_script_stops_what_it_runs(script: dict[str, Any]) -> None:
    """And what fails is no result."""
    with pytest.raises(subprocess.CalledProcessError):
        script["acutance"]("train", "nonsense", "--data", ".", "--out", ".")
    started = []

    class Stopping(subprocess.Popen):  # type: ignore[type-arg]
        def communicate(self, *_: Any, **__: Any) -> Any:
            started.append(self)
            raise SystemExit(143)  # what the handler of SIGTERM makes of it

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", Stopping)
        with pytest.raises(SystemExit):
            script["acutance"]("--help")
    assert started[0].poll() is not None


def test_a_run_from_training_to_its_line(
    script: dict[str, Any],
    photos: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is measured in here is what ``acutance evaluate`` measures of the exported model."""
    pictures = tmp_path / "benchmarks" / "Set5"
    pictures.mkdir(parents=True)
    for number in range(2):
        Image.fromarray(picture(number)).save(pictures / f"{number}.png")
    patches = 'patches=[{"until":1.0,"patch":12,"batch":2}]'
    monkeypatch.setitem(script["GROUPS"]["terms-x4"], "by a test", ("tiny-x4", patches))
    options = argparse.Namespace(
        data=photos,
        benchmarks=pictures.parent,
        runs=tmp_path,
        minutes=0.02,
        threads=1,
        winograd=False,
    )
    result = script["execute"]("terms-x4", "by a test", 0, options)
    assert result.lr_pixels == result.steps * 2 * 12 * 12 > 0
    (card,) = tmp_path.glob("*/export/*.json")
    capfd.readouterr()
    script["acutance"](
        *("evaluate", "--data", str(pictures.parent), "--scale", "4", "--model", str(card)),
        *("--no-baselines", "--format", "json", "--quiet"),
    )
    (line,) = json.loads(capfd.readouterr().out)["lines"]
    assert result.psnr == pytest.approx(line["psnr"], abs=1e-3)
    assert result.hfeni == pytest.approx(line["hfeni"], rel=1e-3)


@pytest.mark.parametrize("group", ["alpha", "terms-x4"])
def test_the_plot_is_on_the_last_terms_that_several_share(
    script: dict[str, Any], group: str, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    *earlier, last = results(script, group)
    assert last.minutes != earlier[0].minutes

    def drawn(runs: list[Any]) -> bytes:
        script["draw"](group, runs, tmp_path / "plot.svg")
        return (tmp_path / "plot.svg").read_bytes()

    assert drawn([last, *earlier]) == drawn(earlier)
    assert drawn(earlier) != drawn(earlier[1:])
    assert drawn([*earlier, last]) == drawn(earlier)  # alone it compares nothing
    name = next(name for name in script["GROUPS"][group] if name != last.name)
    second = dataclasses.replace(last, name=name)
    assert drawn([*earlier, last, second]) == drawn([last, second]) != drawn(earlier)
