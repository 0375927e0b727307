"""Tiles as pure geometry: one axis, then two. No pixels here.

A tile is read with a margin of the network's receptive field and the margin is cut off again, so
that tiles join without a seam: tiled equals untiled.
"""

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Span:
    """A stretch of one axis: what is read, and the part of it that is kept."""

    read_start: int
    read_stop: int
    keep_start: int
    keep_stop: int

    def kept(self, scale: int = 1) -> slice:
        """The part to keep within what was read, ``scale`` times as long."""
        start, stop = self.keep_start - self.read_start, self.keep_stop - self.read_start
        return slice(start * scale, stop * scale)


@dataclass(frozen=True)
class Tile:
    """A rectangle: one span an axis."""

    y: Span
    x: Span


def split_axis(size: int, tile: int, *, overlap: int, multiple: int, border: int = 0) -> list[Span]:
    """Cut an axis into kept parts of about equal length, each read with its margin.

    All spans read the same length, so that a network is prepared for one shape only; at the ends
    of the axis the margin lies on the inner side, but for the border.

    Args:
        size: length, a multiple of ``multiple``.
        tile: longest part to keep, at least ``multiple``.
        overlap: least margin on each side that is not an end of the axis.
        multiple: every read starts and stops at a multiple of this.
        border: how far beyond both ends a read may reach, a multiple of ``multiple``.

    Returns:
        Spans in order; their kept parts follow each other from 0 to ``size``.

    Raises:
        ValueError: arguments that do not fit the above.
    """
    if multiple < 1 or size < 1 or size % multiple or tile < multiple or overlap < 0:
        raise ValueError(f"cannot split {size} into {tile} with {overlap} over {multiple}")
    if border < 0 or border % multiple:
        raise ValueError(f"a border of {border} does not fit multiples of {multiple}")
    blocks, longest = size // multiple, tile // multiple
    count = -(-blocks // longest)
    bounds = [multiple * (blocks * i // count) for i in range(count + 1)]
    margin = -(-overlap // multiple) * multiple
    first, last = -border, size + border
    length = min(last - first, max(b - a for a, b in pairwise(bounds)) + 2 * margin)
    spans = []
    for keep_start, keep_stop in pairwise(bounds):
        start = min(max(keep_start - margin, first), last - length)
        spans.append(Span(start, start + length, keep_start, keep_stop))
    _assert_sound(spans, size, overlap, multiple, border)
    return spans


def split(
    height: int, width: int, tile: int, *, overlap: int, multiple: int, border: int = 0
) -> list[list[Tile]]:
    """Rows of tiles of a picture whose sides are multiples of ``multiple``."""
    rows = split_axis(height, tile, overlap=overlap, multiple=multiple, border=border)
    columns = split_axis(width, tile, overlap=overlap, multiple=multiple, border=border)
    return [[Tile(y, x) for x in columns] for y in rows]


def _assert_sound(spans: list[Span], size: int, overlap: int, multiple: int, border: int) -> None:
    """The invariants that make tiled equal untiled."""
    first, last = -border, size + border
    assert spans[0].keep_start == 0
    assert spans[-1].keep_stop == size
    for span, following in pairwise(spans):
        assert span.keep_stop == following.keep_start
    for span in spans:
        assert span.read_start % multiple == span.read_stop % multiple == 0
        assert first <= span.read_start <= span.keep_start
        assert span.keep_start < span.keep_stop <= span.read_stop <= last
        assert span.read_start == first or span.keep_start - span.read_start >= overlap
        assert span.read_stop == last or span.read_stop - span.keep_stop >= overlap
