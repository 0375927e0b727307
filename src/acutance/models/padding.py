"""Padding to the size that a network needs; pure arithmetic, shared by training and inference."""

MIRRORED = 8
"""LR pixels mirrored around a picture. A convolution sees zeros outside; what they do to flat
saturated colours, 5 to 20 of 255 levels, is gone after so many pixels (after 4, but for 1 to 5)."""


def mirrored_border(multiple: int) -> int:
    """``MIRRORED``, or the next multiple."""
    return -(-MIRRORED // multiple) * multiple


def padding_to_multiple(size: int, multiple: int) -> int:
    """Pixels to append so that ``size`` becomes a multiple, and at least 2.

    A single appended pixel would let the bicubic branch see the padding's own mirror image instead
    of the picture's second-last pixel, so one becomes ``multiple + 1``. Where the picture is one
    pixel in all, there is no other pixel to see.
    """
    padding = -size % multiple
    return max(padding + multiple if padding == 1 else padding, 2 - size)
