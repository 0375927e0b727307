"""``acutance benchmark``: the whole table of the 2017 paper, and what each row costs."""

import re
import shlex
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from acutance.errors import UserError

if TYPE_CHECKING:
    from acutance.evaluation.comparison import Comparison, Standing
    from acutance.evaluation.standings import Circumstances
    from acutance.evaluation.store import Store


PLACE = re.compile(r"(?<=^<!-- benchmark -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL)
"""Where an excerpt goes."""


def benchmark(
    *,
    data: Path,
    scale: Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative=())] = (4, 8),
    peers: Path | None = None,
    model: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    protocol: str = "poster2017",
    sets: str | None = None,
    timings: Annotated[bool, Parameter(negative=())] = False,
    output_format: Annotated[Literal["md", "csv", "json"], Parameter(name="--format")] = "md",
    output: Annotated[Path | None, Parameter(name=("--out", "--output", "-o"))] = None,
    excerpt: Path | None = None,
    rows: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    device: str = "auto",
    threads: int | None = None,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Measure every network side by side: quality, parameters, multiply-adds and time.

    Interpolation, published rows, published weights, and all shipped models, plain and with their
    self-ensemble (`--best`). With --out, a plot of quality against cost stands beside the table.

    Parameters
    ----------
    data
        Folder whose sub-folders are the sets (Set5, Set14, BSDS100), or one folder of pictures.
    scale
        Upscaling factors, one or several.
    peers
        Folder with published weights, or with what `acutance import-weights` made of them, which
        saves converting them again (docs/baselines.md); without it their rows say skipped.
    model
        A further model: a card's path; can be given several times.
    protocol
        poster2017 or standard; docs/protocol.md explains them.
    sets
        Names of the sets to use, separated by commas; all by default.
    timings
        Take the times again, all in one go; a few minutes. They replace those in --rows.
    output_format
        md, csv or json.
    output
        Write the table to this file instead of printing it; the plot goes beside it.
    excerpt
        A page, such as a README, that gets the rows of the paper's networks and of ours too, in
        place of what stands between its lines `<!-- benchmark -->` and `<!-- end -->`.
    rows
        Keep every picture's figures and the times in this file, and go on from it: what is in it
        is not measured again. OUT.rows.jsonl with --out. Delete it after a change of code.
    overwrite
        Replace an existing table and plot.
    device
        auto, cpu, cuda, mps or torch-cpu.
    threads
        CPU threads; all by default.
    quiet
        No progress.
    """
    from acutance.data.benchmarks import find_benchmarks
    from acutance.evaluation.comparison import Comparison
    from acutance.evaluation.contenders import Engine, check_peers, contenders
    from acutance.evaluation.provenance import processor, usable_cores
    from acutance.evaluation.store import Store
    from acutance.image.files import check_writable
    from acutance.metrics.protocol import protocol as protocol_by_name

    if output is not None and output.suffix.lower() in (".png", ".svg"):
        raise UserError(f"{output} would be the plot: give the table another name, such as .md")
    rules = protocol_by_name(protocol)
    scales = tuple(dict.fromkeys(scale))
    if wrong := [s for s in scales if s < 2]:
        raise UserError(f"scale must be at least 2, not {wrong[0]}")
    if threads is not None and threads < 1:
        raise UserError(f"threads must be at least 1, not {threads}")
    check_peers(peers, scales)
    pictures = find_benchmarks(data, [name.strip() for name in sets.split(",")] if sets else None)
    for path in (output, *_plots(output)) if output else ():
        check_writable(path, overwrite=overwrite)
    if excerpt is not None:
        _check_excerpt(excerpt)
    if rows is None and output is not None:
        rows = output.with_suffix(".rows.jsonl")
    if rows is not None:
        check_writable(rows, overwrite=True)
    store = Store(rows)
    threads = usable_cores() if threads is None else threads
    engine = Engine(device, threads)
    with tempfile.TemporaryDirectory(prefix="acutance-") as name:
        comparisons = []
        for s in scales:
            found = contenders(s, models=model, peers=peers, imports=Path(name), engine=engine)
            comparisons.append(Comparison(found, pictures, store, s, rules))
        _measure(comparisons, quiet=quiet)
        if timings:
            machine = f"{processor()}, {threads} thread{'s' if threads > 1 else ''}"
            _take_times(comparisons, store, machine=machine, quiet=quiet)
    standings = [standing for comparison in comparisons for standing in comparison.standings()]
    command = _command(scales, peers, model, protocol, sets)
    command += f" --timings --threads {threads}" if timings else ""
    _write(standings, _circumstances(comparisons[0], command), output_format, output, overwrite)
    if excerpt is not None:
        _write_excerpt(standings, excerpt)


def _measure(comparisons: Sequence["Comparison"], *, quiet: bool) -> None:
    """What is not in the store yet, with progress."""
    from rich.console import Console
    from rich.progress import Progress

    total = sum(len(c.missing(one)) for c in comparisons for one in c.contenders)
    with Progress(console=Console(stderr=True), disable=quiet or not total) as progress:
        task = progress.add_task("measuring", total=total)
        for comparison in comparisons:
            for one in comparison.contenders:
                progress.update(task, description=f"x{comparison.scale} {one.method}")
                for _ in comparison.measure(one):
                    progress.advance(task)


def _take_times(
    comparisons: Sequence["Comparison"], store: "Store", *, machine: str, quiet: bool
) -> None:
    """Everything that can be run, one after the other."""
    from rich.console import Console
    from rich.progress import track

    from acutance.evaluation.provenance import commit
    from acutance.evaluation.timing import measure_time

    known = {"machine": machine, "commit": commit()}
    todo = [(c.scale, one) for c in comparisons for one in c.contenders if one.open]
    shown = track(todo, "taking times", console=Console(stderr=True), disable=quiet)
    store.replace_times([measure_time(one, scale=s, **known) for s, one in shown])


def _circumstances(comparison: "Comparison", command: str) -> "Circumstances":
    """What all lines share."""
    from acutance.evaluation.provenance import commit
    from acutance.evaluation.standings import Circumstances

    sets = list(dict.fromkeys(picture.set_name for picture in comparison.pictures))
    times = comparison.store.times
    return Circumstances(
        protocol=comparison.protocol,
        pictures=f"the {len(comparison.pictures)} pictures of {', '.join(sets)}",
        command=command,
        commit=commit(),
        machines=tuple(dict.fromkeys(time.machine for time in times)),
        engines=tuple(dict.fromkeys(time.engine for time in times)),
    )


def _command(
    scales: Sequence[int],
    peers: Path | None,
    model: Sequence[str],
    protocol: str,
    sets: str | None,
) -> str:
    """The command without the paths of this machine."""
    words = ["acutance", "benchmark", "--data", "BENCHMARKS"]
    words += ["--peers", "PEERS"] if peers else []
    words += ["--scale", *map(str, scales)] if scales != (4, 8) else []
    words += [word for one in model for word in ("--model", Path(one).name)]
    words += ["--protocol", protocol] if protocol != "poster2017" else []
    words += ["--sets", sets] if sets else []
    return shlex.join(words)


def _check_excerpt(page: Path) -> str:
    """The page's text; raises UserError where there is no place in it, before the measuring."""
    from acutance.image.files import check_writable

    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {page}: {error}") from error
    if not PLACE.search(text):
        raise UserError(f"{page} has no line <!-- benchmark --> with a line <!-- end --> below it")
    check_writable(page, overwrite=True)
    return text


