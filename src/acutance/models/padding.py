"""Padding to the size that a network needs; pure arithmetic, shared by training and inference."""

MIRRORED = 8
"""LR pixels mirrored around a picture for a GAN model. A convolution sees zeros outside; what they
make of flat saturated colours, up to 20 of 255 levels, is gone after so many. Faithful models do
without, as for them the zeros, which say that nothing is known, are the better guess."""


def mirrored_border(multiple: int) -> int:
    """``MIRRORED`` LR pixels, or the next multiple."""
    return -(-MIRRORED // multiple) * multiple


def padding_to_multiple(size: int, multiple: int) -> int:
    """Pixels to append so that ``size`` becomes a multiple, and at least 2.

    A single appended pixel would let the bicubic branch see the padding's own mirror image instead
    of the picture's second-last pixel, so one becomes ``multiple + 1``. Where the picture is one
    pixel in all, there is no other pixel to see.
    """
    padding = -size % multiple
    return max(padding + multiple if padding == 1 else padding, 2 - size)
