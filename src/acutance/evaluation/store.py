"""Measurements as they are made, one JSON object a line: a benchmark that was killed goes on.

A line is complete or was being written when the process died; only the last one can be that.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from acutance.errors import UserError
from acutance.image.files import make_folder
from acutance.metrics.protocol import Score


@dataclass(frozen=True)
class Key:
    """What makes a measurement the same measurement."""

    contender: str
    """``Contender.key``."""
    scale: int
    protocol: str
    picture: str
    """Hash of the ground truth's file."""


@dataclass(frozen=True)
class Time:
    """How long a contender takes on a machine."""

    contender: str
    """``Contender.key``."""
    scale: int
    engine: str
    seconds_per_megapixel: float
    """Of output; median."""
    times_bicubic: float
    """The same in units of bicubic interpolation, measured in turn with it."""
    machine: str
    """Processor and threads."""
    commit: str


@dataclass(frozen=True)
class Measured:
    """One picture's figures for one contender."""

    score: Score
    perceptual: dict[str, float] = field(default_factory=dict)
    """By the keys of ``metrics.perceptual.COLUMNS``; empty where they were not asked for."""


class Store:
    """Figures and times, in memory and in a file that grows with them.

    Args:
        path: the file; it is made with the first measurement. None keeps nothing.

    Raises:
        UserError: the file holds something else.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.figures: dict[Key, Measured] = {}
        self._times: dict[tuple[str, int], Time] = {}
        if path is not None and path.exists():
            self._read(path)

    def add(self, key: Key, measured: Measured) -> None:
        """One picture's figures; they replace earlier ones."""
        self.figures[key] = measured
        entry = {"what": "score", **asdict(key), **asdict(measured.score)}
        if measured.perceptual:
            entry["perceptual"] = measured.perceptual
        self._append([entry])

    def replace_times(self, times: Sequence[Time]) -> None:
        """The times of one machine at one moment; earlier ones are forgotten."""
        self._times = {(time.contender, time.scale): time for time in times}
        self._append([{"what": "new times"}, *({"what": "time", **asdict(t)} for t in times)])

    def time(self, contender: str, scale: int) -> Time | None:
        """The time of a contender, if it was taken."""
        return self._times.get((contender, scale))

    @property
    def times(self) -> list[Time]:
        """All of the last occasion."""
        return list(self._times.values())

    def _append(self, entries: Iterable[dict[str, Any]]) -> None:
        if self.path is None:
            return
        text = "".join(f"{json.dumps(entry)}\n" for entry in entries)
        try:
            make_folder(self.path.parent)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UserError(
                f"cannot write {self.path}: {error.strerror}; give another --rows"
            ) from error

    def _read(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path} cannot be read: give another --rows") from error
        whole, _, rest = text.rpartition("\n")
        try:
            for line in whole.splitlines():
                self._take(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(
                f"{path} does not hold rows of acutance benchmark: give another --rows"
            ) from error
        if rest:  # cut off by a kill; the next line must start on its own
            self._cut(path, whole)

    def _cut(self, path: Path, whole: str) -> None:
        path.write_text(f"{whole}\n" if whole else "", encoding="utf-8")

    def _take(self, entry: dict[str, Any]) -> None:
        what = entry.pop("what")
        if what == "score":
            score = Score(**{name: entry.pop(name) for name in ("psnr", "ssim", "hfenn")})
            perceptual = entry.pop("perceptual", {})
            self.figures[Key(**entry)] = Measured(score, perceptual)
        elif what == "time":
            time = Time(**entry)
            self._times[time.contender, time.scale] = time
        elif what == "new times":
            self._times = {}
        else:
            raise KeyError(what)


def picture_key(path: Path) -> str:
    """The hash by which a picture is known, whatever its name."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
