"""Plots in the style of the field's papers, legible in black and white.

Needs matplotlib, the extra ``benchmark``. The same figures give the same bytes: no dates, and
element names from a fixed salt.
"""

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
    "published": {"marker": "o", "facecolor": "white", "edgecolor": "0.25", "s": 42},
    "weights": {"marker": "s", "facecolor": "0.6", "edgecolor": "0.25", "s": 38},
    "trained": {"marker": "^", "facecolor": "0.6", "edgecolor": "0.25", "s": 46},
    "acutance": {"marker": "D", "facecolor": "#b3191c", "edgecolor": "black", "s": 58},
}
"""Shapes tell the groups apart without colour; ours are the only dark ones."""

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

    Interpolation, and published rows whose cost is not known, are lines. Models that were not
    trained to undo plain bicubic reduction are left out: they give PSNR away for something else.
    """
    scales = list(dict.fromkeys(standing.scale for standing in standings))
    size = (5.2 * len(scales), 4.4)
    with figure(path, ncols=len(scales), figsize=size, squeeze=False) as (drawn, axes):
        for axis, scale in zip(axes[0], scales, strict=True):
            _draw_scale(axis, [s for s in standings if s.scale == scale])
            axis.set_title(f"x{scale}", loc="left", fontweight="bold")
            axis.set_xlabel("multiply-adds an output pixel")
        axes[0][0].set_ylabel("PSNR, dB")
        handles, labels = axes[0][0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
        drawn.tight_layout(rect=(0, 0.06, 1, 1))


def _draw_scale(axis: "Axes", standings: Sequence[Standing]) -> None:
    known = [s for s in standings if s.psnr is not None and s.kind in ("", "bicubic")]
    points = [s for s in known if s.macs_per_output_pixel]
    for group, mark in MARKS.items():
        own = [s for s in points if s.group == group]
        x, y = ([getattr(s, k) for s in own] for k in ("macs_per_output_pixel", "psnr"))
        axis.scatter(x, y, label=LEGEND[group], zorder=3, linewidth=0.9, **mark)
    axis.set_xscale("log")
    for line in known:
        if not line.macs_per_output_pixel and line.method != "Lanczos":
            _level(axis, _label(line), line.psnr or 0.0)
    for point in points:
        axis.annotate(
            _label(point),
            (point.macs_per_output_pixel or 0, point.psnr or 0),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontweight="bold" if point.group == "acutance" else "normal",
        )


def _level(axis: "Axes", label: str, psnr: float) -> None:
    """A line across, to compare with."""
    axis.axhline(psnr, color="0.35", linewidth=0.9, linestyle="--", zorder=1)
    axis.annotate(
        label,
        (0.01, psnr),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        color="0.25",
        fontsize=8,
    )


def _label(standing: Standing) -> str:
    """The method without what the mark says."""
    name = standing.method.split(" (")[0].split(", published")[0].split(", trained")[0]
    return name.removeprefix("Acutance ")
