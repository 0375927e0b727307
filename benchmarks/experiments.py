"""Experiments at equal wall-clock: ablations of the generator, and all networks on equal terms.

Every run of a group has the same photos, the same minutes and the same number of threads, and, but
for networks by their recipes, which differ, the same crops for the same seed; it ends annealed and
is measured on the benchmark pictures. What is finished is kept, and what was killed
goes on from its last checkpoint, so that the script can be stopped and started at will, with the
run that it had begun. Each measurement becomes a line of docs/benchmarks/experiments.csv. Runs of
different machines or threads stand in different tables.

Usage:
    python benchmarks/experiments.py run GROUP --data PHOTOS --benchmarks DIR --runs DIR
        [--minutes M] [--seeds N] [--threads N] [--winograd] [--names NAME...]
    python benchmarks/experiments.py report

With ``--winograd`` all runs of the call train, and are measured, by Winograd's algorithm
(docs/training.md): a processor with AVX-512 or AVX2 then does about twice as much in the same
time. Such runs have tables of their own.

A group is one of: structure, levels, alpha, losses, optimiser, activation, equivariance, patches,
equal-x4, equal-x8, terms-x4, terms-x8.
"""

import argparse
import csv
import json
import signal
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from acutance.data.benchmarks import find_benchmarks
from acutance.evaluation.plot import MARKS, figure, place_labels
from acutance.evaluation.provenance import processor
from acutance.evaluation.run import run as evaluate
from acutance.evaluation.table import Line, summarise
from acutance.metrics.protocol import PROTOCOLS
from acutance.training.run_folder import load_run
from acutance.training.winograd.layers import accelerate

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks"
RESULTS = DOCS / "experiments.csv"
PAGE = DOCS / "experiments.md"


def alpha_phases(alpha: float) -> str:
    """L1, then ``MSE + alpha * HFENN``, as a setting of ``acutance train``."""
    last = {"until": 1.0, "content": "mse", "alpha": alpha}
    return "losses=" + json.dumps([{"until": 0.75, "content": "l1"}, last])


FREE = ("slope=0", "equivariant=false")
"""Plain ReLUs and free weights, as all networks had before they were equivariant."""

TIED = ("slope=0", "equivariant=true")
"""Plain ReLUs and equivariant weights, as the recipes for base have."""

TINY = ("tiny-x4", "size=tiny-two-levels", *FREE)
"""A generator of tiny's cost that has all parts, at x4: what can be compared in minutes."""

BASE = ("base-x4", "size=base-three-levels", *FREE)
"""Base as it was, with three levels, as it learns fastest."""

ADAMW = ("optimiser=adamw", "learning_rate=0.001")

EQUAL = (
    "slope=0",
    "optimiser=adamw",
    "anneal=0.75",
    'patches=[{"until":1.0,"patch":24,"batch":4}]',
)
"""What networks on equal terms share; loss and rate are each network's own."""

