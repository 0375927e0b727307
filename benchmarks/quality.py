"""Quality of the shipped models: writes docs/benchmarks/quality.md by ``acutance evaluate``.

Usage: python benchmarks/quality.py --data DIR [--record]

``DIR`` holds Set5, Set14 and BSDS100. ``--record`` writes the figures into the models' cards.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from acutance.evaluation.provenance import commit
from acutance.inference.models import shipped
from acutance.metrics.protocol import PROTOCOLS

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks" / "quality.md"


def evaluate(data: Path, model: str, scale: int, protocol: str, *, record: bool) -> str:
    """The table that the command line prints."""
    command = [sys.executable, "-m", "acutance.cli.main", "evaluate", "--data", str(data)]
    command += ["--scale", str(scale), "--model", model, "--protocol", protocol]
    command += ["--record"] if record else []
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Tables of docs/benchmarks/quality.md")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    parts = [
        "# Quality of the shipped models\n",
        "Made by `python benchmarks/quality.py --data DIR`, where `DIR` holds Set5, Set14 and\n"
        f"BSDS100, at commit {commit()[:12]}. The protocols: [protocol](../protocol.md).\n",
    ]
    for name, card in sorted(shipped().items(), key=lambda item: item[1].scale):
        for protocol in PROTOCOLS:
            table = evaluate(options.data, name, card.scale, protocol, record=options.record)
            parts.append(f"## {name}, {protocol}\n\n{table}")
            print(table, flush=True)
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
