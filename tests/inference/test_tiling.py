"""Tiles: the geometry that makes tiled equal untiled, over many sizes."""

from itertools import pairwise, product

import pytest

from acutance.inference.tiling import Span, split, split_axis

MULTIPLES = (1, 2, 4, 8)
OVERLAPS = (0, 1, 3, 17, 43)
TILES = (8, 9, 32, 61, 1000)
BLOCKS = (*range(1, 12), 25, 64, 99)


@pytest.mark.parametrize("border", [0, 8, 24])
@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("multiple", MULTIPLES)
def test_an_axis_is_covered_once_with_margins(multiple: int, overlap: int, border: int) -> None:
    for tile, blocks in product(TILES, BLOCKS):
        size = blocks * multiple
        spans = split_axis(size, tile, overlap=overlap, multiple=multiple, border=border)
        first, last = -border, size + border
        kept = [i for span in spans for i in range(span.keep_start, span.keep_stop)]
        assert kept == list(range(size))
        for span in spans:
            assert 0 < span.keep_stop - span.keep_start <= tile
            assert first <= span.read_start <= span.keep_start
            assert span.keep_stop <= span.read_stop <= last
            # Nothing lies beyond the border; everywhere else the network sees enough.
            assert span.read_start == first or span.keep_start - span.read_start >= overlap
            assert span.read_stop == last or span.read_stop - span.keep_stop >= overlap
            for edge in (span.read_start, span.read_stop, span.keep_start, span.keep_stop):
                assert edge % multiple == 0
        assert len({span.read_stop - span.read_start for span in spans}) == 1


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("multiple", MULTIPLES)
def test_nothing_is_read_in_vain(multiple: int, overlap: int) -> None:
    """As few parts as the tile allows, about equal, and margins no wider than they must be."""
    for tile, blocks in product(TILES, BLOCKS):
        spans = split_axis(blocks * multiple, tile, overlap=overlap, multiple=multiple)
        assert len(spans) == -(-blocks // (tile // multiple))
        lengths = [span.keep_stop - span.keep_start for span in spans]
        assert max(lengths) - min(lengths) <= multiple
        longest_read = max(lengths) + 2 * (overlap + multiple - 1)
        assert max(span.read_stop - span.read_start for span in spans) <= longest_read


def test_one_tile_reads_itself() -> None:
    assert split_axis(48, 48, overlap=17, multiple=4) == [Span(0, 48, 0, 48)]
    assert split_axis(48, 1000, overlap=17, multiple=4) == [Span(0, 48, 0, 48)]


def test_one_tile_reads_itself_and_the_border() -> None:
    assert split_axis(48, 48, overlap=17, multiple=4, border=8) == [Span(-8, 56, 0, 48)]
    assert split_axis(48, 48, overlap=5, multiple=1, border=8) == [Span(-5, 53, 0, 48)]


def test_by_hand() -> None:
    """Parts of 24, 24 and 24, and a margin of 5 which becomes 8."""
    assert split_axis(72, 30, overlap=5, multiple=4) == [
        Span(0, 40, 0, 24),
        Span(16, 56, 24, 48),
        Span(32, 72, 48, 72),
    ]


def test_a_picture_is_the_product_of_its_axes() -> None:
    rows = split(72, 40, 30, overlap=5, multiple=4)
    vertical = split_axis(72, 30, overlap=5, multiple=4)
    horizontal = split_axis(40, 30, overlap=5, multiple=4)
    assert [[(tile.y, tile.x) for tile in row] for row in rows] == [
        [(y, x) for x in horizontal] for y in vertical
    ]
    assert all(a[0].y.keep_stop == b[0].y.keep_start for a, b in pairwise(rows))


@pytest.mark.parametrize(
    ("size", "tile", "overlap", "multiple"),
    [
        (0, 8, 2, 4),
        (-4, 8, 2, 4),
        (10, 8, 2, 4),
        (8, 3, 2, 4),
        (8, 0, 2, 1),
        (8, 8, -1, 4),
        (8, 8, 2, 0),
        (8, 8, 2, -4),
    ],
)
def test_what_makes_no_sense_is_refused(size: int, tile: int, overlap: int, multiple: int) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        split_axis(size, tile, overlap=overlap, multiple=multiple)
