"""Measure upscalers, or pictures that other programs made: one row a picture."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance.data.benchmarks import BenchmarkImage, images_in
from acutance.errors import UserError
from acutance.image.decode import open_picture, read_rgb
from acutance.image.resize import CUBIC, LANCZOS3, Kernel, resize
from acutance.metrics.perceptual import Perceptual
from acutance.metrics.protocol import Protocol, Score, measure

Upscale = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""LR ``(h, w, 3)`` floats to ``(s*h, s*w, 3)`` floats, both about [0, 1] and not rounded."""


@dataclass(frozen=True)
class Row:
    """One picture measured for one method."""

    method: str
    set_name: str
    image: str
    score: Score
    perceptual: dict[str, float] = field(default_factory=dict)
    """Figures by the keys of ``metrics.perceptual.COLUMNS``; those not measured left out."""


def bicubic(scale: int) -> Upscale:
    """MATLAB's bicubic, the field's baseline."""
    return _interpolation(scale, CUBIC)


def lanczos(scale: int) -> Upscale:
    """Lanczos with three lobes, the best that image editors offer, as MATLAB's ``imresize``."""
    # Not by libvips: its resize enlarges by bicubic when asked for Lanczos.
    return _interpolation(scale, LANCZOS3)


def _interpolation(scale: int, kernel: Kernel) -> Upscale:
    def upscale(lr: NDArray[np.float32]) -> NDArray[np.floating]:
        height, width = lr.shape[:2]
        return resize(lr.astype(np.float64), height * scale, width * scale, kernel=kernel)

    return upscale


def run(
    methods: dict[str, Upscale],
    images: Sequence[BenchmarkImage],
    *,
    scale: int,
    protocol: Protocol,
    perceptual: Perceptual | None = None,
) -> Iterator[Row]:
    """Rows as they are measured, picture by picture, every method on the same input.

    Raises:
        UserError: a picture is unreadable or too small; the message names it.
    """
    for image in images:
        lr, hr = image.load(scale, round_lr=protocol.round_lr)
        for method, upscale in methods.items():
            sr = upscale(lr)
            yield _row(method, image, sr, hr, lr, scale, protocol, perceptual)


def run_on_pictures(
    folder: Path,
    images: Sequence[BenchmarkImage],
    *,
    scale: int,
    protocol: Protocol,
    perceptual: Perceptual | None = None,
) -> Iterator[Row]:
    """Rows for pictures that any program made: one file for each benchmark picture.

    A file belongs to ``baby`` when its name is ``baby`` alone or with an addition such as
    ``baby_x4``, ``babyx4``, ``baby-SR`` or ``baby_SRF_4_HR``; it lies in a sub-folder named as the
    set, or in the folder itself. It is as large as the ground truth cropped to a multiple of the
    scale.

    Raises:
        UserError: the folder is missing, or pictures are missing, ambiguous or of the wrong size;
            all of them are named in one message, before anything is measured.
    """
    matched = match_pictures(folder, images)
    wrong = []
    for image, path in matched.items():
        expected = image.size(scale)
        made = open_picture(path).image
        if (made.height, made.width) != expected:
            wrong.append(
                f"{path.name} is {made.width} x {made.height}, not {expected[1]} x {expected[0]}"
            )
    if wrong:
        raise UserError(
            f"{folder} holds pictures of the wrong size for x{scale}: {_listed(wrong)}; make them "
            "from the ground truth cropped to a multiple of the scale and reduced by it"
        )
    method = f"pictures in {folder.resolve().name}"  # cannot be taken for a method of ours
    for image, path in matched.items():
        lr, hr = image.load(scale, round_lr=protocol.round_lr)
        yield _row(method, image, read_rgb(path), hr, lr, scale, protocol, perceptual)


def match_pictures(folder: Path, images: Sequence[BenchmarkImage]) -> dict[BenchmarkImage, Path]:
    """The one file of ``folder`` that belongs to each benchmark picture.

    Raises:
        UserError: no such folder; pictures without a file, or with several.
    """
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder}; give the folder of upscaled pictures")
    matched: dict[BenchmarkImage, Path] = {}
    missing, several = [], []
    for set_name in dict.fromkeys(image.set_name for image in images):
        own = [image for image in images if image.set_name == set_name]
        found: dict[str, list[Path]] = {}
        for place in (folder, folder / set_name):  # the set's own folder has the last word
            if place.is_dir():
                found |= _by_name(images_in(place), [image.name for image in own])
        for image in own:
            paths = found.get(image.name, [])
            if len(paths) == 1:
                matched[image] = paths[0]
            elif paths:
                several.append(f"{image.name} ({', '.join(path.name for path in paths)})")
            else:
                missing.append(f"{set_name}/{image.name}")
    if several:
        raise UserError(f"{folder} has several pictures for {_listed(several)}; keep one of each")
    if missing:
        raise UserError(
            f"{folder} has no picture for {_listed(missing)}: name them as the ground truth, or "
            "NAME_x4; --sets leaves sets out"
        )
    return matched


def _by_name(files: Sequence[Path], names: Sequence[str]) -> dict[str, list[Path]]:
    """Files by the ground truth whose name they extend; an exact name rules the others out."""
    found: dict[str, list[Path]] = {}
    patterns = {
        name: re.compile(rf"{re.escape(name)}([-_. ].*|x\d+.*)?", re.IGNORECASE) for name in names
    }
    for path in files:
        owners = [name for name in names if patterns[name].fullmatch(path.stem)]
        if owners:  # "bird_2_x4" belongs to "bird_2", not to "bird"
            found.setdefault(max(owners, key=len), []).append(path)
    for name, paths in found.items():
        found[name] = [path for path in paths if path.stem == name] or paths
    return found


def _row(
    method: str,
    image: BenchmarkImage,
    sr: NDArray[np.floating],
    hr: NDArray[np.uint8],
    lr: NDArray[np.float32],
    scale: int,
    protocol: Protocol,
    perceptual: Perceptual | None,
) -> Row:
    try:
        score = measure(sr, hr, scale=scale, protocol=protocol)
    except UserError as error:
        raise UserError(f"{image.path}: {error}; leave it out") from error
    seen = {}
    if perceptual is not None:
        seen = perceptual.measure(sr, hr, lr, scale=scale, protocol=protocol)
    return Row(method, image.set_name, image.name, score, seen)


def _listed(names: Sequence[str], most: int = 5) -> str:
    """The first few, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
