"""Tables of the shipped models in README.md and docs/, from their cards.

Usage: python benchmarks/card_tables.py [--write]

Prints them, or with ``--write`` puts each into its page, between ``<!-- NAME -->`` and
``<!-- end -->``.
"""

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from acutance.inference.models import shipped
from acutance.models.card import Card

ROOT = Path(__file__).parent.parent
DEGRADED = "standard-{preset}-seed0"


def quality() -> str:
    """All models, scale by scale: those for plain bicubic, then others."""
    lines = ["| | scale | PSNR | SSIM | HFENI |", "|---|---|---:|---:|---:|"]
    cards = shipped()
    for scale in sorted({card.scale for card in cards.values()}):
        own = [card for card in cards.values() if card.scale == scale]
        own.sort(key=lambda card: card.kind != "bicubic")
        lines += [_quality_row(card) for card in own]
    return "\n".join(lines) + "\n"


def _quality_row(card: Card) -> str:
    figures = card.metrics["poster2017"]["all"]
    kind = "" if card.kind == "bicubic" else f" ({card.kind})"
    return (
        f"| **Acutance `{card.name}`**{kind} | x{card.scale} | {figures['psnr']:.2f} "
        f"| {figures['ssim']:.4f} | {figures['hfeni']:.4f} |"
    )


def degraded(preset: str) -> str:
    """BSDS100 degraded by a preset: the photo models, and the gain over the bicubic-trained."""
    run = DEGRADED.format(preset=preset)
    lines = [
        "| | scale | PSNR | gain | SSIM | LPIPS | DISTS | NIQE | checkerboard |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    cards = shipped()
    for scale in sorted({card.scale for card in cards.values()}):
        base = cards[f"base-x{scale}"].metrics.get(run, {}).get("BSDS100")
        for name in (f"base-x{scale}", f"photo-x{scale}", f"gan-photo-x{scale}"):
            found = cards[name].metrics.get(run, {}) if name in cards else {}
            if base is None or not found:
                continue
            own = found["BSDS100"]
            gain = "" if own is base else f"{own['psnr'] - base['psnr']:+.2f}"
            shown = name if own is base else f"**{name}**"
            cells = [shown, f"x{scale}", f"{own['psnr']:.2f}", gain, f"{own['ssim']:.3f}"]
            for key, places in (("lpips", 3), ("dists", 3), ("niqe", 2), ("checkerboard", 2)):
                cells.append(f"{own[key]:.{places}f}" if key in own else "")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def clean() -> str:
    """Clean pictures: what the photo models lose to the bicubic-trained, in all and by set."""
    lines = [
        "| | bicubic model | strength 0 | strength estimated "
        "| lost at 0 | on Set5 | on Set14 | on BSDS100 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    cards = shipped()
    for name, card in cards.items():
        if not name.startswith("photo-"):
            continue
        base = cards[f"base-x{card.scale}"].metrics["poster2017"]
        own = card.metrics["poster2017-denoise0"]
        lost = (base[s]["psnr"] - own[s]["psnr"] for s in ("all", "Set5", "Set14", "BSDS100"))
        estimated = card.metrics["poster2017"]["all"]["psnr"]
        cells = [base["all"]["psnr"], own["all"]["psnr"], estimated, *lost]
        lines.append(f"| {name} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "quality-table": ("README.md", quality),
    "degraded-table": ("docs/photos.md", partial(degraded, "degraded")),
    "harsh-table": ("docs/photos.md", partial(degraded, "harsh")),
    "clean-table": ("docs/photos.md", clean),
}
"""Name of the place -> page and table."""


def place(name: str) -> re.Pattern[str]:
    """What lies between a place's marks."""
    pattern = rf"(?<=^<!-- {name} -->\n).*?(?=^<!-- end -->$)"
    return re.compile(pattern, re.MULTILINE | re.DOTALL)


def main() -> None:
    """Print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="into the pages")
    write = parser.parse_args().write
    for name, (page, table) in TABLES.items():
        if not write:
            print(f"{page}, {name}\n\n{table()}")
            continue
        path = ROOT / page
        text = path.read_text(encoding="utf-8")
        if not place(name).search(text):
            parser.error(f"{page} has no <!-- {name} --> with an <!-- end -->")
        made = table()
        path.write_text(place(name).sub(lambda _, made=made: made, text, count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
