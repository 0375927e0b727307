"""Sample sheets: crops of seven held-out photos, enlarged by several methods, side by side.

Usage: python benchmarks/samples.py --photos DIR [--model NAME]
       python benchmarks/samples.py --photos DIR --degraded [PRESET] [--scale 2]

Each photo is reduced by MATLAB's bicubic, rounded to 8 bits, and enlarged again: by nearest
neighbour (that is the input), bicubic, the faithful model, and the GAN model that belongs to it,
where there is one. Writes docs/images/sample-NAME.webp, each below 100 KB, and docs/samples.md,
which names the photos' sources and licences. None of them was trained on.

With ``--degraded`` the input is blurred, noisy and compressed, as ``acutance degrade`` makes it by
a preset, ``degraded`` where none is named, from seed 0, and the models are those for photos, with
the bicubic-trained one before them: docs/images/photo-NAME.webp, each below 60 KB, and
docs/samples-photo.md; photo-x2-NAME.webp and samples-photo-x2.md at x2; photo-harsh-NAME.webp and
samples-photo-harsh.md of the preset ``harsh``.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from acutance.data.degradation_pipeline import PRESETS, degrade, draw, generator_for
from acutance.errors import UserError
from acutance.image.decode import read_rgb
from acutance.image.resize import resize
from acutance.inference.blend import detailed_model
from acutance.inference.models import find_card
from acutance.inference.upscaler import Upscaler

DOCS = Path(__file__).parent.parent / "docs"
SIDE, GAP, BAR = 240, 4, 26  # pixels: a crop's side, between crops, above them for labels
USUAL = 4
"""The scale that files and pages do not name."""
USUAL_PRESET = "degraded"
"""The same of presets."""
MOST_BYTES, MOST_BYTES_DEGRADED = 100_000, 60_000

Image = NDArray[np.floating]
Method = Callable[[Image], Image]


@dataclass(frozen=True)
class Sample:
    """A photo that may be redistributed, and the part of it that is shown."""

    name: str
    file: str
    """Stem of its name among the training photos."""
    top: int
    left: int
    source: str
    licence: str


SAMPLES = (
    Sample(
        "sign",
        "clicval_22ea12c903e41583b7c469cb86040157_0520",
        *(440, 180),
        "CLIC 2025 validation, 22ea12c903e41583b7c469cb86040157",
        "Unsplash License",
    ),
    Sample(
        "facade",
        "archsearch_stone_facades_05_0428",
        *(40, 180),
        "Pexels, by way of github.com/michaeltuszynski/ai-architectural-search, stone_facades_05",
        "Pexels License",
    ),
    Sample(
        "burger",
        "cid22_3616956",
        *(130, 60),
        "Cloudinary Image Dataset '22, 3616956",
        "CC BY-SA 4.0",
    ),
    Sample(
        "coast",
        "oceanic_539681_0305",
        *(330, 440),
        "Pexels, by way of github.com/tetiana-kolmychek/oceanic-awesomewm-theme, 539681",
        "CC0, as stated there",
    ),
    Sample(
        "grass",
        "cid22_3571065",
        *(190, 140),
        "Cloudinary Image Dataset '22, 3571065",
        "CC BY-SA 4.0",
    ),
    Sample(
        "reeds",
        "trident_scenic-view-of-lake-during-sunset-274948_0288",
        *(100, 560),
        "Pexels, by way of github.com/project-trident/trident-core, photo 274948",
        "Pexels License or CC0",
    ),
    Sample(
        "portrait",
        "clicval_2c1f84548ef99faec2b4f9bf12227c83_0523",
        *(600, 340),
        "CLIC 2025 validation, 2c1f84548ef99faec2b4f9bf12227c83",
        "Unsplash License",
    ),
)


def methods(models: Sequence[str], scale: int) -> dict[str, Method]:
    """What is shown between the input and the truth, by its label."""
    found: dict[str, Method] = {
        "input": lambda lr: lr.repeat(scale, axis=0).repeat(scale, axis=1),
        "bicubic": lambda lr: resize(
            lr.astype(np.float64), scale * lr.shape[0], scale * lr.shape[1]
        ),
    }
    for model in models:
        found[model] = _upscaled(Upscaler(model, device="cpu"))
    try:
        detailed_model(find_card(models[-1]))
    except UserError as reason:
        print(f"without a GAN model: {reason}")
        return found
    crisp = Upscaler(models[-1], device="cpu", detail=1)
    found[crisp.name] = _upscaled(crisp)
    return found


def _upscaled(upscaler: Upscaler) -> Method:
    return lambda lr: upscaler.upscale_float(lr.astype(np.float32))


def reduced(hr: Image, name: str, scale: int, *, preset: str | None) -> Image:
    """The input, ``(h, w, 3)`` in [0, 1], of 8 bits."""
    if preset:
        degradation = draw(generator_for(0, name), scale=scale, preset=PRESETS[preset])
        return degrade(hr.astype(np.uint8), degradation, scale=scale) / 255
    height, width = (size // scale for size in hr.shape[:2])
    return np.rint(resize(hr.astype(np.float64), height, width)).clip(0, 255) / 255


def sheet(
    sample: Sample, folder: Path, shown: dict[str, Method], scale: int, *, preset: str | None
) -> pyvips.Image:
    """The crops side by side, labelled."""
    photo = np.rint(read_rgb(_find(folder, sample.file)) * 255)
    height, width = (size // scale * scale for size in photo.shape[:2])
    hr = photo[:height, :width]
    lr = reduced(hr, sample.file, scale, preset=preset)
    results = {label: method(lr) for label, method in shown.items()} | {"original": hr / 255}
    area = (slice(sample.top, sample.top + SIDE), slice(sample.left, sample.left + SIDE))
    columns = [_labelled(label, result[area]) for label, result in results.items()]
    return pyvips.Image.arrayjoin(columns, across=len(columns), shim=GAP, background=255)


def _find(folder: Path, stem: str) -> Path:
    paths = sorted(folder.glob(f"{stem}.*"))
    if not paths:
        raise SystemExit(f"no {stem} in {folder}: unpack the training photos there")
    return paths[0]


def _labelled(label: str, crop: Image) -> pyvips.Image:
    """A crop below its name."""
    pixels = np.rint(np.asarray(crop).clip(0, 1) * 255).astype(np.uint8)
    text = pyvips.Image.text(label, font="DejaVu Sans Bold 10", dpi=96).invert()
    bar = text.embed((SIDE - text.width) // 2, 8, SIDE, BAR, extend="white")
    bar = bar.bandjoin([bar, bar]).copy(interpretation="srgb")
    return bar.join(pyvips.Image.new_from_array(pixels, interpretation="srgb"), "vertical")


def save(image: pyvips.Image, path: Path, most_bytes: int) -> None:
    """The best quality that stays below so many bytes."""
    for quality in (92, 88, 84, 80, 74, 68):
        data = image.webpsave_buffer(Q=quality, effort=6, smart_subsample=True, keep="none")
        if len(data) < most_bytes:
            break
    path.write_bytes(data)
    print(f"{path.name}: {len(data) / 1e3:.0f} KB at quality {quality}")


def page(labels: list[str], scale: int, *, preset: str | None) -> str:
    """The sheets with sources and licences."""
    columns = ", ".join(["the input enlarged by nearest neighbour", *labels[1:], "the original"])
    command = "python benchmarks/samples.py --photos PHOTOS"
    if preset:
        command += " --degraded" + f" {preset}" * (preset != USUAL_PRESET)
    command += f" --scale {scale}" * (scale != USUAL)
    part, times = ("a quarter", "four times") if scale == USUAL else ("half", "twice")
    how = f"degraded by preset `{preset}` from seed 0" if preset else "reduced by bicubic"
    parts = [
        f"# Samples{f', {preset}' if preset else ''}{f', x{scale}' * (scale != USUAL)}\n",
        f"Made by `{command}`, PHOTOS unpacked. Photos held out of training, {how} to\n"
        f"{part} of their width and height and enlarged {times}; "
        f"crops of {SIDE} x {SIDE} pixels. From left to\nright: {columns}.\n",
    ]
    for sample in SAMPLES:
        parts.append(
            f"![{sample.name}](images/{image_name(sample, scale, preset=preset)})\n\n"
            f"{sample.source}. {sample.licence}; crops and reductions of it under the same terms.\n"
        )
    return "\n".join(parts)


def image_name(sample: Sample, scale: int, *, preset: str | None) -> str:
    """Of a sheet's file."""
    return f"{_kind('sample', scale, preset=preset)}-{sample.name}.webp"


