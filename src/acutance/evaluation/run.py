"""Measure an upscaler on benchmark pictures: one row a picture."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance.data.benchmarks import BenchmarkImage
from acutance.errors import UserError
from acutance.image.io import SUFFIXES, read_rgb
from acutance.image.resize import resize
from acutance.metrics.protocol import Protocol, Score, measure

Upscale = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""LR ``(h, w, 3)`` floats to ``(s*h, s*w, 3)`` floats in [0, 1]."""


@dataclass(frozen=True)
class Row:
    """One picture measured for one method."""

    method: str
    set_name: str
    image: str
    score: Score


def bicubic(scale: int) -> Upscale:
    """MATLAB's bicubic, the field's baseline."""
    return lambda lr: resize(lr.astype(np.float64), lr.shape[0] * scale, lr.shape[1] * scale)


def lanczos(scale: int) -> Upscale:
    """Lanczos with three lobes, by libvips: what image editors use."""

    def upscale(lr: NDArray[np.float32]) -> NDArray[np.float32]:
        import pyvips

        image = pyvips.Image.new_from_array(np.ascontiguousarray(lr, dtype=np.float32))
        array = image.resize(scale, kernel="lanczos3").numpy()
        return np.asarray(array, dtype=np.float32)

    return upscale


def run(
    methods: dict[str, Upscale],
    images: Sequence[BenchmarkImage],
    *,
    scale: int,
    protocol: Protocol,
) -> Iterator[Row]:
    """Rows as they are measured, picture by picture, every method on the same input."""
    for image in images:
        lr, hr = image.load(scale, round_lr=protocol.round_lr)
        for method, upscale in methods.items():
            try:
                score = measure(upscale(lr), hr, scale=scale, protocol=protocol)
            except UserError as error:
                raise UserError(f"{image.path}: {error}") from error
            yield Row(method, image.set_name, image.name, score)


def run_on_pictures(
    folder: Path, images: Sequence[BenchmarkImage], *, scale: int, protocol: Protocol
) -> Iterator[Row]:
    """Rows for pictures that any program made: one file for each benchmark picture.

    A file belongs to ``baby`` when its name is ``baby`` alone or with an addition such as
    ``baby_x4``, ``babyx4``, ``baby-SR`` or ``baby_SRF_4_HR``; it lies in a sub-folder named as the
    set, or in the folder itself.

    Raises:
        UserError: the folder is missing, or pictures are missing, ambiguous or of the wrong size.
    """
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder}")
    matched = {image: _match(folder, image) for image in images}
    missing = [i.name for i, path in matched.items() if path is None]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise UserError(
            f"{folder} has no picture for {', '.join(missing[:5])}{more}: name them as the ground "
            "truth, or as NAME_x4; --sets leaves sets out"
        )
    for image, path in matched.items():
        assert path is not None
        _, hr = image.load(scale, round_lr=protocol.round_lr)
        try:
            score = measure(read_rgb(path), hr, scale=scale, protocol=protocol)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        yield Row(folder.resolve().name, image.set_name, image.name, score)


def _match(folder: Path, image: BenchmarkImage) -> Path | None:
    """The one file of ``folder`` that belongs to a benchmark picture."""
    pattern = re.compile(rf"{re.escape(image.name)}([_-].*|x\d+.*)?", re.IGNORECASE)
    for place in (folder / image.set_name, folder):
        if not place.is_dir():
            continue
        files = [p for p in sorted(place.iterdir()) if p.suffix.lower() in SUFFIXES]
        exact = [p for p in files if p.stem == image.name]
        found = exact or [p for p in files if pattern.fullmatch(p.stem)]
        if len(found) > 1:
            names = ", ".join(p.name for p in found)
            raise UserError(f"several pictures for {image.name} in {place}: {names}; keep one")
        if found:
            return found[0]
    return None
