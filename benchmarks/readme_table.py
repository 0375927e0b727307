"""The README's table, from the cards of the shipped models and the published rows.

Usage: python benchmarks/readme_table.py [--write]

Prints it, or with ``--write`` puts it into README.md between ``<!-- quality-table -->`` and
``<!-- end -->``.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from acutance.evaluation.table import published_rows
from acutance.inference.models import shipped
from acutance.metrics.protocol import PROTOCOLS
from acutance.models.card import Card

README = Path(__file__).parent.parent / "README.md"
PLACE = re.compile(r"(?<=^<!-- quality-table -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL)


def table() -> str:
    """A table in Markdown, scale by scale: models for plain bicubic, published rows, others."""
    lines = ["| | scale | PSNR | SSIM | HFENI |", "|---|---|---:|---:|---:|"]
    cards = shipped()
    for scale in sorted({card.scale for card in cards.values()}):
        own = [card for card in cards.values() if card.scale == scale]
        lines += [_row(card) for card in own if card.kind == "bicubic"]
        lines += _published(scale)
        lines += [_row(card) for card in own if card.kind != "bicubic"]
    return "\n".join(lines) + "\n"


def _row(card: Card) -> str:
    figures = card.metrics["poster2017"]["all"]
    kind = "" if card.kind == "bicubic" else f" ({card.kind})"
    return (
        f"| **Acutance `{card.name}`**{kind} | x{card.scale} | {figures['psnr']:.2f} "
        f"| {figures['ssim']:.4f} | {figures['hfeni']:.4f} |"
    )


def _published(scale: int) -> Iterator[str]:
    for line in published_rows(scale, PROTOCOLS["poster2017"]):
        yield (
            f"| *{line.method}* | x{scale} | *{line.psnr:.2f}* "
            f"| *{line.ssim:.4f}* | *{line.hfeni:.4f}* |"
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
    README.write_text(PLACE.sub(lambda _: table(), text), encoding="utf-8")


if __name__ == "__main__":
    main()