GROUPS: dict[str, dict[str, Sequence[str]]] = {
    "structure": {
        "whole": TINY,
        "without bicubic": (*TINY, "size=tiny-without-bicubic"),
        "without downscaling layers": (*TINY, "size=tiny-without-downscaling"),
        "without skip connections": (*TINY, "size=tiny-without-skips"),
        "without residual blocks": (*TINY, "size=tiny-without-residuals"),
        "consistent": (*TINY, "consistent=true"),
    },
    "levels": {
        "three levels": BASE,
        "two levels": (*BASE, "size=base-two-levels"),
        "no downscaling": (*BASE, "size=base-without-downscaling"),
    },
    "optimiser": {
        "tiny, Muon": TINY,
        "tiny, AdamW": (*TINY, "optimiser=adamw", "learning_rate=0.004"),
        "base, Muon": BASE,
        "base, AdamW": (*BASE, *ADAMW),
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
    "activation": {
        f"{size}, {name}": (f"{size}-x4", "equivariant=false", f"slope={slope}")
        for size in ("tiny", "lean")
        for name, slope in (("ReLU", 0), ("leaky ReLU", 0.1))
    },
    "equivariance": {
        f"{size}, {name}": (f"{size}-x4", f"equivariant={value}")
        for size in ("tiny", "lean", "base")
        for name, value in (("free", "false"), ("equivariant", "true"))
    },
    "patches": {
        name: ("tiny-x4", *TIED, "patches=" + json.dumps(phases))
        for name, phases in {
            "32, then 48, then 64": [
                {"until": 0.6, "patch": 32, "batch": 16},
                {"until": 0.85, "patch": 48, "batch": 8},
                {"until": 1.0, "patch": 64, "batch": 8},
            ],
            "32": [{"until": 1.0, "patch": 32, "batch": 16}],
            "48": [{"until": 1.0, "patch": 48, "batch": 8}],
            "64": [{"until": 1.0, "patch": 64, "batch": 8}],
        }.items()
    },
    "equal-x4": {
        "Acutance base": ("base-x4", *ADAMW, *EQUAL),
        "Acutance lean": ("lean-x4", *ADAMW, *EQUAL),
        "Acutance tiny": ("tiny-x4", "learning_rate=0.004", *EQUAL, *TIED),
        "Acutance tiny, free": ("tiny-x4", "learning_rate=0.004", *EQUAL, *FREE),
        "Acutance tiny, free, two levels": (*TINY, "learning_rate=0.004", *EQUAL),
        "Acutance base, free, two levels": (*BASE, "size=base-no-blocks-below", *ADAMW, *EQUAL),
        "Acutance base, free, three levels": (*BASE, *ADAMW, *EQUAL),
        "Acutance base, free, no downscaling": (
            *(*BASE, "size=base-without-downscaling"),
            *(*ADAMW, *EQUAL),
        ),
        "VDSR": ("vdsr-x4", *EQUAL),
        "DRCN": ("drcn-x4", "learning_rate=0.0003", "ema=0.999", *EQUAL),
        "LapSRN": ("lapsrn-x4", *EQUAL),
        "SCN": ("scn-x4", *EQUAL),
    },
    "equal-x8": {
        "Acutance base": ("base-x8", *ADAMW, *EQUAL),
        "Acutance base, free, two levels": (
            *("base-x8", "size=base-no-blocks-below"),
            *(*ADAMW, *EQUAL, *FREE),
        ),
        "Acutance base, free, three levels": (
            *("base-x8", "size=base-three-levels"),
            *(*ADAMW, *EQUAL, *FREE),
        ),
        "VDSR": ("vdsr-x8", "learning_rate=0.0003", *EQUAL),
        "LapSRN": ("lapsrn-x8", *EQUAL),
        "SCN": ("scn-x8", *EQUAL),
    },
    "terms-x4": {
        "Acutance tiny, free, two levels": TINY,
        "Acutance base, free, three levels": (*BASE, *ADAMW),
        "Acutance base, free, no downscaling": (*BASE, "size=base-without-downscaling"),
        "VDSR": ("vdsr-x4",),
        "DRCN": ("drcn-x4",),
        "LapSRN": ("lapsrn-x4",),
    },
    "terms-x8": {
        "Acutance base, free, three levels": (
            *("base-x8", "size=base-three-levels"),
            *(*ADAMW, *FREE),
        ),
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
    def key(self) -> tuple[str, str, int, float, str]:
        """What makes a run the same run."""
        return self.group, self.name, self.seed, self.minutes, self.hardware


def stored() -> list[Result]:
    """The lines of the CSV file."""
    if not RESULTS.exists():
        return []
    with RESULTS.open(newline="", encoding="utf-8") as file:
        types: dict[str, Any] = {field.name: field.type for field in fields(Result)}
        return [Result(**{k: types[k](v) for k, v in row.items()}) for row in csv.DictReader(file)]


def store(results: Sequence[Result]) -> None:
    """Replace the CSV file, whole or not at all."""
    partial = RESULTS.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)])
        writer.writeheader()
        writer.writerows(asdict(result) for result in results)
    partial.replace(RESULTS)


def acutance(*words: str) -> None:
    """Run the command line; raises CalledProcessError when it fails.

    Whoever stops this script stops it too: it saves its state first, and no orphan trains on.
    """
    command = [sys.executable, "-m", "acutance", *words]
    with subprocess.Popen(command) as run:
        try:
            run.communicate()
        except BaseException:
            run.terminate()
            run.wait()
            raise
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, command)


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
        words += ["--set", "copies=[0.7]", "--set", "warps=0", "--set", "recoloured=0"]
        words += ["--set", "checkpoint_minutes=1"]
        for setting in settings:
            words += ["--set", setting]
        if options.winograd:
            words += ["--set", "winograd=true"]
    acutance(*words)
    acutance("export", str(run), "--overwrite")
    card = json.loads(next((run / "export").glob("*.json")).read_text(encoding="utf-8"))
    own = measured(run, card["scale"], options)
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
        psnr=own.psnr,
        ssim=own.ssim,
        hfeni=own.hfeni,
        commit=training["commit"][:12],
        hardware=hardware(options),
    )


