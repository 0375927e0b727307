"""Several pictures at a time: which ones a command takes, and what becomes of them."""

import glob
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acutance.errors import UsageError


@dataclass
class Outcome:
    """What became of a batch."""

    done: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    """Found, but made by an earlier call as it seems."""
    unread: list[Path] = field(default_factory=list)
    """Found, but of a format that libvips does not read here."""


def find_images(
    inputs: Sequence[str],
    outcome: Outcome,
    *,
    upscaled_too: bool = False,
    into: Path | None = None,
) -> list[Path]:
    """The files that the arguments name; what names nothing is noted as failed.

    A folder stands for the images directly in it, hidden ones left out; of a folder and a pattern
    what an earlier call made, beside its source or ``into`` a folder, is left out too, unless
    ``upscaled_too``.
    """
    from acutance.image.decode import OTHER_SUFFIXES, SUFFIXES

    sources: dict[str, Path] = {}
    for text in inputs:
        if not text:
            raise UsageError("an input is empty: give an image, a folder or a glob pattern")
        path = Path(text)
        found: list[Path]
        # os.path never raises, whatever the name: a dead network share, a name that is too long.
        if os.path.isdir(path):  # noqa: PTH112
            names = sorted(p for p in path.iterdir() if not p.name.startswith("."))
            found = [p for p in names if p.suffix.lower() in SUFFIXES]
            outcome.unread += [p for p in names if p.suffix.lower() in OTHER_SUFFIXES]
            if not found:
                outcome.failed.append(
                    {"source": text, "error": f"no images in folder {text}; name them"}
                )
            found = found if upscaled_too else _without_own(found, outcome, into)
        elif os.path.exists(path) or not glob.has_magic(text):  # noqa: PTH110
            found = [path]
        else:
            matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - any base, absolute too
            found = [Path(p) for p in matches if Path(p).is_file()]
            if not found:
                outcome.failed.append({"source": text, "error": f"no files match {text}; check it"})
            found = found if upscaled_too else _without_own(found, outcome, into)
        for one in found:
            place = os.path.realpath(one)
            if place not in sources or sources[place].is_symlink():
                sources[place] = one  # of a file and links to it the file, whatever comes first
    return list(sources.values())


def _without_own(found: list[Path], outcome: Outcome, into: Path | None) -> list[Path]:
    own = [path for path in found if _is_own_output(path, into)]
    outcome.left_out += own
    return [path for path in found if path not in own]


def _is_own_output(path: Path, into: Path | None) -> bool:
    """Whether this is ``photo_x4.png`` beside a ``photo.*``, or in the folder for such files."""
    stem, mark, scale = path.stem.rpartition("_x")
    if not mark or not scale.isdigit():
        return False
    if into is not None and os.path.realpath(path.parent) == os.path.realpath(into):
        return True
    return any(p.stem == stem for p in path.parent.iterdir())


def tell_unread(outcome: Outcome) -> None:
    """Name the images that libvips does not read, so that nobody thinks they were done."""
    if outcome.unread:
        listed = ", ".join(map(str, outcome.unread))
        print(f"left out, as libvips reads no such files here: {listed}", file=sys.stderr)


def exit_if_failed(outcome: Outcome, *, summary: bool) -> None:
    """Say what failed, a line each and with ``summary`` one for all, and exit with status 1."""
    for failure in outcome.failed:
        print(f"acutance: {failure['error']}", file=sys.stderr)
    if not outcome.failed:
        return
    if summary:
        names = ", ".join(f["source"] for f in outcome.failed)
        print(f"{len(outcome.done)} done, {len(outcome.failed)} failed: {names}", file=sys.stderr)
    sys.exit(1)
