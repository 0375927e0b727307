"""Tables of measurements: means a set and over all pictures, as Markdown, CSV or JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files

import numpy as np

from acutance.data.benchmarks import CUSTOMARY_SETS
from acutance.evaluation.run import Row
from acutance.metrics.perceptual import COLUMNS
from acutance.metrics.protocol import Protocol


@dataclass(frozen=True)
class Line:
    """A method's figures on one set, or over all pictures."""

    method: str
    set_name: str
    images: int
    psnr: float | None
    """Mean over the pictures, dB. None where not published."""
    ssim: float | None
    """Mean over the pictures. None where not published."""
    hfeni: float | None
    """Mean of the pictures' inverses, as in the 2017 table. None where not published."""
    pooled_hfeni: float | None
    """``1 / mean(HFENN)``: not ruled by the smoothest pictures. None where not published."""
    median_hfeni: float | None
    """Median over the pictures. None where not published."""
    published: bool = False
    """Copied from a paper, not measured here."""
    perceptual: dict[str, float] = field(default_factory=dict)
    """Means over the pictures by the keys of ``metrics.perceptual.COLUMNS``."""


def summarise(rows: Sequence[Row]) -> list[Line]:
    """Lines for each method: every set in the order met, then all pictures together."""
    lines = []
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        sets = list(dict.fromkeys(row.set_name for row in own))
        for name in sets:
            lines.append(_line(method, name, [r for r in own if r.set_name == name]))
        if len(sets) > 1:
            lines.append(_line(method, "all", own))
    return lines


def published(scale: int, protocol: Protocol, lines: Sequence[Line]) -> list[Line]:
    """Published rows to stand beside a table over the 119 customary pictures; else none.

    The rows of the 2017 poster belong to ``poster2017``, those of later papers to ``standard``.
    """
    counts = {line.set_name: line.images for line in lines}
    counts.pop("all", None)
    return published_rows(scale, protocol) if counts == CUSTOMARY_SETS else []


def published_rows(scale: int, protocol: Protocol) -> list[Line]:
    """Every published row of a scale and protocol."""
    return [
        Line(
            method=f"{entry['method']} ({entry['source']})",
            set_name="all",
            images=sum(CUSTOMARY_SETS.values()),
            psnr=float(entry["psnr"]),
            ssim=float(entry["ssim"]),
            hfeni=float(entry["hfeni"]) if entry["hfeni"] else None,
            pooled_hfeni=None,
            median_hfeni=None,
            published=True,
        )
        for entry in _entries_of("published.csv", scale, protocol)
    ]


def published_perceptual(scale: int, protocol: Protocol, lines: Sequence[Line]) -> list[Line]:
    """Published perceptual rows of the customary sets that a table holds whole."""
    counts = {line.set_name: line.images for line in lines}
    return [
        Line(
            method=f"{entry['method']} ({entry['source']})",
            set_name=entry["set"],
            images=CUSTOMARY_SETS[entry["set"]],
            psnr=float(entry["psnr"]) if entry["psnr"] else None,
            ssim=None,
            hfeni=None,
            pooled_hfeni=None,
            median_hfeni=None,
            published=True,
            perceptual={"lpips": float(entry["lpips"])},
        )
        for entry in _entries_of("published_perceptual.csv", scale, protocol)
        if counts.get(entry["set"]) == CUSTOMARY_SETS[entry["set"]]
    ]


def _entries_of(name: str, scale: int, protocol: Protocol) -> list[dict[str, str]]:
    """The rows of a scale and protocol in one of the package's tables."""
    text = (files("acutance.evaluation") / name).read_text(encoding="utf-8")
    entries = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return [e for e in entries if int(e["scale"]) == scale and e["protocol"] == protocol.name]


Missing = Mapping[str, str]
"""Why a perceptual column is empty, by its key; those that are neither measured nor here do not
become columns."""


