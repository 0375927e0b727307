"""The comparison table in Markdown, CSV or JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from acutance.evaluation.comparison import Standing
from acutance.metrics.protocol import Protocol

HEAD = (
    *("method", "PSNR", "SSIM", "HFENI", "parameters", "MAC / LR px", "MAC / out px"),
    *("s / Mpx out", "x bicubic"),
)


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What all lines of a table share."""

    protocol: Protocol
    pictures: str
    """In words: the sets and how many pictures."""
    command: str
    commit: str
    """Of the package that measured; empty outside a checkout."""
    machines: tuple[str, ...]
    """Processor and threads of the times; none when no time was taken."""
    engines: tuple[str, ...]
    """What the times were measured with."""


def to_markdown(standings: Sequence[Standing], about: Circumstances, *, image: str = "") -> str:
    """A page: a table for each scale, and what the figures are; ``image`` is a plot's file."""
    at = f", at commit {about.commit[:12]}" if about.commit else ""
    parts = ["# All networks side by side\n", f"Made by `{about.command}`{at}.\n"]
    if image:
        parts.append(f"![Quality against cost]({image})\n")
    for scale in dict.fromkeys(standing.scale for standing in standings):
        own = [_cells(s) for s in standings if s.scale == scale]
        parts.append(f"## x{scale}\n\n{_table([HEAD, *own])}")
    parts.append(_foot(standings, about))
    return "\n".join(parts)


def to_excerpt(standings: Sequence[Standing]) -> str:
    """The paper's table in one: published figures, and what was measured of networks like them.

    That is without interpolation, self-ensembles, GANs and models for photos.
    """
    rows = [
        [cells[0], f"x{s.scale}", *cells[1:5], *cells[6:8]]
        for s in standings
        if s.group != "interpolation" and not s.skipped and not s.method.endswith("--best")
        if s.group == "published" or s.kind == "bicubic"
        for cells in [_cells(s)]
    ]
    return _table([(HEAD[0], "scale", *HEAD[1:5], *HEAD[6:8]), *rows])


def to_csv(standings: Sequence[Standing], about: Circumstances) -> str:
    """One line a row; what is not known stays empty."""
    stream = io.StringIO()
    entries = [{**asdict(s), **_common(about)} for s in standings]
    writer = csv.DictWriter(stream, fieldnames=list(entries[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return stream.getvalue()


def to_json(standings: Sequence[Standing], about: Circumstances) -> str:
    """An object with the circumstances and the lines; what is not known is null."""
    found = {**_common(about), "command": about.command, "commit": about.commit}
    return json.dumps({**found, "lines": [asdict(s) for s in standings]}, indent=2) + "\n"


def _common(about: Circumstances) -> dict[str, str]:
    return {
        "protocol": about.protocol.name,
        "pictures": about.pictures,
        "machine": "; ".join(about.machines),
    }


def _cells(standing: Standing) -> list[str]:
    """A row; published figures in italics, with the digits that were published."""
    s = standing
    mark = {"published": "*", "acutance": "**"}.get(s.group, "")
    digits = 2 if s.group == "published" else 3
    figures = [_number(s.psnr, digits), _number(s.ssim, 4), _number(s.hfeni, 4)]
    if s.skipped:
        figures = [f"skipped: {s.skipped}", "", ""]
    if s.group == "published":
        figures = [f"*{figure}*" for figure in figures]
    cost = [_amount(s.parameters), _amount(s.macs_per_lr_pixel), _amount(s.macs_per_output_pixel)]
    times = [_number(s.seconds_per_megapixel, 2), _number(s.times_bicubic, 1)]
    return [f"{mark}{s.method}{mark}", *figures, *cost, *times]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _amount(value: float | None) -> str:
    """Three digits and K or M."""
    if value is None:
        return ""
    unit, name = (1e6, "M") if value >= 1e6 else (1e3, "K")
    scaled = value / unit
    return f"{scaled:.{0 if scaled >= 100 else 1 if scaled >= 10 else 2}f} {name}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Head and rows; columns without a figure are left out."""
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    rule = ["-" * w if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    head, *body = zip(*columns, strict=True)
    text = []
    for name, *numbers in (head, rule, *body):
        cells = [name.ljust(widths[0])]
        cells += [cell.rjust(w) for cell, w in zip(numbers, widths[1:], strict=True)]
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def _foot(standings: Sequence[Standing], about: Circumstances) -> str:
    lines = [f"Means over {about.pictures}; luma. Protocol {about.protocol.summary}."]
    groups = {standing.group for standing in standings}
    if "published" in groups:
        lines.append("Rows in italics are published figures, not measured here.")
    if "weights" in groups:
        lines.append(
            "*Published weights* are the files of the papers' authors, run by this package "
            "([baselines](../baselines.md))."
        )
    lines.append(
        "Multiply-adds are those of all convolutions, the fixed bicubic branch left out; of VDSR, "
        "DRCN, LapSRN and SCN those of this package's implementation, of other published rows as "
        "published."
    )
    if about.machines:
        lines.append(
            f"Times: {'; '.join(about.machines)}; {', '.join(about.engines)}; a picture in memory, "
            "median, in turn with bicubic (NumPy), of which the last column is the multiple."
        )
    else:
        lines.append("No times were taken: `--timings` takes them.")
    return "\n".join(lines) + "\n"
