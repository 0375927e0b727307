"""The comparison of a scale: every contender on the same pictures, from stored scores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from acutance.data.benchmarks import BenchmarkImage
from acutance.evaluation.contenders import Contender, Cost, Group, costs
from acutance.evaluation.run import Row, run
from acutance.evaluation.store import Key, Measured, Store, picture_key
from acutance.evaluation.table import Line, published, summarise
from acutance.metrics.perceptual import COLUMNS, Perceptual
from acutance.metrics.protocol import Protocol

ORDER: tuple[Group, ...] = ("interpolation", "published", "weights", "trained", "acutance")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One line of the table: means over all pictures."""

    scale: int
    method: str
    group: Group
    kind: str
    """What it was trained to undo; empty for interpolation."""
    psnr: float | None = None
    """dB; None where it was not measured."""
    ssim: float | None = None
    hfeni: float | None = None
    parameters: int | None = None
    macs_per_lr_pixel: float | None = None
    macs_per_output_pixel: float | None = None
    seconds_per_megapixel: float | None = None
    """Of output; None where no time was taken."""
    times_bicubic: float | None = None
    engine: str = ""
    """What the time was measured with."""
    skipped: str = ""
    """Why it was not measured."""


@dataclass(frozen=True)
class Comparison:
    """What is compared, on what, and where the scores are."""

    contenders: Sequence[Contender]
    pictures: Sequence[BenchmarkImage]
    store: Store
    scale: int
    protocol: Protocol
    perceptual: Perceptual | None = None

    def missing(self, contender: Contender) -> list[BenchmarkImage]:
        """The pictures that a contender lacks figures of; none when it cannot be run."""
        if contender.open is None:
            return []
        wanted = set(COLUMNS) - set(self.perceptual.missing) if self.perceptual else set()
        stored = self.store.figures
        return [
            picture
            for picture in self.pictures
            if (key := self._key(contender, picture)) not in stored
            or wanted - set(stored[key].perceptual)
        ]

    def measure(self, contender: Contender) -> Iterator[Row]:
        """Measure what is missing, in fp32; figures are stored before the next are made.

        Raises:
            UserError: a picture or a model cannot be used, or the score cannot be stored.
        """
        todo = self.missing(contender)
        if not todo:
            return
        assert contender.open is not None
        methods = {contender.method: contender.open("fp32").upscale}
        rows = run(
            methods, todo, scale=self.scale, protocol=self.protocol, perceptual=self.perceptual
        )
        for picture, row in zip(todo, rows, strict=True):
            self.store.add(self._key(contender, picture), Measured(row.score, row.perceptual))
            yield row

    def lines(self, contender: Contender) -> list[Line]:
        """A contender's means, set by set and over all last; none where a picture is missing."""
        if contender.open is None or self.missing(contender):
            return []
        rows = []
        for picture in self.pictures:
            found = self.store.figures[self._key(contender, picture)]
            seen = found.perceptual if self.perceptual else {}
            rows.append(Row(contender.method, picture.set_name, picture.name, found.score, seen))
        return summarise(rows)

    def standings(self) -> list[Standing]:
        """Interpolation, published rows, published weights, those trained here, ours.

        What lacks a picture is left out; what cannot be run says why.
        """
        lines = [(contender, self.lines(contender)) for contender in self.contenders]
        complete = next((own for _, own in lines if own), [])
        copied = published(self.scale, self.protocol, complete)
        found = [_copied(line, self.scale) for line in copied]
        for contender, own in lines:
            if own or contender.skipped:
                found.append(self._standing(contender, own[-1] if own else None))
        return sorted(found, key=lambda standing: ORDER.index(standing.group))

    def _key(self, contender: Contender, picture: BenchmarkImage) -> Key:
        return Key(contender.key, self.scale, self.protocol.name, self._hashes[picture])

    @cached_property
    def _hashes(self) -> dict[BenchmarkImage, str]:
        return {picture: picture_key(picture.path) for picture in self.pictures}

    def _standing(self, contender: Contender, line: Line | None) -> Standing:
        time = self.store.time(contender.key, self.scale)
        return Standing(
            scale=self.scale,
            method=contender.method,
            group=contender.group,
            kind=contender.kind,
            psnr=line.psnr if line else None,
            ssim=line.ssim if line else None,
            hfeni=line.hfeni if line else None,
            seconds_per_megapixel=time.seconds_per_megapixel if time else None,
            times_bicubic=time.times_bicubic if time else None,
            engine=time.engine if time else "",
            skipped=contender.skipped,
            **_cost(contender.cost, self.scale),
        )


def _copied(line: Line, scale: int) -> Standing:
    """A published row with its cost, where that is known."""
    return Standing(
        scale=scale,
        method=line.method,
        group="published",
        kind="bicubic",
        psnr=line.psnr,
        ssim=line.ssim,
        hfeni=line.hfeni,
        **_cost(costs().get((line.method.split(" (")[0], scale)), scale),
    )


def _cost(cost: Cost | None, scale: int) -> dict[str, Any]:
    if cost is None:
        return {}
    return {
        "parameters": cost.parameters,
        "macs_per_lr_pixel": cost.macs_per_lr_pixel,
        "macs_per_output_pixel": cost.macs_per_lr_pixel and cost.macs_per_lr_pixel / scale**2,
    }
