"""Benchmark pictures: ground truth from folders, low resolution by the package's own bicubic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.image.io import SUFFIXES, read_rgb
from acutance.image.resize import resize


@dataclass(frozen=True)
class BenchmarkImage:
    """A ground-truth file and the set that it belongs to."""

    set_name: str
    path: Path

    @property
    def name(self) -> str:
        """File name without the suffix."""
        return self.path.stem

    def load(self, scale: int, *, round_lr: bool) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The pair at a scale.

        The ground truth is cropped to a multiple of the scale; gray counts as R = G = B.

        Args:
            scale: upscaling factor.
            round_lr: round the LR to 8 bits, as the ``standard`` protocol does.

        Returns:
            LR ``(h, w, 3)`` float32, in [0, 1] when rounded, possibly a little outside when not;
            HR ``(s*h, s*w, 3)`` 8 bits.

        Raises:
            UserError: unreadable, or too small for the scale.
        """
        picture = np.rint(read_rgb(self.path) * 255)
        height, width = picture.shape[0] // scale, picture.shape[1] // scale
        if min(height, width) < 2:
            raise UserError(f"{self.path} is too small for x{scale}")
        hr = picture[: height * scale, : width * scale].astype(np.float64)
        lr = resize(hr, height, width)
        if round_lr:
            lr = np.rint(lr).clip(0, 255)
        return (lr / 255).astype(np.float32), hr.astype(np.uint8)


def find_benchmarks(data: Path, sets: Sequence[str] | None = None) -> list[BenchmarkImage]:
    """Every picture of a folder of sets, or of one flat folder, which is a set by itself.

    Args:
        data: its sub-folders are the sets; a folder of pictures is one set.
        sets: names of the sets to use, in this order; all by default.

    Raises:
        UserError: no such folder, no pictures, or an unknown set.
    """
    if not data.is_dir():
        raise UserError(f"no such folder: {data}; give a folder of pictures, or of sets of them")
    folders = {f.name: f for f in _in_order(p for p in data.iterdir() if p.is_dir()) if _images(f)}
    if not folders and _images(data):
        folders = {data.resolve().name: data}
    if not folders:
        raise UserError(f"no pictures in {data}: expected files such as .png, or folders of them")
    if sets:
        unknown = [name for name in sets if name not in folders]
        if unknown:
            raise UserError(
                f"no set named {', '.join(unknown)} in {data}: there are {', '.join(folders)}"
            )
        folders = {name: folders[name] for name in sets}
    return [BenchmarkImage(name, path) for name, f in folders.items() for path in _images(f)]


def _in_order(folders: Iterator[Path]) -> list[Path]:
    """The customary sets first, in the order of the papers."""
    customary = ["Set5", "Set14", "BSDS100"]
    return sorted(
        folders, key=lambda f: (customary.index(f.name) if f.name in customary else 9, f.name)
    )


def _images(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
