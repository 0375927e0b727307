"""Training photos: read once from folders and tar files, kept in memory as 8-bit HR and LR.

Nothing reads or resizes during training: a photo's LR is made here, by the package's own bicubic,
and rounded to 8 bits as the benchmarks' inputs are.
"""

import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acutance.data.warp import warp
from acutance.errors import UserError
from acutance.image.decode import SUFFIXES, decode_rgb8
from acutance.image.resize import resize

HELD_OUT_ONE_IN = 40


def is_held_out(name: str) -> bool:
    """Whether a photo is kept for validation: a hash of its name without the suffix decides.

    The rule never changes, so a photo that one run validated on is never trained on by another.
    """
    stem = PurePosixPath(name).stem.encode(errors="surrogateescape")  # names that are not UTF-8
    digest = hashlib.sha256(stem).hexdigest()
    return int(digest, 16) % HELD_OUT_ONE_IN == 0


@dataclass(frozen=True)
class Pair:
    """One photo as 8-bit arrays: ``hr`` is ``(s*h, s*w, 3)``, ``lr`` is ``(h, w, 3)``."""

    name: str
    hr: NDArray[np.uint8]
    lr: NDArray[np.uint8]
    strength: float | None = None
    """How much noise and compression the LR has, 0 to 1; None where nobody is to be told."""


@dataclass
class Photos:
    """What was read: pairs to train on, pairs held out, and what was left aside."""

    train: list[Pair]
    held_out: list[Pair]
    too_small: int = 0
    unreadable: tuple[str, ...] = ()
    digest: str = ""
    """Hash of all files read, whatever their order and folders."""
    paired: bool = False
    """The LR pictures are a person's own, not made from the HR here."""
    unmatched: tuple[str, ...] = ()
    """Pictures without a partner, of pairs, with what lacks."""
    misfits: tuple[str, ...] = ()
    """Pairs whose sizes do not fit the scale, with the sizes."""
    misaligned: tuple[str, ...] = ()
    """Pairs that lie apart, with the shift of the LR in LR pixels."""

    def facts(self) -> dict[str, Any]:
        """What a model's card says of the data."""
        counts = {
            "photos": len(self.train),
            "held_out": len(self.held_out),
            "too_small": self.too_small,
            "unreadable": len(self.unreadable),
            "data_sha256": self.digest,
        }
        if not self.paired:
            return counts
        left_out = {
            name: len(getattr(self, name)) for name in ("unmatched", "misfits", "misaligned")
        }
        return {**counts, "paired": True, **left_out}

    def summary(self) -> str:
        """One line of what was read and left out, for the person who waits."""
        if not self.paired:
            return (
                f"{len(self.train)} photos to train on (copies included), {len(self.held_out)} "
                f"held out, {self.too_small} too small, {len(self.unreadable)} unreadable"
            )
        reasons = {
            "without a partner": self.unmatched,
            "of sizes that do not fit": self.misfits,
            "misaligned": self.misaligned,
            "unreadable": self.unreadable,
        }
        left_out = [
            f"{len(names)} {reason}" + (f", first {names[0]}" if names else "")
            for reason, names in reasons.items()
        ]
        return (
            f"{len(self.train)} pairs to train on, {len(self.held_out)} held out; left out: "
            + "; ".join([f"{self.too_small} too small", *left_out])
        )


