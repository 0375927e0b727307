"""The grid of the LR pixels in an upscaled picture: where a pattern of its period has its power."""

CELLS = 8
"""LR pixels on a side of the windows in which power is compared."""

APART = 2
"""Frequencies between a harmonic and those around it that it is compared with: a Hann window
spreads a pattern's power by one."""


def harmonics(scale: int) -> list[tuple[int, int]]:
    """Frequencies down and across, of windows of ``CELLS`` LR pixels, but for the mean's.

    >>> harmonics(2)
    [(0, 8), (8, 0), (8, 8)]
    """
    return [(CELLS * y, CELLS * x) for y in range(scale) for x in range(scale)][1:]


def around(scale: int, harmonic: tuple[int, int]) -> list[tuple[int, int]]:
    """The eight frequencies around a harmonic."""
    side, (y, x) = CELLS * scale, harmonic
    steps = (-APART, 0, APART)
    return [((y + i) % side, (x + j) % side) for i in steps for j in steps if (i, j) != (0, 0)]