def measured(run: Path, scale: int, options: argparse.Namespace) -> Line:
    """The averaged weights on all benchmark pictures by ``poster2017``, computed by PyTorch."""
    network, _ = load_run(run)
    if options.winograd:
        accelerate(network)

    @torch.inference_mode()
    def upscale(lr: NDArray[np.float32]) -> NDArray[np.floating]:
        lr_NCHW = torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1)))[None]
        lr_NCHW = lr_NCHW.contiguous(memory_format=torch.channels_last)
        sr: NDArray[np.floating] = network(lr_NCHW)[0].permute(1, 2, 0).numpy()
        return sr

    torch.set_num_threads(options.threads)
    pictures = find_benchmarks(options.benchmarks)
    protocol = PROTOCOLS["poster2017"]
    rows = evaluate({"own": upscale}, pictures, scale=scale, protocol=protocol)
    return summarise(list(rows))[-1]  # all sets together


def hardware(options: argparse.Namespace) -> str:
    """What the runs of a table have in common."""
    algorithm = ", Winograd" if options.winograd else ""
    return f"{processor()}, {options.threads} threads{algorithm}"


QUESTIONS = {
    "structure": (
        "What each part of the generator is worth: the bicubic branch, the downscaling layers, the "
        "skip connections and the residual blocks of Korobchenko and Foco (2017), each left out in "
        "turn at about the same cost; and, where it was run, what consistency with the input adds."
    ),
    "levels": (
        "Downscaling layers in base: three sizes, two, or LR size alone, at about the same cost."
    ),
    "alpha": (
        "The weight of HFENN in the last quarter of a run, `MSE + alpha * HFENN`: what it gives in "
        "HFENI and takes in PSNR. L1 before that."
    ),
    "losses": "Pixel losses alone, one after the other, and with the logarithm, HFENN and SSIM.",
    "optimiser": (
        "Muon at 2e-3; AdamW at 4e-3 on tiny with two levels, the better of two rates tried there, "
        "and at 1e-3 on base, the recipe's."
    ),
    "activation": (
        "Plain ReLUs and leaky ones of slope 0.1 in the blocks, from nothing, by the recipes with "
        "Muon."
    ),
    "equivariance": (
        "Weights that are tied so that the network commutes with flips and turns, against free "
        "ones: the same network, multiply-adds and patches, from nothing, by the recipes."
    ),
    "patches": (
        "The patch schedule of the recipes, in LR pixels, against one size throughout; tiny, "
        "equivariant, from nothing."
    ),
    "equal-x4": (
        "Networks of the 2017 table at x4 on equal terms: the same photos, crops, batches, "
        "minutes, threads, optimiser (AdamW) and schedule; loss and rate are each network's own. "
        "What each learns in so much time, not what it could reach."
    ),
    "equal-x8": "The same at x8.",
    "terms-x4": (
        "Networks of the 2017 table at x4 by their own recipes, with the same photos, minutes and "
        "threads: what a person gets from the recipes in so much time. Patches, loss, optimiser "
        "and rate are each recipe's own: tiny, base without downscaling and DRCN have Muon, the "
        "others AdamW."
    ),
    "terms-x8": "The same at x8; AdamW, but VDSR's 40 minutes are by Muon, as its recipe is since.",
}
"""What a group asks, for the page."""

