"""Quality of the shipped models, set by set, by both protocols: docs/benchmarks/quality.md.

Usage: python benchmarks/quality.py --data DIR [--record] [--backbones DIR] [--rows FILE]

``DIR`` holds Set5, Set14 and BSDS100. ``--record`` writes the figures into the models' cards.
``--backbones`` adds LPIPS, DISTS, NIQE and LR-PSNR to the tables of the standard protocol.
``--rows`` keeps each picture's figures in a file and goes on from it; ``acutance benchmark`` can
share it. Delete it after a change of the code that measures.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.progress import track

from acutance.data.benchmarks import find_benchmarks
from acutance.evaluation import table
from acutance.evaluation.comparison import Comparison
from acutance.evaluation.contenders import Engine, contenders
from acutance.evaluation.provenance import commit
from acutance.evaluation.record import record
from acutance.evaluation.store import Store
from acutance.inference.models import find_card, shipped
from acutance.metrics.perceptual import Perceptual
from acutance.metrics.protocol import PROTOCOLS

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks" / "quality.md"


def comparisons(options: argparse.Namespace, imports: Path) -> Iterator[Comparison]:
    """Scale by scale, both protocols."""
    pictures, store = find_benchmarks(options.data), Store(options.rows)
    perceptual = Perceptual(options.backbones) if options.backbones else None
    for scale in sorted({card.scale for card in shipped().values()}):
        found = contenders(scale, imports=imports, engine=Engine(threads=options.threads))
        for protocol in PROTOCOLS.values():
            seen = perceptual if protocol.name == "standard" else None
            yield Comparison(found, pictures, store, scale, protocol, seen)


def section(comparison: Comparison, *, write: bool) -> str:
    """Measure what is missing; the table of a scale and protocol, figures recorded if wished."""
    runnable = [one for one in comparison.contenders if one.open]
    runnable.sort(key=lambda one: one.group != "acutance")
    todo = sum(len(comparison.missing(one)) for one in runnable)
    name = f"x{comparison.scale}, {comparison.protocol.name}"
    rows = (row for one in runnable for row in comparison.measure(one))
    for _ in track(rows, name, total=todo, disable=not todo):
        pass
    own = {one.method: comparison.lines(one) for one in runnable}
    if write:
        for model, card in shipped().items():
            if card.scale == comparison.scale:
                lines = own[f"Acutance {model}"]
                record(find_card(model), lines, key=comparison.protocol.name)
    lines = [line for each in own.values() for line in each]
    lines += table.published(comparison.scale, comparison.protocol, next(iter(own.values())))
    if comparison.perceptual:
        lines += table.published_perceptual(comparison.scale, comparison.protocol, lines)
    text = table.to_markdown(
        lines,
        scale=comparison.scale,
        protocol=comparison.protocol,
        missing=comparison.perceptual.missing if comparison.perceptual else None,
    )
    return f"## {name}\n\n{text}"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--backbones", type=Path)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    command = "python benchmarks/quality.py --data DIR"
    command += " --backbones BACKBONES" if options.backbones else ""
    parts = [
        "# Quality of the shipped models\n",
        f"Made by `{command}`, where `DIR` holds Set5, Set14 and BSDS100,\n"
        f"at commit {commit()[:12]}. The protocols: [protocol](../protocol.md).\n",
    ]
    with tempfile.TemporaryDirectory() as name:
        for comparison in comparisons(options, Path(name)):
            parts.append(section(comparison, write=options.record))
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
