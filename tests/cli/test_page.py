"""docs/cli.md says what the command line says."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "make_cli_page.py"))["page"]
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == page(), (
        "make it anew: python docs/make_cli_page.py > docs/cli.md"
    )
