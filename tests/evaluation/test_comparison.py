"""Costs as the networks have them, times on pictures that fit, plots that do not change."""

import dataclasses
from pathlib import Path

import pytest

from acutance.evaluation.comparison import Standing
from acutance.evaluation.contenders import NETWORK_NAMES, costs
from acutance.evaluation.timing import lr_side
from acutance.models.catalogue import build, network_config
from acutance.models.cost import macs_per_lr_pixel, parameter_count

STANDINGS = [
    Standing(scale=4, method="bicubic", group="interpolation", kind="", psnr=26.0),
    Standing(
        scale=4,
        method="LapSRN, published weights",
        group="weights",
        kind="bicubic",
        psnr=27.6,
        macs_per_output_pixel=127e3,
    ),
    Standing(
        scale=4,
        method="Acutance base-x4",
        group="acutance",
        kind="bicubic",
        psnr=27.64,
        macs_per_output_pixel=28e3,
    ),
]


@pytest.mark.parametrize(("name", "scale"), [("VDSR", 4), ("DRCN", 2), ("LapSRN", 8), ("SCN", 8)])
def test_costs_are_those_of_the_networks(name: str, scale: int) -> None:
    key = next(key for key, written in NETWORK_NAMES.items() if written == name)
    network = build(key, vars(network_config(key, "paper", scale=scale)))
    cost = costs()[name, scale]
    assert cost.parameters == parameter_count(network)
    assert cost.macs_per_lr_pixel == pytest.approx(macs_per_lr_pixel(network), rel=1e-3)


def test_dear_networks_are_timed_on_smaller_pictures() -> None:
    assert lr_side(4, 0) == 256
    assert lr_side(8, 0.5e6) == 128
    assert lr_side(4, 10.6e6) ** 2 * 10.6e6 <= 64e9
    assert lr_side(4, 312e6) == 32


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_plot_is_the_same_every_time(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    from acutance.evaluation.plot import draw_costs

    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        draw_costs(STANDINGS, path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert b"<dc:date>" not in first
    draw_costs([*STANDINGS[:2], dataclasses.replace(STANDINGS[2], psnr=28.0)], paths[0])
    assert paths[0].read_bytes() != second


@pytest.mark.parametrize(("psnr", "names"), [(27.61, 1), (27.2, 2)])
def test_a_published_figure_that_differs_has_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, psnr: float, names: int
) -> None:
    pytest.importorskip("matplotlib")
    from acutance.evaluation import plot

    named: list[str] = []
    monkeypatch.setattr(
        plot, "place_labels", lambda _axis, labels, **_: named.extend(label[0] for label in labels)
    )
    published = dataclasses.replace(STANDINGS[1], method="LapSRN", group="published", psnr=psnr)
    plot.draw_costs([*STANDINGS, published], tmp_path / "plot.svg")
    assert named.count("LapSRN") == names