def _write_excerpt(standings: Sequence["Standing"], page: Path) -> None:
    from acutance.evaluation.standings import to_excerpt
    from acutance.image.files import atomic

    text = PLACE.sub(lambda _: to_excerpt(standings), _check_excerpt(page), count=1)
    with atomic(page, overwrite=True) as partial:
        partial.write_text(text, encoding="utf-8")


def _plots(output: Path) -> list[Path]:
    """Where the plot goes; none where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        return []
    return [output.with_suffix(suffix) for suffix in (".png", ".svg")]


def _write(
    standings: Sequence["Standing"],
    about: "Circumstances",
    output_format: str,
    output: Path | None,
    overwrite: bool,
) -> None:
    """The table, to a file with a plot beside it, or printed."""
    from acutance.evaluation.standings import to_csv, to_json, to_markdown
    from acutance.image.files import atomic

    plots = _plots(output) if output else []
    image = plots[0].name if plots else ""
    if output_format == "md":
        text = to_markdown(standings, about, image=image)
    else:
        text = {"csv": to_csv, "json": to_json}[output_format](standings, about)
    if output is None:
        sys.stdout.write(text)
        return
    with atomic(output, overwrite=overwrite) as partial:
        partial.write_text(text, encoding="utf-8")
    if not plots:
        print("no plot: it needs matplotlib, pip install 'acutance[benchmark]'", file=sys.stderr)
    for path in plots:
        from acutance.evaluation.plot import draw_costs

        with atomic(path, overwrite=overwrite) as partial:
            draw_costs(standings, partial)
