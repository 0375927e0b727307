"""Benchmark pictures: ground truth from folders, low resolution by the package's own bicubic."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance.data.degradation_pipeline import Preset, degrade, draw, generator_for
from acutance.errors import UserError
from acutance.image.decode import SUFFIXES, open_picture, read_rgb
from acutance.image.resize import resize

CUSTOMARY_SETS = {"Set5": 5, "Set14": 14, "BSDS100": 100}
"""The sets of the published tables in their order, and how many pictures each holds."""


@dataclass(frozen=True)
class BenchmarkImage:
    """A ground-truth file and the set that it belongs to."""

    set_name: str
    path: Path

    @property
    def name(self) -> str:
        """File name without the suffix."""
        return self.path.stem

    def size(self, scale: int) -> tuple[int, int]:
        """Height and width of the ground truth cropped to a multiple of the scale.

        Raises:
            UserError: unreadable.
        """
        image = open_picture(self.path).image
        return image.height // scale * scale, image.width // scale * scale

    def load(self, scale: int, *, round_lr: bool) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The pair at a scale: ground truth cropped to a multiple of it, and its reduction.

        The LR is the antialiased bicubic of the HR; a gray picture counts as R = G = B.

        Args:
            scale: upscaling factor.
            round_lr: round the LR to 8 bits, as the ``standard`` protocol does.

        Returns:
            LR ``(h, w, 3)`` float32, in [0, 1] when rounded, possibly a little outside when not;
            HR ``(s*h, s*w, 3)`` 8 bits.

        Raises:
            UserError: unreadable, or too small for the scale.
        """
        hr = self._ground_truth(scale)
        lr = resize(hr.astype(np.float64), hr.shape[0] // scale, hr.shape[1] // scale)
        if round_lr:
            lr = np.rint(lr).clip(0, 255)
        return (lr / 255).astype(np.float32), hr

    def _ground_truth(self, scale: int) -> NDArray[np.uint8]:
        """The picture cropped to a multiple of the scale."""
        picture = np.rint(read_rgb(self.path) * 255).astype(np.uint8)
        height, width = picture.shape[0] // scale, picture.shape[1] // scale
        if min(height, width) < 2:
            raise UserError(
                f"{self.path} is too small for x{scale}: at least {2 * scale} pixels a side; "
                "leave it out"
            )
        return np.ascontiguousarray(picture[: height * scale, : width * scale])


@dataclass(frozen=True)
class DegradedImage(BenchmarkImage):
    """A benchmark picture whose LR is degraded: what photo models are measured on.

    ``acutance degrade`` with the same preset and seed writes the same LR.
    """

    preset: Preset
    """Ranges to draw from."""
    seed: int
    """With the picture's name alone, it decides what is drawn."""

    def load(self, scale: int, *, round_lr: bool) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """As the parent's, but for the LR, which has 8 bits whatever ``round_lr`` says."""
        hr = self._ground_truth(scale)
        degradation = draw(generator_for(self.seed, self.name), scale=scale, preset=self.preset)
        return (degrade(hr, degradation, scale=scale) / 255).astype(np.float32), hr


def find_benchmarks(data: Path, sets: Sequence[str] | None = None) -> list[BenchmarkImage]:
    """Every picture of a folder whose sub-folders are sets, or which is a set by itself.

    Pictures that lie beside the sub-folders are one more set, named as the folder.

    Args:
        data: the folder.
        sets: names of the sets to use, in this order; by default all, the customary ones first.

    Raises:
        UserError: no such folder, no pictures, or an unknown set.
    """
    if not data.is_dir():
        raise UserError(f"no such folder: {data}; give a folder of pictures, or of sets of them")
    folders = {data.resolve().name: data}
    folders |= {p.name: p for p in data.iterdir() if p.is_dir() and not p.name.startswith(".")}
    found = {name: images for name, folder in folders.items() if (images := images_in(folder))}
    if not found:
        raise UserError(f"no pictures in {data}: expected files such as .png, or folders of them")
    customary = list(CUSTOMARY_SETS)
    rank = {name: customary.index(name) for name in found if name in customary}
    chosen = sets or sorted(found, key=lambda name: (rank.get(name, len(rank)), name))
    unknown = [name for name in chosen if name not in found]
    if unknown:
        raise UserError(f"no set {', '.join(unknown)} in {data}: there are {', '.join(found)}")
    return [BenchmarkImage(name, path) for name in chosen for path in found[name]]


def images_in(folder: Path) -> list[Path]:
    """A folder's image files by name; hidden ones are not pictures."""
    return sorted(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in SUFFIXES and p.is_file() and not p.name.startswith(".")
    )
