"""Plots in the style of the field's papers, legible in black and white.

Needs matplotlib, the extra ``benchmark``. The same figures give the same bytes: no dates, and
element names from a fixed salt.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acutance.evaluation.comparison import Standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "svg.hashsalt": "acutance",
    "svg.fonttype": "path",
    "axes.grid": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.6,
    "axes.edgecolor": "0.4",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 150,
}

MARKS: dict[str, dict[str, Any]] = {
    "published": {"marker": "o", "facecolor": "none", "edgecolor": "0.25", "s": 130},
    "weights": {"marker": "s", "facecolor": "0.62", "edgecolor": "0.25", "s": 38},
    "trained": {"marker": "^", "facecolor": "0.62", "edgecolor": "0.25", "s": 46},
    "acutance": {"marker": "D", "facecolor": "#9c1216", "edgecolor": "black", "s": 52},
}
"""Shapes tell the groups apart without colour; ours are the only dark ones. The ring of a published
figure lies around what was measured here, where the two agree."""

NEAR = 0.1
"""dB within which a published figure and one measured here need one name."""

LEGEND = {
    "published": "published figures",
    "weights": "published weights, measured here",
    "trained": "trained here",
    "acutance": "Acutance",
}


@contextmanager
def figure(path: Path, **settings: Any) -> Iterator[Any]:
    """A matplotlib figure that is saved when the block ends well, as the suffix says.

    Args:
        path: ``.png`` or ``.svg``.
        settings: of ``plt.subplots``; gives figure and axes.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with mpl.rc_context(STYLE):
        drawn, axes = plt.subplots(**settings)
        try:
            yield drawn, axes
            software = {"Software": None} if path.suffix == ".png" else {"Date": None}
            drawn.savefig(path, metadata=software, facecolor="white")
        finally:
            plt.close(drawn)


def draw_costs(standings: Sequence[Standing], path: Path) -> None:
    """PSNR over multiply-adds an output pixel, a panel for each scale.

    Bicubic, and published rows whose cost is not known, are levels. Models that were not trained to
    undo plain bicubic reduction are left out: they give PSNR away for something else.
    """
    scales = list(dict.fromkeys(standing.scale for standing in standings))
    size = (4.9 * len(scales), 4.3)
    with figure(path, ncols=len(scales), figsize=size, squeeze=False) as (drawn, axes):
        drawn.subplots_adjust(0.36 / size[0] * 2, 0.21, 0.985, 0.93, wspace=0.16)
        for axis, scale in zip(axes[0], scales, strict=True):
            axis.set_title(f"\u00d7{scale}", loc="left", fontweight="bold")
            axis.set_xlabel("multiply-adds for each output pixel")
            _draw_scale(axis, [s for s in standings if s.scale == scale])
        axes[0][0].set_ylabel("PSNR (dB)")
        entries: dict[str, Any] = {}
        for axis in axes[0]:
            handles, labels = axis.get_legend_handles_labels()
            entries |= dict(zip(labels, handles, strict=True))
        drawn.legend(
            entries.values(),
            entries.keys(),
            loc="lower center",
            ncols=len(entries),
            frameon=False,
            handletextpad=0.3,
        )


def _draw_scale(axis: "Axes", standings: Sequence[Standing]) -> None:
    known = [s for s in standings if s.psnr is not None and s.kind in ("", "bicubic")]
    points = [s for s in known if s.macs_per_output_pixel]
    levels = [s for s in known if not s.macs_per_output_pixel and s.method != "Lanczos"]
    axis.set_xscale("log")
    _set_limits(axis, points, levels)
    for group, mark in MARKS.items():
        own = [_position(s) for s in points if s.group == group]
        if own:
            x, y = zip(*own, strict=True)
            axis.scatter(x, y, label=LEGEND[group], zorder=3, linewidth=0.9, **mark)
    for standing in points:
        plain = next((s for s in points if f"{s.method}, --best" == standing.method), None)
        if plain:
            ends = zip(_position(plain), _position(standing), strict=True)
            axis.plot(*ends, color="#9c1216", linewidth=0.9, linestyle=":", zorder=2)
    taken = [_level(axis, s) for s in levels]
    measured = [s for s in points if s.group != "published"]
    named = [s for s in points if s.group != "published" or not any(_agree(s, m) for m in measured)]
    place_labels(
        axis,
        [(_label(s), *_position(s), s.group == "acutance") for s in named],
        taken=taken,
    )


