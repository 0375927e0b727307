"""MATLAB-compatible bicubic resizing: a = -0.5, antialiased when shrinking, symmetric edges.

This is the one bicubic of the package: the training pairs, the benchmarks, the ``Bicubic(x)``
branch of every network and of every exported graph take their weights from here.

Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 1981
(a = -0.5); MATLAB's ``imresize`` for the antialiasing (the kernel is stretched by the reduction)
and the edges (indices mirrored with the edge pixel repeated).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5; zero outside [-2, 2]."""
    a = -0.5
    x = np.abs(x)
    inner = (a + 2) * x**3 - (a + 3) * x**2 + 1
    outer = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, inner, np.where(x < 2, outer, 0.0))


def lanczos3(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``sinc(x) sinc(x / 3)``, with ``sinc(x) = sin(pi x) / (pi x)``; zero outside [-3, 3]."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


@dataclass(frozen=True)
class Kernel:
    """An interpolation kernel of ``imresize``."""

    function: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    width: int
    """Length of the interval outside which the function is zero."""


CUBIC = Kernel(cubic, 4)
LANCZOS3 = Kernel(lanczos3, 6)


def resize_taps(
    n_in: int, n_out: int, *, antialias: bool = True, kernel: Kernel = CUBIC
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which input samples make each output sample along one axis, and with which weights.

    Args:
        n_in: input samples, at least 1.
        n_out: output samples, at least 1.
        antialias: stretch the kernel when ``n_out < n_in``, as ``imresize`` does by default.
        kernel: ``CUBIC`` or ``LANCZOS3``.

    Returns:
        Indices and weights, both ``(n_out, taps)``; each row of weights sums to 1.
    """
    if n_in < 1 or n_out < 1:
        raise ValueError(f"sizes must be positive, not {n_in} -> {n_out}")
    scale = n_out / n_in
    stretch = scale if antialias and scale < 1 else 1.0
    width = kernel.width / stretch
    # Output centre i lies at (i + 0.5) / scale - 0.5 of the input.
    centre = (np.arange(n_out) + 0.5) / scale - 0.5
    first = np.floor(centre - width / 2).astype(np.intp) + 1
    taps = math.ceil(width) + 1
    index = first[:, None] + np.arange(taps)[None, :]
    weight = stretch * kernel.function(stretch * (centre[:, None] - index))
    weight /= weight.sum(axis=1, keepdims=True)
    return mirrored(index, n_in), weight


def mirrored(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Indices of an axis without end; edges repeated: ..., 1, 0 | 0, 1, ..., n-1 | n-1, n-2, ..."""
    index = np.mod(index, 2 * size)
    return np.where(index < size, index, 2 * size - 1 - index)


def bicubic_matrix(n_in: int, n_out: int, *, antialias: bool = True) -> NDArray[np.float64]:
    """The resize of one axis as a matrix ``(n_out, n_in)``: ``out = matrix @ samples``."""
    index, weight = resize_taps(n_in, n_out, antialias=antialias)
    matrix = np.zeros((n_out, n_in))
    np.add.at(matrix, (np.arange(n_out)[:, None], index), weight)
    return matrix


_BLOCK = 256  # output samples a block: bounds the matrix, and makes it dense


def _resize_axis0(
    image: NDArray[np.floating], n_out: int, *, antialias: bool, kernel: Kernel
) -> NDArray[np.floating]:
    """Resize the first axis, as small dense products a block of rows: fast, bounded in memory."""
    n_in = image.shape[0]
    if n_in == n_out:
        return image
    flat = image.reshape(n_in, -1)
    out = np.empty((n_out, flat.shape[1]), dtype=image.dtype)
    index, weight = resize_taps(n_in, n_out, antialias=antialias, kernel=kernel)
    for start in range(0, n_out, _BLOCK):
        rows = slice(start, min(start + _BLOCK, n_out))
        low, high = int(index[rows].min()), int(index[rows].max()) + 1
        matrix = np.zeros((rows.stop - start, high - low))
        np.add.at(matrix, (np.arange(rows.stop - start)[:, None], index[rows] - low), weight[rows])
        out[rows] = matrix.astype(image.dtype) @ flat[low:high]
    return out.reshape(n_out, *image.shape[1:])


def resize(
    image: NDArray[np.floating],
    height: int,
    width: int,
    *,
    antialias: bool = True,
    kernel: Kernel = CUBIC,
) -> NDArray[np.floating]:
    """Resize as MATLAB's ``imresize(image, [height width])`` does. Not clipped, not rounded.

    Args:
        image: ``(H, W)`` or ``(H, W, C)`` floats of any range.
        height: output rows.
        width: output columns.
        antialias: low-pass before shrinking.
        kernel: ``CUBIC``, or ``LANCZOS3`` for comparisons.

    Returns:
        ``(height, width[, C])`` of the same dtype.

    Example:
        >>> import numpy as np
        >>> resize(np.full((4, 4), 0.5), 8, 2).shape
        (8, 2)
    """
    if not np.issubdtype(image.dtype, np.floating):
        raise TypeError(f"resize takes floats, not {image.dtype}")
    sizes = {0: height, 1: width}
    # The axis that shrinks most goes first, as in imresize: less work, the same result.
    for axis in sorted(sizes, key=lambda axis: sizes[axis] / image.shape[axis]):
        moved = image.swapaxes(0, axis)
        moved = _resize_axis0(moved, sizes[axis], antialias=antialias, kernel=kernel)
        image = moved.swapaxes(0, axis)
    return image


def upscale_phases(scale: int) -> NDArray[np.float64]:
    """Integer upscaling as one filter a phase: the weights of the five samples around a pixel.

    Output sample ``scale * i + p`` of one axis is the sum over ``k`` of
    ``phases[p, k] * input[i + k - 2]``.

    Returns:
        ``(scale, 5)`` float64, each row sums to 1.
    """
    matrix = bicubic_matrix(9, 9 * scale)
    return matrix[4 * scale : 5 * scale, 2:7].copy()


def upscale_kernel(scale: int) -> NDArray[np.float64]:
    """The two-dimensional filters of ``upscale_phases``, in the order of a pixel shuffle.

    Returns:
        ``(scale * scale, 5, 5)`` float64: filter ``p * scale + q`` makes row phase ``p`` and
        column phase ``q``.
    """
    phases = upscale_phases(scale)
    filters = phases[:, None, :, None] * phases[None, :, None, :]
    return filters.reshape(scale * scale, 5, 5)


REACH = 2
"""LR pixels on each side that bicubic resizing by an integer takes into account, both ways."""


def reduction_kernel(scale: int) -> NDArray[np.float64]:
    """Reduction by an integer as a filter of phases, the HR pixels under each LR pixel.

    Returns:
        ``(scale * scale, 5, 5)`` float64 with sum 1: weight of row phase ``p`` and column phase
        ``q``, at index ``p * scale + q``, of the LR pixels around.
    """
    row = bicubic_matrix(9 * scale, 9)[4, 2 * scale : 7 * scale].reshape(5, scale)
    filters = row.T[:, None, :, None] * row.T[None, :, None, :]
    return filters.reshape(scale * scale, 5, 5)


def upscale_inverse(scale: int) -> NDArray[np.float64]:
    """A filter of LR pixels that makes up for what upscaling and reducing again take.

    Fitted by least squares over the frequencies of an axis, the mean unchanged: reducing what was
    upscaled from the filtered LR gives the LR back to 7 % at any frequency of either axis.

    Returns:
        ``(5, 5)`` float64 with sum 1, symmetric.
    """
    samples = 33
    round_trip = bicubic_matrix(samples * scale, samples) @ bicubic_matrix(samples, samples * scale)
    offsets = np.arange(samples) - samples // 2
    frequencies = np.linspace(0, np.pi, 65)
    response = np.cos(np.outer(frequencies, offsets)) @ round_trip[samples // 2]
    waves = np.cos(np.outer(frequencies, [1, 2])) - 1
    outer, *_ = np.linalg.lstsq(2 * response[:, None] * waves, 1 - response, rcond=None)
    near, far = outer
    taps = np.array([far, near, 1 - 2 * (near + far), near, far])
    return np.outer(taps, taps)
