"""The README's figures are those of the shipped cards."""

import re
import runpy
from pathlib import Path

from acutance.inference.models import shipped

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_cards() -> None:
    made = runpy.run_path(str(ROOT / "benchmarks" / "readme_table.py"))
    assert made["PLACE"].search(README).group() == made["table"](), (
        "make it anew: python benchmarks/readme_table.py --write"
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
