"""``acutance upscale``: photos in, larger photos out."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from acutance.cli.batch import Outcome, exit_if_failed, find_images, tell_unread
from acutance.errors import UsageError, UserError


def upscale(
    *inputs: str,
    output: Annotated[str | None, Parameter(name=("--output", "--out", "-o"))] = None,
    scale: int | None = None,
    model: str | None = None,
    best: Annotated[bool, Parameter(negative=())] = False,
    detail: float = 0,
    denoise: Literal["auto"] | float = "auto",
    device: str = "auto",
    threads: int | None = None,
    output_format: Annotated[str | None, Parameter(name="--format")] = None,
    quality: int | None = None,
    memory: int | None = None,
    tile: int | None = None,
    pixel_limit: float = 500,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=(), alias="-q")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Upscale photos: writes photo_x4.png beside photo.jpg.

    Parameters
    ----------
    inputs
        Image files, folders or glob patterns.
    output
        A file for one image, or a folder, which may end in a slash; beside each image by default.
    scale
        2, 3, 4 or 8; 4 by default.
    model
        Name of a shipped model or path of a model's card; `acutance models` lists them. By default
        each picture gets the one that suits it: photo-xSCALE if it is noisy or a JPEG, a lossy WebP
        or an AVIF, else base-xSCALE.
    best
        Average over the eight flips and transposes of the picture: a little better, eight times
        slower. Models that commute with these by themselves are left as they are.
    detail
        0 (faithful) to 1 (crisp): mix in this share of a GAN model, which draws detail that looks
        right and need not be true.
    denoise
        How much noise and compression to remove, 0 to 1, by a photo model; auto estimates it for
        each picture.
    device
        auto, cpu (OpenVINO), cuda, mps or torch-cpu (PyTorch).
    threads
        CPU threads; all by default.
    output_format
        png, jpg, webp, tiff or avif; png by default, or what --output says.
    quality
        1 to 100 for jpg, webp and avif; 90 by default.
    memory
        MiB for tiles; more is a little faster. 1024 by default.
    tile
        Input pixels on a side of a tile, instead of deriving it from --memory.
    pixel_limit
        Refuse images of more megapixels than this.
    overwrite
        Replace existing files.
    quiet
        No progress and no summary.
    as_json
        Print the summary as JSON.
    """
    from acutance.image.encode import FORMATS, format_of
    from acutance.inference.choice import Choice, candidates, choose_model
    from acutance.inference.memory import DEFAULT_MEMORY
    from acutance.inference.upscaler import Upscaler

    if not inputs:
        raise UsageError("no input: give an image, a folder or a glob pattern")
    if scale is not None and scale < 1:
        raise UserError(f"scale must be positive, not {scale}")
    if output_format is not None and output_format not in FORMATS:
        raise UserError(f"unknown format '{output_format}': choose one of {', '.join(FORMATS)}")
    if quality is not None and not 1 <= quality <= 100:
        raise UserError(f"quality must be 1 to 100, not {quality}")
    if memory is not None and memory < 1:
        raise UserError(f"memory must be at least 1 MiB, not {memory}")
    if not pixel_limit > 0:  # nor is a NaN
        raise UserError(f"pixel-limit must be positive, not {pixel_limit:g}")
    outcome = Outcome()
    folder, file = _destination(output)
    sources = find_images(inputs, outcome, into=folder)
    if not sources and not outcome.failed:
        raise UserError("nothing to do: every image found is already an upscaled one")
    if outcome.left_out and not quiet:
        listed = ", ".join(map(str, outcome.left_out))
        print(
            f"left out, as upscaled already (name them to do it again): {listed}", file=sys.stderr
        )
    if not quiet:
        tell_unread(outcome)
    if file is not None and len(sources) > 1:
        raise UsageError(f"{len(sources)} images cannot go into one file {output}: give a folder")
    if file is not None and output_format not in (None, format_of(file)):
        raise UsageError(f"--format {output_format} does not fit the name {file}")
    if sources:
        strength = None if denoise == "auto" else denoise
        pixels = round(min(pixel_limit * 1e6, 2**62))

        def choose(source: Path) -> Choice:
            if model is not None:
                return Choice(model)
            return choose_model(
                source, scale or 4, detail=detail, denoise=strength, pixel_limit=pixels
            )

        @cache
        def load(name: str) -> Upscaler:
            return Upscaler(
                name,
                device=device,
                threads=threads,
                memory=memory or DEFAULT_MEMORY,
                tile=tile,
                best=best,
                detail=detail,
                denoise=strength,
            )

        if model is None:
            names = candidates(scale or 4, detail=detail, denoise=strength)
            factor = load(names[0]).scale  # so that wrong wishes are said before any work
        elif scale not in (None, factor := load(model).scale):
            raise UsageError(
                f"model '{model}' upscales by {factor}, not by {scale}: "
                "leave out --scale, or --model"
            )
        _upscale_all(
            choose,
            load,
            [(s, file or target_for(s, folder, factor, output_format)) for s in sources],
            outcome,
            quality=quality,
            overwrite=overwrite,
            pixel_limit=pixels,
            show=not quiet and not as_json,
        )
    if as_json:
        print(json.dumps({"done": outcome.done, "failed": outcome.failed}, indent=2))
    exit_if_failed(outcome, summary=len(sources) > 1 and not quiet)


