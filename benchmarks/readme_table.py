"""The README's table of all shipped models, from their cards.

Usage: python benchmarks/readme_table.py [--write]

Prints it, or with ``--write`` puts it into README.md between ``<!-- quality-table -->`` and
``<!-- end -->``.
"""

import argparse
import re
from pathlib import Path

from acutance.inference.models import shipped
from acutance.models.card import Card

README = Path(__file__).parent.parent / "README.md"
PLACE = re.compile(r"(?<=^<!-- quality-table -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL)


def table() -> str:
    """A table in Markdown, scale by scale: models for plain bicubic, then others."""
    lines = ["| | scale | PSNR | SSIM | HFENI |", "|---|---|---:|---:|---:|"]
    cards = shipped()
    for scale in sorted({card.scale for card in cards.values()}):
        own = [card for card in cards.values() if card.scale == scale]
        lines += [_row(card) for card in own if card.kind == "bicubic"]
        lines += [_row(card) for card in own if card.kind != "bicubic"]
    return "\n".join(lines) + "\n"


def _row(card: Card) -> str:
    figures = card.metrics["poster2017"]["all"]
    kind = "" if card.kind == "bicubic" else f" ({card.kind})"
    return (
        f"| **Acutance `{card.name}`**{kind} | x{card.scale} | {figures['psnr']:.2f} "
        f"| {figures['ssim']:.4f} | {figures['hfeni']:.4f} |"
    )


def main() -> None:
    """Print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="into README.md")
    if not parser.parse_args().write:
        print(table(), end="")
        return
    text = README.read_text(encoding="utf-8")
    if not PLACE.search(text):
        parser.error("README.md has no <!-- quality-table --> with an <!-- end -->")
    README.write_text(PLACE.sub(lambda _: table(), text, count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
