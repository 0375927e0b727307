"""Experiments at equal wall-clock: ablations of the generator, and all networks on equal terms.

Every run of a group has the same photos, the same crops for the same seed, the same minutes and the
same number of threads; it ends annealed and is measured on the benchmark pictures. What is finished
is kept, and what was killed goes on from its last checkpoint, so that the script can be stopped and
started at will. Each measurement becomes a line of docs/benchmarks/experiments.csv.

Usage:
    python benchmarks/experiments.py run GROUP --data PHOTOS --benchmarks DIR --runs DIR
        [--minutes M] [--seeds N] [--threads N]
    python benchmarks/experiments.py report

A group is one of: structure, alpha, losses, terms-x4, terms-x8.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks"
RESULTS = DOCS / "experiments.csv"
PAGE = DOCS / "experiments.md"


def alpha_phases(alpha: float) -> str:
    """L1, then ``MSE + alpha * HFENN``, as a setting of ``acutance train``."""
    last = {"until": 1.0, "content": "mse", "alpha": alpha}
    return "losses=" + json.dumps([{"until": 0.75, "content": "l1"}, last])


TINY = ("base-x4", "size=tiny", "learning_rate=0.002")
"""Tiny at x4: what can be compared in minutes."""

GROUPS: dict[str, dict[str, Sequence[str]]] = {
    "structure": {
        "whole": TINY,
        "without bicubic": (*TINY, "size=tiny-without-bicubic"),
        "without downscaling layers": (*TINY, "size=tiny-without-downscaling"),
        "without skip connections": (*TINY, "size=tiny-without-skips"),
        "without residual blocks": (*TINY, "size=tiny-without-residuals"),
    },
    "alpha": {
        f"alpha {alpha:g}": (*TINY, alpha_phases(alpha)) for alpha in (0, 1e-3, 2.6e-3, 1e-2, 1e-1)
    },
    "losses": {
        "MSE alone": (*TINY, 'losses=[{"until":1.0,"content":"mse"}]'),
        "L1 alone": (*TINY, 'losses=[{"until":1.0,"content":"l1"}]'),
        "L1, then MSE": (*TINY, alpha_phases(0)),
        "L1, then log(MSE + HFENN) and SSIM": (
            *TINY,
            'losses=[{"until":0.75,"content":"l1"},{"until":1.0,"content":"mse","alpha":0.001,'
            '"beta":0.03,"log":true}]',
        ),
    },
    "terms-x4": {
        "Acutance tiny": TINY,
        "Acutance base": ("base-x4",),
        "VDSR": ("vdsr-x4",),
        "DRCN": ("drcn-x4",),
        "LapSRN": ("lapsrn-x4",),
    },
    "terms-x8": {
        "Acutance base": ("base-x8",),
        "VDSR": ("vdsr-x8",),
        "LapSRN": ("lapsrn-x8",),
        "SCN": ("scn-x8",),
    },
}
"""Group -> what is varied -> recipe and settings."""


@dataclass(frozen=True)
class Result:
    """One finished run, measured: a line of the CSV file."""

    group: str
    name: str
    seed: int
    minutes: float
    threads: int
    steps: int
    lr_pixels: int
    parameters: int
    macs_per_lr_pixel: float
    held_out_psnr: float
    """dB, the run's own validation at its end."""
    psnr: float
    """Mean of all benchmark pictures by ``poster2017``, as the next two."""
    ssim: float
    hfeni: float
    commit: str
    hardware: str

    @property
    def key(self) -> tuple[str, str, int, float]:
        """What makes a run the same run."""
        return self.group, self.name, self.seed, self.minutes


def stored() -> list[Result]:
    """The lines of the CSV file."""
    if not RESULTS.exists():
        return []
    with RESULTS.open(newline="", encoding="utf-8") as file:
        types = {field.name: field.type for field in fields(Result)}
        return [Result(**{k: types[k](v) for k, v in row.items()}) for row in csv.DictReader(file)]


def store(results: Sequence[Result]) -> None:
    """Replace the CSV file."""
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)])
        writer.writeheader()
        writer.writerows(asdict(result) for result in results)


def acutance(*words: str, capture: bool = False) -> str:
    """Run the command line; raises CalledProcessError when it fails."""
    command = [sys.executable, "-m", "acutance.cli.main", *words]
    done = subprocess.run(
        command, check=True, text=True, stdout=subprocess.PIPE if capture else None
    )
    return done.stdout or ""


