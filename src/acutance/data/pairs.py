"""A person's own LR and HR pictures: matched by name, and checked for size and alignment.

A folder with two sub-folders, ``lr`` and ``hr`` (or ``LR`` and ``HR``, as ``acutance degrade``
writes them), holds pairs: files of the same name, whatever their suffixes. A network that learns
from pictures that lie apart learns to blur, so such pairs are left out and counted.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance.data.alignment import clear_shift
from acutance.data.datasets import Pair, Photos, is_held_out, load_photos
from acutance.errors import UserError
from acutance.image.decode import SUFFIXES, decode_rgb8
from acutance.image.resize import resize

PARAMETERS = "degradations.jsonl"
"""What ``acutance degrade`` writes beside the pairs: their strengths."""

SMALLEST_JUDGED = 16
"""LR pixels on a side below which a shift cannot be measured: a last bit decides what is found."""

FARTHEST = 0.33
"""LR pixels that a pair may lie apart. A program that reduces from the top left corner instead of
the centre is wrong by 0.35 at x2 and by 0.53 at x4. On photos that were degraded as strongly as
preset ``degraded`` does, the measured shift was wrong by 0.05 at most."""

CHECKED = 512
"""LR pixels on a side of the middle that is compared: bounds the time."""

NOISIEST = 7.0
"""Levels of 255 of what no filter of 5 x 5 makes of the HR that count as strength 1: the slope by
which the strengths of ``acutance degrade`` are met best (rank correlation 0.85)."""

MOST_UNEXPLAINED = 3 * NOISIEST
"""Levels: less may be strong noise."""

TAPS = 2
"""Reach of that filter, LR pixels."""


def pair_folders(source: Path) -> tuple[Path, Path] | None:
    """The folders of LR and HR pictures in ``source``, or None: then it holds photos.

    Raises UserError where there is one of LR and none of HR: no photos to train on.
    """
    if not source.is_dir():
        return None
    found = {p.name.lower(): p for p in sorted(source.iterdir()) if p.is_dir()}
    if "lr" in found and "hr" not in found:
        raise UserError(
            f"{source} has a folder {found['lr'].name} but none named hr: pairs need both"
        )
    return (found["lr"], found["hr"]) if {"lr", "hr"} <= found.keys() else None


def load_training_data(
    source: Path,
    *,
    scale: int,
    smallest_lr: int,
    copies: tuple[float, ...],
    warps: int = 0,
    largest_lr: int = 0,
) -> Photos:
    """``load_pairs`` of a folder of pairs, ``load_photos`` of anything else."""
    if pair_folders(source) is not None:
        return load_pairs(source, scale=scale, smallest_lr=smallest_lr)
    return load_photos(
        source,
        scale=scale,
        smallest_lr=smallest_lr,
        copies=copies,
        warps=warps,
        largest_lr=largest_lr,
    )


def load_pairs(source: Path, *, scale: int, smallest_lr: int) -> Photos:
    """Read every pair of a folder, and set the held-out ones aside.

    An HR picture may exceed ``scale`` times its LR by less than the scale, at the right and at the
    bottom: it is cropped. The strength of a pair is what ``degradations.jsonl`` says, or else
    measured.

    Args:
        source: folder with ``lr`` and ``hr``.
        scale: upscaling factor.
        smallest_lr: pairs with fewer LR pixels on a side are left out.

    Raises:
        UserError: no pair is usable; two files have one name.
    """
    folders = pair_folders(source)
    assert folders is not None
    lr_files, hr_files = (_by_name(folder) for folder in folders)
    strengths = _strengths(source / PARAMETERS)
    found = Photos([], [], paired=True)
    found.unmatched = tuple(
        f"{name} (no {'lr' if name in hr_files else 'hr'})"
        for name in sorted(lr_files.keys() ^ hr_files.keys())
    )
    hashes = []
    for name in sorted(lr_files.keys() & hr_files.keys()):
        data = [files[name].read_bytes() for files in (lr_files, hr_files)]
        hashes += [hashlib.sha256(each).digest() for each in data]
        try:
            lr, hr = (decode_rgb8(each, name) for each in data)
        except UserError:
            found.unreadable += (name,)
            continue
        spare = [hr.shape[axis] - scale * lr.shape[axis] for axis in (0, 1)]
        if not all(0 <= pixels < scale for pixels in spare):
            found.misfits += (f"{name} ({_size(lr)} and {_size(hr)})",)
            continue
        if min(lr.shape[:2]) < smallest_lr:
            found.too_small += 1
            continue
        hr = np.ascontiguousarray(hr[: scale * lr.shape[0], : scale * lr.shape[1]])
        middle, reduced = _middles(lr, hr, scale)
        shift = clear_shift(middle, reduced) if min(lr.shape[:2]) >= SMALLEST_JUDGED else None
        if shift is not None and np.hypot(*shift) > FARTHEST:
            found.misaligned += (f"{name} ({shift[0]:+.2f} down, {shift[1]:+.2f} right)",)
            continue
        if min(lr.shape[:2]) >= SMALLEST_JUDGED and unrelated(middle, reduced):
            found.misaligned += (f"{name} (not the same picture)",)
            continue
        strength = strengths.get(name)
        if strength is None:
            strength = measured_strength(middle, reduced)
        pair = Pair(name, hr, lr, strength)
        # By the file's name: of a name without suffix a part after a dot would pass for one.
        held_out = is_held_out(hr_files[name].name)
        (found.held_out if held_out else found.train).append(pair)
    found.digest = hashlib.sha256(b"".join(sorted(hashes))).hexdigest()
    if not found.train:
        raise UserError(
            f"no pair in {source} can be trained on at x{scale}: {found.summary()}; "
            "mend these, or add pairs"
        )
    return found


def measured_strength(lr: NDArray[np.floating], reduced: NDArray[np.floating]) -> float:
    """How much noise and compression an LR picture has, as far as its HR tells.

    The root mean square of what the best filter leaves (``unexplained``), over ``NOISIEST``.

    Args:
        lr: ``(h, w)`` in levels of 0..255.
        reduced: the HR's antialiased bicubic, as large.

    Returns:
        0 for none, 1 for the most.
    """
    return min(1.0, unexplained(lr, reduced) / NOISIEST)


def unrelated(lr: NDArray[np.floating], reduced: NDArray[np.floating]) -> bool:
    """Whether the HR explains less than half of an LR picture that is more than noise."""
    left = unexplained(lr, reduced)
    return left > MOST_UNEXPLAINED and left**2 > 0.5 * float(lr.var())


def unexplained(lr: NDArray[np.floating], reduced: NDArray[np.floating]) -> float:
    """Root mean square, in levels, of what no filter of the reduced HR makes of the LR.

    A 5 x 5 filter that makes the LR from it as well as any (least squares) accounts for blur and
    for how it was reduced: what it leaves is noise and compression, or another picture.
    """
    height, width = lr.shape
    size, rows, columns = 2 * TAPS + 1, height - 2 * TAPS, width - 2 * TAPS
    neighbours = [
        reduced[y : y + rows, x : x + columns].ravel() for y in range(size) for x in range(size)
    ]
    basis = np.stack([*neighbours, np.ones(rows * columns)], axis=1).astype(np.float64)
    wanted = lr[TAPS:-TAPS, TAPS:-TAPS].ravel().astype(np.float64)
    taps = np.linalg.lstsq(basis.T @ basis, basis.T @ wanted, rcond=None)[0]
    return float(np.sqrt(np.mean((wanted - basis @ taps) ** 2)))


def _middles(
    lr: NDArray[np.uint8], hr: NDArray[np.uint8], scale: int
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """The middle of the LR and of the reduced HR, the mean of the channels."""
    height, width = (min(size, CHECKED) for size in lr.shape[:2])
    top, left = (lr.shape[0] - height) // 2, (lr.shape[1] - width) // 2
    fine = hr[scale * top : scale * (top + height), scale * left : scale * (left + width)]
    coarse = lr[top : top + height, left : left + width]
    reduced = resize(fine.mean(axis=2, keepdims=True, dtype=np.float32), height, width)
    return coarse.mean(axis=2, dtype=np.float32), reduced[:, :, 0]


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"


def _by_name(folder: Path) -> dict[str, Path]:
    """A folder's pictures, searched deep, by name without suffix.

    Raises UserError where two share a name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file() or path.name[0] == ".":
            continue
        name = str(path.relative_to(folder).with_suffix(""))
        if name in found:
            raise UserError(f"{folder} has two files for '{name}': keep one of them")
        found[name] = path
    return found


def _strengths(path: Path) -> dict[str, float]:
    """Strengths by name; empty where ``acutance degrade`` did not make the pairs."""
    if not path.exists():
        return {}
    try:
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {entry["name"]: float(entry["strength"]) for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} does not hold the parameters of degraded photos: make the pairs again, or "
            "take the file away"
        ) from error
