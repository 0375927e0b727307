"""The grid of the LR pixels in an upscaled picture: where a pattern of its period has its power."""

CELLS = 8
"""LR pixels on a side of the windows in which power is compared."""

APART = 2
"""Frequencies between a harmonic and those around it that it is compared with: a Hann window
spreads a pattern's power by one."""
