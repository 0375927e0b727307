"""``acutance evaluate``: PSNR, SSIM and HFENI on benchmark pictures."""

import dataclasses
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from acutance.errors import UserError


def evaluate(
    *,
    data: Path,
    scale: int = 4,
    model: str | None = None,
    best: Annotated[bool, Parameter(negative=())] = False,
    denoise: Literal["auto"] | float = "auto",
    baselines: Annotated[bool, Parameter(negative="--no-baselines")] = True,
    protocol: str = "poster2017",
    images: Path | None = None,
    sets: str | None = None,
    degrade: str | None = None,
    seed: int = 0,
    output_format: Annotated[Literal["md", "csv", "json"], Parameter(name="--format")] = "md",
    output: Annotated[Path | None, Parameter(name=("--output", "--out", "-o"))] = None,
    rows: Path | None = None,
    perceptual: Annotated[bool, Parameter(negative=())] = False,
    backbones: Path | None = None,
    record: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    device: str = "auto",
    threads: int | None = None,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Measure a model, bicubic and Lanczos on benchmark pictures, beside the published rows.

    Parameters
    ----------
    data
        Folder whose sub-folders are the sets (Set5, Set14, BSDS100), or one folder of pictures.
    scale
        Upscaling factor.
    model
        Model to measure: a name, a card's path, or none; base-xSCALE by default, and none with
        --images.
    best
        Measure the model's self-ensemble too, as a row of its own; eight times slower. It changes
        nothing in models that commute with flips and turns by themselves.
    denoise
        Strength that a photo model is told, 0 to 1; auto estimates it for each picture.
    baselines
        Measure bicubic and Lanczos too.
    protocol
        poster2017 or standard; docs/protocol.md explains them.
    images
        Measure the pictures in this folder too: made by any program, named as the ground truth or
        as NAME_x4, in sub-folders as the sets or all together.
    sets
        Names of the sets to use, separated by commas; all by default.
    degrade
        Degrade the LR pictures as this preset of `acutance degrade` says: for photo models.
    seed
        Seed of --degrade.
    output_format
        md, csv or json.
    output
        Write the table to this file instead of printing it.
    rows
        Write every picture's figures to this CSV file.
    perceptual
        Measure LPIPS, DISTS, NIQE, LR-PSNR and checkerboards too; docs/protocol.md explains them.
    backbones
        Folder with alexnet.safetensors and vgg16.safetensors, which LPIPS and DISTS need.
    record
        Write the model's figures into its card, for `acutance models`.
    overwrite
        Replace existing files.
    device
        auto, cpu, cuda or mps.
    threads
        CPU threads; all by default.
    quiet
        No progress.
    """
    from rich.console import Console
    from rich.progress import track

    from acutance.data.benchmarks import DegradedImage, find_benchmarks
    from acutance.data.degradation_pipeline import preset as preset_by_name
    from acutance.evaluation import table
    from acutance.evaluation.contenders import method_name
    from acutance.evaluation.record import record as write_record
    from acutance.evaluation.run import Row, Upscale, bicubic, lanczos, run, run_on_pictures
    from acutance.image.files import atomic, check_writable
    from acutance.inference.models import find_card
    from acutance.metrics.perceptual import Perceptual
    from acutance.metrics.protocol import protocol as protocol_by_name

    if scale < 2:
        raise UserError(f"scale must be at least 2, not {scale}")
    if output is not None and output == rows:
        raise UserError("--output and --rows name one file: give two")
    for path in (output, rows):
        if path is not None:
            check_writable(path, overwrite=overwrite)
    rules = protocol_by_name(protocol)
    ranges = preset_by_name(degrade) if degrade else None
    if ranges is not None:
        rules = dataclasses.replace(
            rules,
            name=f"{rules.name}-{degrade}-seed{seed}",
            summary=f"{rules.summary}; LR degraded ({degrade}, seed {seed}), 8 bits",
        )
    if backbones is not None and not perceptual:
        raise UserError("--backbones is for perceptual metrics: give --perceptual too")
    if backbones is not None and not backbones.is_dir():
        raise UserError(f"no such folder: {backbones}; give one with alexnet.safetensors")
    seen = Perceptual(backbones) if perceptual else None
    missing = seen.missing if seen else None
    pictures = find_benchmarks(data, [name.strip() for name in sets.split(",")] if sets else None)
    if ranges is not None:
        pictures = [DegradedImage(p.set_name, p.path, ranges, seed) for p in pictures]
    methods: dict[str, Upscale] = {}
    if baselines:
        methods = {"bicubic": bicubic(scale), "Lanczos": lanczos(scale)}
    name = ""
    if model is None:
        model = "none" if images is not None else _default_model(scale)
    if model == "none" and (record or best):
        raise UserError(f"--{'record' if record else 'best'} needs a model: give --model")
    if model == "none" and images is None and not baselines:
        raise UserError("nothing to measure: leave out --no-baselines, or give --model or --images")
    if model == "none" and denoise != "auto":
        raise UserError("--denoise needs a model: give --model")
    if model != "none":
        from acutance.inference.upscaler import Upscaler

        # The figures do not depend on what the processor can multiply.
        load = partial(
            Upscaler,
            model,
            device=device,
            threads=threads,
            precision="fp32",
            denoise=None if denoise == "auto" else denoise,
        )
        upscaler = load()
        if upscaler.scale != scale:
            raise UserError(
                f"{model} upscales by {upscaler.scale}, not by {scale}: "
                f"give --scale {upscaler.scale}, or another model"
            )
        name = method_name(upscaler.card)
        if upscaler.card.takes_strength and denoise != "auto":
            name = f"{name}, --denoise {denoise:g}"
        measured: dict[str, Upscale] = {name: upscaler.upscale_float}
        if best:
            measured[f"{name}, --best"] = load(best=True).upscale_float
        methods = {**measured, **methods}
    console = Console(stderr=True)
    found: list[Row] = []
    if images is not None:
        found += run_on_pictures(images, pictures, scale=scale, protocol=rules, perceptual=seen)
    results = run(methods, pictures, scale=scale, protocol=rules, perceptual=seen)
    total = len(methods) * len(pictures)
    found += track(results, "measuring", total=total, console=console, disable=quiet)
    lines = table.summarise(found)
    more = table.published_perceptual(scale, rules, lines) if seen else []
    lines += [*table.published(scale, rules, lines), *more]
    write = {"md": table.to_markdown, "csv": table.to_csv, "json": table.to_json}[output_format]
    per_image = table.rows_to_csv(found, scale=scale, protocol=rules, missing=missing)
    text = write(lines, scale=scale, protocol=rules, missing=missing)
    for path, content in ((output, text), (rows, per_image)):
        if path is not None:
            with atomic(path, overwrite=overwrite) as unfinished:
                unfinished.write_text(content, encoding="utf-8")
    if record:
        own = [line for line in lines if line.method == name]
        key = rules.name if denoise == "auto" else f"{rules.name}-denoise{denoise:g}"
        write_record(find_card(model), own, key=key)
    if output is None:
        sys.stdout.write(text)


def _default_model(scale: int) -> str:
    """The shipped model for a scale."""
    from acutance.inference.models import default_model

    try:
        return default_model(scale)
    except UserError as error:
        raise UserError(f"{error}; --model none measures bicubic and Lanczos alone") from error