def execute(group: str, name: str, seed: int, options: argparse.Namespace) -> Result:
    """Train or go on training, export, measure."""
    recipe, *settings = GROUPS[group][name]
    slug = "".join(c if c.isalnum() else "-" for c in f"{group}-{name}-{seed}")
    run = options.runs / f"{slug}-{options.minutes:g}min"
    words = ["train", "--data", str(options.data), "--out", str(run)]
    words += ["--threads", str(options.threads)]
    if (run / "checkpoints" / "last.safetensors").exists():
        words += ["--resume"]
    else:
        words += [recipe, "--max-minutes", str(options.minutes), "--set", f"seed={seed}"]
        words += ["--set", "start=null", "--set", "validate_minutes=1e6"]
        words += ["--set", "copies=[0.7]"]
        words += ["--set", "checkpoint_minutes=1"]
        for setting in settings:
            words += ["--set", setting]
    acutance(*words)
    acutance("export", str(run), "--overwrite")
    card_path = next((run / "export").glob("*.json"))
    card = json.loads(card_path.read_text(encoding="utf-8"))
    measured = acutance(
        *("evaluate", "--data", str(options.benchmarks), "--scale", str(card["scale"])),
        *("--model", str(card_path), "--format", "json", "--quiet"),
        capture=True,
    )
    lines = json.loads(measured)["lines"]
    own = next(
        li for li in lines if li["method"].startswith("Acutance") and li["set_name"] == "all"
    )
    training = card["training"]
    return Result(
        group=group,
        name=name,
        seed=seed,
        minutes=options.minutes,
        threads=options.threads,
        steps=training["steps"],
        lr_pixels=training["lr_pixels"],
        parameters=card["parameters"],
        macs_per_lr_pixel=card["macs_per_lr_pixel"],
        held_out_psnr=training["validation_psnr"][-1],
        psnr=own["psnr"],
        ssim=own["ssim"],
        hfeni=own["hfeni"],
        commit=training["commit"][:12],
        hardware=training["hardware"],
    )


def report(results: Sequence[Result]) -> str:
    """A page: for each group a table of means over the seeds, with their spread."""
    parts = [
        "# Experiments at equal wall-clock\n",
        "Made by `python benchmarks/experiments.py`; every run is a line of\n"
        "[experiments.csv](experiments.csv). Means over the seeds; ± is half of their range.\n"
        "Quality: mean of the 119 pictures by `poster2017`.\n",
    ]
    for group in GROUPS:
        own = [r for r in results if r.group == group]
        for minutes in sorted({r.minutes for r in own}):
            here = [r for r in own if r.minutes == minutes]
            threads = ", ".join(map(str, sorted({r.threads for r in here})))
            hardware = "; ".join(sorted({r.hardware for r in here}))
            parts.append(
                f"## {group}\n\n{minutes:g} minutes a run, {threads} thread(s); {hardware}.\n"
            )
            head = ("| | seeds | parameters | MAC / LR px | LR Mpx seen | PSNR | SSIM | HFENI |",)
            rows = [*head, "|---|---:|---:|---:|---:|---:|---:|---:|"]
            for name in GROUPS[group]:
                runs = [r for r in here if r.name == name]
                if not runs:
                    continue
                cells = [
                    spread([getattr(r, key) for r in runs], digits)
                    for key, digits in (("psnr", 3), ("ssim", 4), ("hfeni", 4))
                ]
                seen = statistics.mean(r.lr_pixels for r in runs) / 1e6
                rows.append(
                    f"| {name} | {len(runs)} | {runs[0].parameters / 1e3:.0f} K "
                    f"| {runs[0].macs_per_lr_pixel / 1e3:.0f} K | {seen:.1f} | "
                    + " | ".join(cells)
                    + " |"
                )
            parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def spread(values: Sequence[float], digits: int) -> str:
    """``mean ± half of the range``."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {(max(values) - min(values)) / 2:.{digits}f}" if len(values) > 1 else mean


def main() -> None:
    """Run a group, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run")
    runner.add_argument("group", choices=GROUPS)
    runner.add_argument("--data", type=Path, required=True)
    runner.add_argument("--benchmarks", type=Path, required=True)
    runner.add_argument("--runs", type=Path, required=True)
    runner.add_argument("--minutes", type=float, default=5.0)
    runner.add_argument("--seeds", type=int, default=2)
    runner.add_argument("--threads", type=int, default=1)
    commands.add_parser("report")
    options = parser.parse_args()
    if options.command == "run":
        for seed in range(options.seeds):
            for name in GROUPS[options.group]:
                key = options.group, name, seed, options.minutes
                if key not in {result.key for result in stored()}:
                    result = execute(options.group, name, seed, options)
                    store([*stored(), result])
    PAGE.write_text(report(stored()), encoding="utf-8")


if __name__ == "__main__":
    main()
