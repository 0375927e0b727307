"""The perception-distortion plane: PSNR against LPIPS on BSDS100 at x4, ours along the dial.

Usage: python benchmarks/perception.py --data DIR --backbones DIR [--model NAME] [--rows FILE]
       [--details D ...] [--photos N]

Measures bicubic, the faithful model, and its mixtures with the GAN model that belongs to it
(``upscale --detail``), by the standard protocol, beside published points; writes
docs/benchmarks/perception.md with a table, and the plot beside it. ``--rows`` keeps each picture's
figures in a file and goes on from it. The plane: Blau and Michaeli, "The perception-distortion
tradeoff", CVPR 2018.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from acutance.data.benchmarks import find_benchmarks
from acutance.evaluation.comparison import Comparison
from acutance.evaluation.contenders import Contender, Opened
from acutance.evaluation.plot import MARKS, OFFSETS, figure, place_labels
from acutance.evaluation.provenance import commit
from acutance.evaluation.run import bicubic
from acutance.evaluation.store import Store
from acutance.evaluation.table import Line, published_perceptual, to_markdown
from acutance.inference.blend import detailed_model
from acutance.inference.models import find_card
from acutance.inference.upscaler import Upscaler
from acutance.metrics.perceptual import Perceptual
from acutance.metrics.protocol import PROTOCOLS
from acutance.models.card import read_card

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks" / "perception.md"
SCALE, SET, PROTOCOL = 4, "BSDS100", PROTOCOLS["standard"]


def along_the_dial(model: str, details: Sequence[float], threads: int | None) -> list[Contender]:
    """The faithful model and its mixtures; the key changes with weights and borders of both."""
    faithful = find_card(model)
    cards = [read_card(faithful)]
    if any(details):
        cards.append(read_card(detailed_model(faithful)))
    weights = "".join(f"{c.files['safetensors'].sha256}{c.mirrored or ''}" for c in cards)
    digest = hashlib.sha256(weights.encode()).hexdigest()[:16]

    def one(detail: float) -> Contender:
        def load(precision: str) -> Opened:
            upscaler = Upscaler(
                faithful, detail=detail, threads=threads, precision=precision, device="cpu"
            )
            return Opened(upscaler.upscale_float, upscaler.engine)

        name = f"Acutance {cards[0].name}"
        name += f", --detail {detail:g}" if detail else ""
        key = f"{digest}+detail{detail:g}" if detail else cards[0].files["safetensors"].sha256[:16]
        return Contender(name, "acutance", key, None, "bicubic", load)

    return [one(detail) for detail in details]


def draw(measured: Sequence[Line], copied: Sequence[Line], path: Path) -> None:
    """Points with labels; ours joined in the order of the dial."""
    with figure(path, figsize=(6.2, 4.6)) as (drawn, axis):
        ours = [line for line in measured if line.method != "bicubic"]
        points = [(line, "acutance") for line in ours]
        points += [(line, "published") for line in copied]
        points += [(line, "weights") for line in measured if line.method == "bicubic"]
        axis.plot(*zip(*map(_position, ours), strict=True), color="#9c1216", linewidth=1, zorder=2)
        for group, name in (
            ("acutance", "Acutance, measured here"),
            ("weights", "measured here"),
            ("published", "published figures"),
        ):
            x, y = zip(*(_position(line) for line, g in points if g == group), strict=True)
            axis.scatter(x, y, label=name, zorder=3, linewidth=0.9, **{**MARKS[group], "s": 46})
        axis.set_xlabel("PSNR (dB), higher is truer")
        axis.set_ylabel("LPIPS, lower looks more alike")
        axis.margins(0.18, 0.12)
        drawn.legend(frameon=False, loc="lower center", ncols=3, handletextpad=0.3)
        drawn.tight_layout(rect=(0, 0.06, 1, 1))
        drawn.canvas.draw()
        labels = [(_label(line), *_position(line), group == "acutance") for line, group in points]
        # The curve rises to the right: below it there is room.
        place_labels(
            axis,
            labels,
            strong_offsets=[(8, -6, "left", "top"), (-9, 0, "right", "center"), *OFFSETS],
        )


def _position(line: Line) -> tuple[float, float]:
    assert line.psnr is not None
    return line.psnr, line.perceptual["lpips"]


def _label(line: Line) -> str:
    """The method, or for a mixture the dial alone."""
    name = line.method.removeprefix("Acutance ").split(" (")[0]
    return name.rpartition(", --")[2]


def page(measured: Sequence[Line], copied: Sequence[Line], details: Sequence[float]) -> str:
    """The table below the plot."""
    text = to_markdown([*measured, *copied], scale=SCALE, protocol=PROTOCOL)
    dial = " ".join(f"{detail:g}" for detail in details)
    return f"""# Perception and distortion

Made by `python benchmarks/perception.py --data DIR --backbones BACKBONES --details {dial}`,
commit {commit()[:12]}.

![PSNR against LPIPS]({PAGE.stem}.png)

`--detail D` mixes the weights of the faithful model with those of the GAN model that was trained
from it: 0 is the faithful one, 1 the GAN model. PSNR measures how far pixels are from the truth,
LPIPS how different two pictures look to a network that was trained on photos; no method can have
the best of both (Blau and Michaeli, CVPR 2018). LR-PSNR says how well the result, reduced again,
agrees with the input.

{text}"""


def main() -> None:
    """Measure, write the page, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbones", type=Path, required=True)
    parser.add_argument("--model", default="base-x4", help="the faithful one: a name or a card")
    parser.add_argument("--details", type=float, nargs="+", default=[0, 0.25, 0.5, 0.75, 1])
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--photos", type=int, help="only so many, for a look; no page is written")
    options = parser.parse_args()
    pictures = find_benchmarks(options.data, [SET])[: options.photos]
    contenders = [
        Contender("bicubic", "interpolation", "bicubic", None, "", lambda _: _bicubic()),
        *along_the_dial(options.model, options.details, options.threads),
    ]
    seen = Perceptual(options.backbones)
    comparison = Comparison(contenders, pictures, Store(options.rows), SCALE, PROTOCOL, seen)
    todo = sum(len(comparison.missing(one)) for one in contenders)
    rows = (row for one in contenders for row in comparison.measure(one))
    for _ in track(rows, "measuring", total=todo, disable=not todo):
        pass
    measured = [comparison.lines(one)[-1] for one in contenders]
    copied = published_perceptual(SCALE, PROTOCOL, measured)
    if options.photos:
        print(to_markdown(measured, scale=SCALE, protocol=PROTOCOL))
        return
    PAGE.write_text(page(measured, copied, options.details), encoding="utf-8")
    for suffix in (".png", ".svg"):
        draw(measured, copied, PAGE.with_suffix(suffix))


def _bicubic() -> Opened:
    return Opened(bicubic(SCALE), "NumPy fp64")


if __name__ == "__main__":
    main()
