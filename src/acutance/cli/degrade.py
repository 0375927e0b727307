"""``acutance degrade``: pairs of LR and HR pictures from photos, as training makes them."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from acutance.cli.batch import Outcome, exit_if_failed, find_images, tell_unread
from acutance.errors import UsageError, UserError

PARAMETERS = "degradations.jsonl"


def degrade(
    *inputs: str,
    output: Annotated[str | None, Parameter(name=("--output", "--out", "-o"))] = None,
    scale: int = 4,
    seed: int = 0,
    preset: str = "photo",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=(), alias="-q")] = False,
) -> None:
    """Make LR/HR pairs of photos: realistic blur, noise and compression, the same for a seed.

    Writes DIR/LR and DIR/HR, PNGs under the same names, and DIR/degradations.jsonl, a line of drawn
    parameters for each pair, added when the pair is there.

    Parameters
    ----------
    inputs
        Image files, folders or glob patterns.
    output
        Folder for the pairs; it is made if missing.
    scale
        How many times smaller the LR is.
    seed
        Another seed, other degradations; a photo's own depend on the seed and its name alone.
    preset
        photo (30 % clean), degraded (none clean), harsh (much noise, always saved twice), mixed (a
        quarter harsh), jpeg or clean; docs/data.md has the ranges.
    overwrite
        Replace existing files.
    quiet
        No progress and no summary.
    """
    from rich.console import Console
    from rich.progress import track

    from acutance.data.degradation_pipeline import preset as preset_by_name

    if not inputs:
        raise UsageError("no input: give an image, a folder or a glob pattern")
    if not output:
        raise UsageError("no output: give a folder with -o")
    if scale < 1:
        raise UserError(f"scale must be positive, not {scale}")
    ranges = preset_by_name(preset)
    outcome = Outcome()
    sources = find_images(inputs, outcome, upscaled_too=True)
    if not quiet:
        tell_unread(outcome)
    originals = {os.path.realpath(source) for source in sources}
    pairs = Path(output)
    lines = _read_lines(pairs / PARAMETERS)
    written: dict[str, Path] = {}
    console = Console(stderr=True)
    shown = track(sources, "degrading", console=console, disable=quiet or not console.is_terminal)
    try:
        for source in shown:
            try:
                if (name := source.stem) in written:
                    raise UserError(
                        f"{source} and {written[name]} would both become {name}.png: "
                        "degrade them into different folders"
                    )
                for target in _targets(source, pairs):
                    if os.path.realpath(target) in originals:
                        raise UserError(
                            f"{target} is one of the images to degrade: give another --output"
                        )
                entry = _degrade_file(
                    source, pairs, scale=scale, seed=seed, ranges=ranges, overwrite=overwrite
                )
                lines[name] = {**entry, "preset": preset}
                with (pairs / PARAMETERS).open("a", encoding="utf-8") as file:
                    file.write(f"{json.dumps(lines[name])}\n")  # of two lines the later one counts
                written[name] = source
                outcome.done.append(entry)
            except UserError as error:
                outcome.failed.append({"source": str(source), "error": str(error)})
    finally:
        if written:
            _write_lines(pairs / PARAMETERS, lines)
    if not quiet and written:
        print(f"{output}: {len(written)} pairs, x{scale}, seed {seed}, {preset}")
    exit_if_failed(outcome, summary=len(sources) > 1 and not quiet)


def _degrade_file(
    source: Path, output: Path, *, scale: int, seed: int, ranges: Any, overwrite: bool
) -> dict[str, Any]:
    """Write one pair, both or neither; returns its line of parameters."""
    import numpy as np

    from acutance.data.degradation_pipeline import degrade as make_lr
    from acutance.data.degradation_pipeline import draw, generator_for
    from acutance.image.decode import read_rgb
    from acutance.image.encode import check_target, write_rgb8

    targets = _targets(source, output)
    fresh = [target for target in targets if not target.exists()]
    for target in targets:
        check_target(target, 1, 1, quality=None, overwrite=overwrite)
    photo = np.rint(read_rgb(source) * 255).astype(np.uint8)
    height, width = photo.shape[0] // scale, photo.shape[1] // scale
    if min(height, width) < 1:
        raise UserError(f"{source} is too small for x{scale}: at least {scale} pixels a side")
    hr = np.ascontiguousarray(photo[: height * scale, : width * scale])
    degradation = draw(generator_for(seed, source.stem), scale=scale, preset=ranges)
    lr = make_lr(hr, degradation, scale=scale)
    try:
        for target, image in zip(targets, (hr, lr), strict=True):
            write_rgb8(target, image)
    except BaseException:  # an interrupt too
        for target in fresh:
            target.unlink(missing_ok=True)
        raise
    return {
        "name": source.stem,
        "source": source.name,
        "scale": scale,
        "seed": seed,
        **degradation.as_dict(),
    }


def _targets(source: Path, output: Path) -> list[Path]:
    """Where a photo's pair goes, HR and LR."""
    return [output / folder / f"{source.stem}.png" for folder in ("HR", "LR")]


def _read_lines(path: Path) -> dict[str, dict[str, Any]]:
    """The parameters of pairs that are there already, by name."""
    if not path.exists():
        return {}
    try:
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {entry["name"]: entry for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} does not hold the parameters of degraded photos: choose another --output"
        ) from error


def _write_lines(path: Path, lines: dict[str, dict[str, Any]]) -> None:
    from acutance.image.files import atomic

    with atomic(path, overwrite=True) as partial:
        text = "".join(f"{json.dumps(lines[name])}\n" for name in sorted(lines))
        partial.write_text(text, encoding="utf-8")
