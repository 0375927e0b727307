"""The README's figures and the tables of docs are those of the shipped cards."""

import re
import runpy
from pathlib import Path

import pytest

from acutance.inference.models import shipped

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["quality-table", "degraded-table", "clean-table"])
def test_the_tables_are_those_of_the_cards(name: str) -> None:
    made = runpy.run_path(str(ROOT / "benchmarks" / "card_tables.py"))
    page, table = made["TABLES"][name]
    assert made["place"](name).search((ROOT / page).read_text("utf-8")).group() == table(), (
        "make it anew: python benchmarks/card_tables.py --write"
    )


def test_the_table_says_what_was_measured() -> None:
    for name, card in shipped().items():
        figures = card.metrics["poster2017"]["all"]
        row = next(line for line in README.splitlines() if f"`{name}`" in line and "|" in line)
        cells = [cell.strip(" *") for cell in row.split("|")]
        expected = [f"{figures['psnr']:.2f}", f"{figures['ssim']:.4f}", f"{figures['hfeni']:.4f}"]
        assert all(value in cells for value in expected), (row, expected)


def test_every_file_that_the_readme_names_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