LEARNED = {
    "structure": (
        "Downscaling layers cost more than they give at this size and in this time: without them "
        "0.065 dB and 3 % of HFENI are gained with half the parameters; hence tiny. Bicubic is "
        "worth 0.125 dB, skip connections nothing that can be told, and Muon trains plain blocks "
        "as well as residual ones, at five blocks."
    ),
    "levels": (
        "The same in base, from one seed: two sizes gain 0.05 dB over three, LR size alone 0.08 dB "
        "with a third of the parameters; hence lean. What a larger receptive field gives, it gives "
        "later or not at all."
    ),
    "alpha": (
        "No trade at any weight tried: 0.01 gives 0.013 dB and 1.3 % of HFENI over MSE, 0.1 no "
        "more. The optimum of HFENN is that of MSE, since LoG is linear."
    ),
    "losses": (
        "L1 beats MSE by 0.035 dB, L1 and then MSE beats both; the logarithm with SSIM and HFENN "
        "costs 0.016 dB of that and gives .0023 SSIM."
    ),
    "optimiser": "Muon gains 0.06 dB on tiny and 0.10 dB on base.",
    "activation": (
        "In three minutes plain ReLUs are 0.014 dB ahead of leaky ones. Whether that turns where "
        "they begin to die, after an hour or more, was not run."
    ),
    "equivariance": (
        "In three minutes, one seed, lean gains 0.096 dB and 5 % of HFENI (held out 0.21 dB): "
        "nearly what tiny, free, learns in twenty. Tiny, of whose weights only eleven thousand "
        "are free then, gains 0.012 dB (held out 0.03)."
    ),
    "patches": (
        "In three minutes, one seed, small patches are best, whose steps are many; the recipes' "
        "schedule is level with them (0.015 dB, no more than seeds differ by elsewhere), and 64 "
        "throughout loses 0.09 dB. What larger ones give at the end of hours is not told by this."
    ),
    "equal-x4": (
        "Ours lead in all three measures, by Winograd's algorithm as without; in so short a time "
        "lean leads. DRCN, whose 16 recursions at the size of the large picture cost five hundred "
        "times base's multiply-adds, made eight steps in its three minutes (eleven on the other "
        "EPYC) and is bicubic still (26.087 dB): the row tells its cost, not its quality. SCN, "
        "whose layers work on the large picture too, made 399 steps, and is 0.38 dB below LapSRN, "
        "0.04 below VDSR and 0.68 below base. With free weights base learns 0.083 dB more in two "
        "levels than in three, tiny 0.038 dB more in one than in two."
    ),
    "equal-x8": (
        "Ours lead on the Xeon in all three measures; base, free, learns 0.053 dB more there in "
        "two levels than in three. On the EPYC, where two runs at a time had a core each, base as "
        "it ships now, of two and a half times the multiply-adds, leads by 0.11 dB, and in HFENI "
        "by no more than its seeds differ: three minutes are short for it."
    ),
    "terms-x4": (
        "In so short a time the cheapest network leads. DRCN, with a network that costs five "
        "hundred times base, gets half a decibel over bicubic in forty minutes."
    ),
    "terms-x8": (
        "In five minutes ours lead by little, and VDSR made 22 steps. In forty, by Muon and in "
        "smaller batches, VDSR comes within 0.09 dB of the 2017 table's row, for which no weights "
        "were published."
    ),
}
"""What a group's table says; the log has more."""


def report(results: Sequence[Result]) -> str:
    """A page: for each group its question, a plot, and a table of means over the seeds."""
    parts = [
        "# Experiments at equal wall-clock\n",
        "Made by `python benchmarks/experiments.py`; every run is a line of experiments.csv. Means "
        "over the\nseeds; \u00b1 is half of their range. A difference that is smaller than the "
        "ranges of the two is none.\nQuality: mean of the 119 pictures by `poster2017`.\n",
        "Structure, optimiser, alpha and losses are of a generator of tiny's cost that has all "
        "parts,\n`tiny-two-levels`.\n",
    ]
    for group in GROUPS:
        parts.append(f"## {group}\n\n{QUESTIONS[group]}\n")
        own = [r for r in results if r.group == group]
        if not own:
            parts.append("No runs yet.\n")
            continue
        if find_spec("matplotlib"):
            parts.append(f"![{group}]({plot_name(group)}.png)\n")
        for terms in sorted({(r.minutes, r.hardware) for r in own}):
            parts.append(_table(group, [r for r in own if (r.minutes, r.hardware) == terms]))
        parts.append(f"{LEARNED[group]}\n")
    return "\n".join(parts)