def _destination(output: str | None) -> tuple[Path | None, Path | None]:
    """What ``--output`` means: a folder, a file, or neither."""
    if output is None:
        return None, None
    if not output:
        raise UsageError("the output is empty: give a file or a folder")
    path = Path(output)
    if output.endswith(("/", os.sep)) or not path.suffix or path.is_dir():
        return path, None
    return None, path


def target_for(source: Path, folder: Path | None, scale: int, output_format: str | None) -> Path:
    """Where an upscaled image goes: into a folder, or beside the source."""
    return (folder or source.parent) / f"{source.stem}_x{scale}.{output_format or 'png'}"


def _upscale_all(
    choose: Callable[[Path], Any],
    load: Callable[[str], Any],
    jobs: Sequence[tuple[Path, Path]],
    outcome: Outcome,
    *,
    quality: int | None,
    overwrite: bool,
    pixel_limit: int,
    show: bool,
) -> None:
    """One after the other; a failure is noted and the others go on.

    ``choose`` gives the ``Choice`` for a picture, ``load`` the upscaler of a model's name.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    written: dict[str, Path] = {}  # by where it really is: through links, of whatever spelling
    sources = {os.path.realpath(source) for source, _ in jobs}
    console = Console(stderr=True)
    silent = not (show and console.is_terminal)
    for source, target in jobs:
        # A bar a picture: while one is alive, rich takes over what is printed, and wraps it.
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=silent, transient=True) as bar:
            task = bar.add_task(escape(source.name), total=None)
            started = time.perf_counter()
            try:
                place = os.path.realpath(target)
                if place in written:
                    raise UserError(
                        f"{source} and {written[place]} would both become {target}: "
                        "upscale them into different folders"
                    )
                if place in sources and target != source:
                    raise UserError(
                        f"{target} is one of the images to upscale: give another --output"
                    )
                choice = choose(source)
                summary = load(choice.model).upscale_file(
                    source,
                    target,
                    quality=quality,
                    overwrite=overwrite,
                    pixel_limit=pixel_limit,
                    denoise=choice.strength,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),  # noqa: B023
                )
                written[place] = source
            except UserError as error:
                outcome.failed.append({"source": str(source), "error": str(error)})
                continue
        seconds = time.perf_counter() - started
        report = {
            "source": str(summary.source),
            "target": str(summary.target),
            "size": list(summary.size),
            "upscaled": list(summary.upscaled),
            "model": summary.model,
            "reason": choice.reason,
            "strength": summary.strength,
            "engine": summary.engine,
            "seconds": round(seconds, 2),
            "peak_memory_mib": round(peak_memory_mib()),
            "notes": list(summary.notes),
        }
        outcome.done.append(report)
        if show:
            print(_line(report), flush=True)


def _line(report: dict[str, Any]) -> str:
    """The one-line summary of a picture."""
    (width, height), (wide, high) = report["size"], report["upscaled"]
    notes = f" ({', '.join(report['notes'])})" if report["notes"] else ""
    strength = report["strength"]
    why = [report["reason"]] if report["reason"] else []
    why += [f"strength {strength:.2f}"] if strength is not None else []
    model = f"{report['model']} ({', '.join(why)})" if why else report["model"]
    return (
        f"{report['target']}: {width} x {height} -> {wide} x {high}{notes}, {model}, "
        f"{report['engine']}, {report['seconds']:.1f} s, peak {report['peak_memory_mib']} MiB"
    )


def peak_memory_mib() -> float:
    """The process's peak resident memory so far, MiB; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