def to_markdown(
    lines: Sequence[Line], *, scale: int, protocol: Protocol, missing: Missing | None = None
) -> str:
    """A table whose foot names the protocol."""
    columns = _columns(lines, missing)
    head = ["method", "set", "images", "PSNR", "SSIM", "HFENI", "pooled HFENI", "median HFENI"]
    head += [COLUMNS[key] for key in columns]
    body = [
        [
            f"*{line.method}*" if line.published else line.method,
            line.set_name,
            str(line.images),
            _number(line.psnr, 2 if line.published else 3),
            _number(line.ssim),
            _number(line.hfeni),
            _number(line.pooled_hfeni),
            _number(line.median_hfeni),
            *(_cell(line, key, missing) for key in columns),
        ]
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    rule = ["-" * w if i < 2 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    text = []
    for row in (head, rule, *body):
        names = [cell.ljust(w) for cell, w in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(w) for cell, w in zip(row[2:], widths[2:], strict=True)]
        text.append(f"| {' | '.join(names + numbers)} |")
    foot = f"x{scale}, luma, means over pictures; pooled HFENI is 1 / mean(HFENN). "
    foot += f"Protocol {protocol.summary}."
    if columns:
        foot += " LPIPS, DISTS, NIQE and checkerboard: lower is better; LR-PSNR in dB."
    if any(line.published for line in lines):
        foot += " Rows in italics are published figures, not measured here."
    return "\n".join(text) + f"\n\n{foot}\n"


def to_csv(
    lines: Sequence[Line], *, scale: int, protocol: Protocol, missing: Missing | None = None
) -> str:
    """One line a row, with scale and protocol."""
    common = {"scale": scale, "protocol": protocol.name}
    return _csv([{**common, **entry} for entry in _entries(lines, missing)])


def to_json(
    lines: Sequence[Line], *, scale: int, protocol: Protocol, missing: Missing | None = None
) -> str:
    """An object with scale, protocol and the lines; ``missing`` says why a column is null."""
    entries = [{k: _plain(v) for k, v in entry.items()} for entry in _entries(lines, missing)]
    found: dict[str, object] = {"scale": scale, "protocol": protocol.name, "lines": entries}
    if missing:
        reasons = dict(missing)
        found["missing"] = reasons
        for entry in entries:
            if not entry["published"]:
                entry |= dict.fromkeys(reasons)
    return json.dumps(found, indent=2) + "\n"


def _columns(lines: Sequence[Line], missing: Missing | None) -> list[str]:
    """Perceptual columns: what was measured, and what says why it was not."""
    found = {key for line in lines for key in line.perceptual} | set(missing or {})
    return [key for key in COLUMNS if key in found]


def _cell(line: Line, key: str, missing: Missing | None) -> str:
    if key in line.perceptual:
        value = line.perceptual[key]
        digits = 2 if key in ("lr_psnr", "checkerboard") else 3 if line.published else 4
        return "" if np.isnan(value) else f"{value:.{digits}f}"
    return "" if line.published else (missing or {}).get(key, "")


def _entries(lines: Sequence[Line], missing: Missing | None) -> list[dict[str, object]]:
    """Lines as flat dictionaries, perceptual columns last."""
    entries = []
    for line in lines:
        entry = asdict(line)
        seen = entry.pop("perceptual")
        reasons = {} if line.published else (missing or {})
        entry |= {key: seen.get(key, reasons.get(key)) for key in _columns(lines, missing)}
        entries.append(entry)
    return entries


def rows_to_csv(
    rows: Sequence[Row], *, scale: int, protocol: Protocol, missing: Missing | None = None
) -> str:
    """Every picture's figures."""
    reasons = missing or {}
    keys = [key for key in COLUMNS if key in reasons or any(key in r.perceptual for r in rows)]
    return _csv(
        [
            {
                "scale": scale,
                "protocol": protocol.name,
                "method": row.method,
                "set": row.set_name,
                "image": row.image,
                "psnr": f"{row.score.psnr:.4f}",
                "ssim": f"{row.score.ssim:.6f}",
                "hfenn": f"{row.score.hfenn:.6f}",
                "hfeni": f"{row.score.hfeni:.6f}",
                **{
                    key: f"{row.perceptual[key]:.6f}" if key in row.perceptual else reasons[key]
                    for key in keys
                },
            }
            for row in rows
        ]
    )


def _line(method: str, set_name: str, rows: Sequence[Row]) -> Line:
    scores = [row.score for row in rows]
    hfenn = float(np.mean([s.hfenn for s in scores]))
    return Line(
        method=method,
        set_name=set_name,
        images=len(scores),
        psnr=float(np.mean([s.psnr for s in scores])),
        ssim=float(np.mean([s.ssim for s in scores])),
        hfeni=float(np.mean([s.hfeni for s in scores])),
        pooled_hfeni=1 / hfenn if hfenn else float("inf"),
        median_hfeni=float(np.median([s.hfeni for s in scores])),
        perceptual={
            key: _mean([row.perceptual[key] for row in rows]) for key in rows[0].perceptual
        },
    )


def _mean(values: Sequence[float]) -> float:
    """Over the pictures that are large enough to be measured; NaN when none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _plain(value: object) -> object:
    """JSON knows no infinity, which is what equal pictures give."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _csv(entries: Sequence[dict[str, object]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(entries[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return stream.getvalue()