def _table(group: str, results: Sequence[Result]) -> str:
    """Circumstances and a line for each that was varied; one budget."""
    rows = [
        f"{results[0].minutes:g} minutes a run; {results[0].hardware}.\n",
        "| | seeds | parameters | MAC / LR px | LR Mpx seen | held out, dB | PSNR | SSIM | HFENI |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, runs in by_name(group, results).items():
        cells = [
            spread([getattr(r, key) for r in runs], digits)
            for key, digits in (("held_out_psnr", 3), ("psnr", 3), ("ssim", 4), ("hfeni", 4))
        ]
        seen = statistics.mean(r.lr_pixels for r in runs) / 1e6
        rows.append(
            f"| {name} | {len(runs)} | {runs[0].parameters / 1e3:.0f} K "
            f"| {runs[0].macs_per_lr_pixel / 1e3:.0f} K | {seen:.1f} | {' | '.join(cells)} |"
        )
    if missing := [name for name in GROUPS[group] if name not in by_name(group, results)]:
        rows.append(f"\nNot run on these terms: {', '.join(missing)}.")
    return "\n".join(rows) + "\n"


def by_name(group: str, results: Sequence[Result]) -> dict[str, list[Result]]:
    """Runs of a group by what is varied, in the order of ``GROUPS``."""
    found = {name: [r for r in results if r.name == name] for name in GROUPS[group]}
    return {name: runs for name, runs in found.items() if runs}


def plot_name(group: str) -> str:
    """Stem of a group's plot."""
    return f"experiments-{group}"


def draw(group: str, results: Sequence[Result], path: Path) -> None:
    """A group's plot, of one budget and machine: the last with several networks."""
    terms = dict.fromkeys((r.minutes, r.hardware) for r in reversed(results))
    each = [by_name(group, [r for r in results if (r.minutes, r.hardware) == t]) for t in terms]
    runs = next((found for found in each if len(found) > 1), each[0])
    if group == "alpha":
        draw_tradeoff(runs, path)
    else:
        draw_ranges(runs, path)


def draw_tradeoff(runs: dict[str, list[Result]], path: Path) -> None:
    """HFENI over PSNR: every seed a small mark, means joined in order."""
    with figure(path, figsize=(5.6, 4.2)) as (drawn, axis):
        means = []
        for own in runs.values():
            axis.scatter(
                [r.psnr for r in own], [r.hfeni for r in own], marker="x", color="0.45", s=26
            )
            means.append(
                (statistics.mean(r.psnr for r in own), statistics.mean(r.hfeni for r in own))
            )
        axis.plot(*zip(*means, strict=True), color="#9c1216", linewidth=1, zorder=2)
        axis.scatter(*zip(*means, strict=True), zorder=3, linewidth=0.9, **MARKS["acutance"])
        axis.set_xlabel("PSNR (dB)")
        axis.set_ylabel("HFENI")
        axis.margins(0.2, 0.15)
        drawn.tight_layout()
        drawn.canvas.draw()
        labels = [(name, *mean, True) for name, mean in zip(runs, means, strict=True)]
        place_labels(axis, labels)


def draw_ranges(runs: dict[str, list[Result]], path: Path) -> None:
    """PSNR and HFENI side by side: a row each, mean and range of the seeds, best at the top."""
    order = sorted(runs, key=lambda name: statistics.mean(r.psnr for r in runs[name]))
    size = (8.4, 0.9 + 0.42 * len(order))
    with figure(path, ncols=2, sharey=True, figsize=size) as (drawn, axes):
        for axis, (key, title) in zip(
            axes, (("psnr", "PSNR (dB)"), ("hfeni", "HFENI")), strict=True
        ):
            for row, name in enumerate(order):
                values = [getattr(r, key) for r in runs[name]]
                axis.plot([min(values), max(values)], [row, row], color="0.35", linewidth=1.4)
                axis.scatter(values, [row] * len(values), marker="|", color="0.35", s=60)
                ours = name == "whole" or name.startswith("Acutance")
                mark = MARKS["acutance" if ours else "weights"]
                axis.scatter([statistics.mean(values)], [row], zorder=3, linewidth=0.9, **mark)
            axis.set_xlabel(title)
            axis.locator_params(axis="x", nbins=6)
            axis.margins(0.08, 0.12)
        axes[0].set_yticks(range(len(order)), order)
        drawn.tight_layout()


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
    runner.add_argument("--winograd", action="store_true")
    runner.add_argument("--names", nargs="*", help="only these of the group")
    commands.add_parser("report")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if options.command == "run":
        if unknown := set(options.names or ()) - GROUPS[options.group].keys():
            parser.error(f"{options.group} has no {', '.join(sorted(unknown))}")
        for seed in range(options.seeds):
            for name in options.names or GROUPS[options.group]:
                key = options.group, name, seed, options.minutes, hardware(options)
                if key not in {result.key for result in stored()}:
                    result = execute(options.group, name, seed, options)
                    store([*stored(), result])
    PAGE.write_text(report(stored()), encoding="utf-8")
    for group in GROUPS:
        own = [r for r in stored() if r.group == group]
        if own and find_spec("matplotlib"):
            draw(group, own, (DOCS / plot_name(group)).with_suffix(".png"))


if __name__ == "__main__":
    main()
