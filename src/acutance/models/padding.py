"""Padding to the size that a network needs; pure arithmetic, shared by training and inference."""


def padding_to_multiple(size: int, multiple: int) -> int:
    """Pixels to append so that ``size`` becomes a multiple, and at least 2.

    A single appended pixel would let the bicubic branch see the padding's own mirror image instead
    of the picture's second-last pixel, so one becomes ``multiple + 1``. Where the picture is one
    pixel in all, there is no other pixel to see.
    """
    padding = -size % multiple
    return max(padding + multiple if padding == 1 else padding, 2 - size)