def _agree(published: Standing, measured: Standing) -> bool:
    """Whether one name is enough for both."""
    apart = abs((published.psnr or 0.0) - (measured.psnr or 0.0))
    return _label(published) == _label(measured) and apart < NEAR


def _position(standing: Standing) -> tuple[float, float]:
    return standing.macs_per_output_pixel or 0.0, standing.psnr or 0.0


def _set_limits(axis: "Axes", points: Sequence[Standing], levels: Sequence[Standing]) -> None:
    """Room for labels; bicubic may lie below, so that networks can be told apart."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    x, y = zip(*(_position(s) for s in points), strict=True) if points else ((1e4, 1e6), (0.0,))
    y = (*y, *(s.psnr or 0.0 for s in levels if s.method != "bicubic"))
    span = max(max(y) - min(y), 0.1)
    axis.set_xlim(min(x) / 2.2, max(x) * 2.2)
    axis.set_ylim(min(y) - 0.2 * span, max(y) + 0.15 * span)
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(
        FuncFormatter(
            lambda value, _: f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} K"
        )
    )


def _level(axis: "Axes", standing: Standing) -> Any:
    """A line across to compare with; where it lies below the panel, in words at its foot."""
    psnr, (low, _) = standing.psnr or 0.0, axis.get_ylim()
    inside = psnr > low
    cost = " (cost not published)" if standing.group == "published" else ""
    text = f"{_label(standing)}{cost}" if inside else f"\u2193 {_label(standing)} {psnr:.2f} dB"
    if inside:
        axis.axhline(psnr, color="0.35", linewidth=0.9, linestyle="--", zorder=1)
    return axis.annotate(
        text,
        (0.99, max(psnr, low)),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        color="0.25",
        fontsize=8,
    )


OFFSETS = (
    *((0, 9, "center", "bottom"), (0, -9, "center", "top"), (9, 0, "left", "center")),
    *((-9, 0, "right", "center"), (8, 7, "left", "bottom"), (-8, 7, "right", "bottom")),
    *((8, -7, "left", "top"), (-8, -7, "right", "top"), (0, 20, "center", "bottom")),
    (0, -20, "center", "top"),
)
"""Where a label may stand, in points from its mark, the best place first."""


def place_labels(
    axis: "Axes",
    labels: Sequence[tuple[str, float, float, bool]],
    *,
    taken: Sequence[Any] = (),
    strong_offsets: Sequence[tuple[int, int, str, str]] = OFFSETS,
) -> None:
    """Write labels where they cover neither marks nor each other, nearest to their own marks.

    Args:
        axis: with its limits and scales set.
        labels: text, x, y, and whether it is to stand out.
        taken: artists that are there already.
        strong_offsets: where those that stand out may be, as ``OFFSETS``.
    """
    from matplotlib.transforms import Bbox

    canvas: Any = axis.figure.canvas
    renderer = canvas.get_renderer()
    spots = [axis.transData.transform((x, y)) for _, x, y, _ in labels]
    reach = 5 * axis.figure.dpi / 72
    covered = [artist.get_window_extent(renderer) for artist in taken]
    covered += [line.get_window_extent(renderer).padded(1) for line in axis.lines if _flat(line)]
    covered += [Bbox([[x - reach, y - reach], [x + reach, y + reach]]) for x, y in spots]
    inside = axis.get_window_extent(renderer)
    for (text, x, y, strong), spot in zip(labels, spots, strict=True):
        others = [other for other in spots if tuple(other) != tuple(spot)]
        for dx, dy, ha, va in strong_offsets if strong else OFFSETS:
            note = axis.annotate(
                text,
                (x, y),
                xytext=(dx, dy),
                textcoords="offset points",
                ha=ha,
                va=va,
                fontweight="bold" if strong else "normal",
            )
            box = note.get_window_extent(renderer)
            fits = inside.containsx(box.x0) and inside.containsx(box.x1)
            own = all(_apart(box, spot) < _apart(box, other) for other in others)
            if fits and inside.containsy(box.y1) and own and not box.count_overlaps(covered):
                break
            note.remove()
        else:
            continue
        covered.append(box)


def _apart(box: Any, spot: Any) -> float:
    """Pixels between a box and a point."""
    x, y = spot
    return math.hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1))


def _flat(line: Any) -> bool:
    """Whether a line is a level."""
    return len(set(line.get_ydata())) == 1


def _label(standing: Standing) -> str:
    """The method without what the mark says."""
    name = standing.method.split(" (")[0].split(", published")[0].split(", trained")[0]
    return name.removeprefix("Acutance ").replace(", --best", " --best")