def read_photos(source: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of every image in a folder (searched deep), its tar files, or one tar file.

    Hidden files are left out, and run folders of ``acutance train``, which hold held-out photos.

    Raises UserError when the path does not exist, a tar is broken, or nothing is there.
    """
    if not source.exists():
        raise UserError(f"no such training data: {source}; give a folder or a tar file of photos")
    files = _files(source) if source.is_dir() else [source]
    found = False
    for path in files:
        if path.suffix.lower() == ".tar":
            try:
                with tarfile.open(path) as tar:
                    for member in tar:
                        if member.isfile() and member.name.lower().endswith(SUFFIXES):
                            found = True
                            stream = tar.extractfile(member)
                            assert stream is not None
                            yield member.name, stream.read()
            except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
                reason = str(error).partition("\n")[0].rstrip(":")  # a line a compression follows
                raise UserError(
                    f"cannot read {path}: {reason}; download or pack it again"
                ) from error
        elif path.suffix.lower() in SUFFIXES:
            found = True
            yield str(path.relative_to(source)) if path != source else path.name, path.read_bytes()
    if not found:
        raise UserError(
            f"no photos in {source}: expected {', '.join(SUFFIXES)} files or .tar files of them"
        )


def _files(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    runs = {p.parent for p in found if p.name == "run.json"}
    # One that did not come to its first step has this, and held-out pictures, but no run.json yet.
    runs |= {p.parent for p in found if p.name == "config.json" and (p.parent / "samples").is_dir()}
    runs -= {folder}
    return [p for p in found if runs.isdisjoint(p.parents)]


def make_pair(name: str, hr: NDArray[np.uint8], scale: int) -> Pair:
    """Crop to a multiple of the scale and make the LR by antialiased bicubic, rounded to 8 bits."""
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    hr = np.ascontiguousarray(hr[: height * scale, : width * scale])
    lr = resize(hr.astype(np.float32), height, width)
    return Pair(name, hr, to_uint8(lr))


def to_uint8(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Round floats in 0..255 to 8 bits, clipped."""
    rounded: NDArray[np.uint8] = np.rint(image).clip(0, 255).astype(np.uint8)
    return rounded


def load_photos(
    source: Path,
    *,
    scale: int,
    smallest_lr: int,
    copies: tuple[float, ...] = (0.7,),
    warps: int = 0,
    largest_lr: int = 0,
) -> Photos:
    """Read every photo, make its pair, add copies, and set the held-out ones aside.

    Args:
        source: folder or tar file.
        scale: upscaling factor.
        smallest_lr: photos with fewer LR pixels than this on a side are counted and left out.
        copies: sizes of additional bicubic-reduced copies of each photo; variety of content at
            different sizes is worth more than resolution.
        warps: turned and stretched copies of each photo (``data.warp``).
        largest_lr: LR pixels that a warped copy has on a side where the photo has.

    Raises:
        UserError: nothing usable.
    """
    train: list[Pair] = []
    held_out: list[Pair] = []
    too_small = 0
    unreadable: list[str] = []
    hashes = []
    for name, data in read_photos(source):
        hashes.append(hashlib.sha256(data).digest())
        try:
            hr = decode_rgb8(data, name)
        except UserError:
            unreadable.append(name)
            continue
        if min(hr.shape[:2]) < smallest_lr * scale:
            too_small += 1
            continue
        if is_held_out(name):
            held_out.append(make_pair(name, hr, scale))
            continue
        train.append(make_pair(name, hr, scale))
        for factor in copies:
            height, width = round(hr.shape[0] * factor), round(hr.shape[1] * factor)
            if min(height, width) >= smallest_lr * scale:
                small = to_uint8(resize(hr.astype(np.float32), height, width))
                train.append(make_pair(f"{name}@{factor}", small, scale))
        for number in range(warps):
            warped = warp(hr, name, number, at_least=max(smallest_lr, largest_lr) * scale)
            train.append(make_pair(f"{name}@warp-{number}", warped, scale))
    if held_out and not train:
        raise UserError(
            f"all {len(held_out)} usable photos in {source} are held out for validation, as the "
            "hash of their names says: give more photos"
        )
    if not train:
        raise UserError(
            f"no photo in {source} is large enough: x{scale} training needs at least "
            f"{smallest_lr * scale} pixels on the shorter side "
            f"({too_small} too small, {len(unreadable)} unreadable)"
        )
    digest = hashlib.sha256(b"".join(sorted(hashes))).hexdigest()
    return Photos(train, held_out, too_small, tuple(unreadable), digest)