def _kind(clean: str, scale: int, *, preset: str | None) -> str:
    """What files of a preset and a scale begin with."""
    kind = "photo" if preset else clean
    if preset and preset != USUAL_PRESET:
        kind += f"-{preset}"
    return kind + f"-x{scale}" * (scale != USUAL)


def main() -> None:
    """Write sheets and page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--model", help="the faithful one: a name or a card; else base-x4")
    parser.add_argument(
        "--degraded",
        dest="preset",
        metavar="PRESET",
        nargs="?",
        const=USUAL_PRESET,
        choices=[USUAL_PRESET, "harsh"],
        help="show the models for photos",
    )
    parser.add_argument("--scale", type=int, choices=(2, 4), default=USUAL, help="of --degraded")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where to write")
    options = parser.parse_args()
    preset, scale = options.preset, options.scale
    if not preset and scale != USUAL:
        parser.error("--scale is of --degraded: there is no GAN model for clean pictures at x2")
    models = [f"base-x{scale}", f"photo-x{scale}"] if preset else [options.model or "base-x4"]
    shown = methods(models, scale)
    most_bytes = MOST_BYTES_DEGRADED if preset else MOST_BYTES
    (options.docs / "images").mkdir(parents=True, exist_ok=True)
    for sample in SAMPLES:
        image = sheet(sample, options.photos, shown, scale, preset=preset)
        path = options.docs / "images" / image_name(sample, scale, preset=preset)
        save(image, path, most_bytes)
    name = "samples.md" if not preset else f"samples-{_kind('', scale, preset=preset)}.md"
    text = page(list(shown), scale, preset=preset)
    (options.docs / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
