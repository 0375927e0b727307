"""Resizing against an outside port of MATLAB's imresize, Pillow, and what must always hold."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acutance.image.resize import (
    LANCZOS3,
    bicubic_matrix,
    cubic,
    resize,
    upscale_kernel,
    upscale_phases,
)

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "imresize.npz")
CASES = sorted({key.split(".")[0] for key in REFERENCE})


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def test_every_reference_case_is_there() -> None:
    assert len(CASES) == 14


@pytest.mark.parametrize("case", CASES)
def test_equals_the_stored_imresize(case: str) -> None:
    expected = REFERENCE[f"{case}.output"]
    result = resize(REFERENCE[f"{case}.input"], *expected.shape[:2])
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-13)


def test_kernel_is_keys_with_a_half() -> None:
    """Values by hand from Keys 1981, equation 15; a = -0.75 would give others."""
    x = np.array([0, 0.5, 1, 1.5, 2, 2.5])
    np.testing.assert_allclose(cubic(x), [1, 0.5625, 0, -0.0625, 0, 0], atol=1e-15)
    np.testing.assert_allclose(cubic(-x), cubic(x))


@pytest.mark.parametrize(
    ("size", "pillow"), [((96, 120), (0.5, 4)), ((15, 24), (4.0, 24)), ((90, 40), (1.0, 9))]
)
@pytest.mark.parametrize("name", ["bicubic", "lanczos"])
def test_interior_equals_pillow(
    size: tuple[int, int], pillow: tuple[float, int], name: str
) -> None:
    """Pillow has the same kernels and antialiasing, but cuts windows off at the edges."""
    image = noise(60, 60).astype(np.float32)
    method = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}[name]
    expected = np.asarray(Image.fromarray(image).resize(size[::-1], method))
    kernels = {} if name == "bicubic" else {"kernel": LANCZOS3}
    result = resize(image.astype(np.float64), *size, **kernels)
    far = np.ix_(*(_far_from_edges(60, n, 3) for n in size))
    assert result[far].size > 20
    np.testing.assert_allclose(result[far], expected[far], atol=2e-6)


def _far_from_edges(n_in: int, n_out: int, radius: int) -> np.ndarray:
    """Outputs whose window lies inside the input."""
    centre = (np.arange(n_out) + 0.5) * n_in / n_out
    reach = radius * max(1, n_in / n_out) + 1
    return np.flatnonzero((centre > reach) & (centre < n_in - reach))


@pytest.mark.parametrize(("n_in", "n_out"), [(1, 4), (7, 28), (28, 7), (9, 5), (5, 9), (16, 2)])
def test_a_constant_stays(n_in: int, n_out: int) -> None:
    matrix = bicubic_matrix(n_in, n_out)
    assert matrix.shape == (n_out, n_in)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-14)


@pytest.mark.parametrize("n_out", [12, 24, 48, 6, 3])
def test_is_symmetric(n_out: int) -> None:
    """A mirrored picture gives the mirrored result: no half-pixel shift."""
    matrix = bicubic_matrix(12, n_out)
    np.testing.assert_allclose(matrix[::-1, ::-1], matrix, atol=1e-14)


def test_same_size_is_the_picture_itself() -> None:
    image = noise(9, 7, 3)
    np.testing.assert_array_equal(resize(image, 9, 7), image)


def test_axes_are_alike_and_channels_apart() -> None:
    image = noise(13, 21, 3)
    result = resize(image, 26, 7)
    np.testing.assert_allclose(resize(image.swapaxes(0, 1), 7, 26), result.swapaxes(0, 1))
    for channel in range(3):
        np.testing.assert_allclose(resize(image[..., channel], 26, 7), result[..., channel])


def test_a_ramp_goes_on_through_upscaling() -> None:
    """Cubic convolution reproduces first-degree polynomials, away from the mirrored edges."""
    ramp = np.arange(20.0)[:, None].repeat(2, axis=1)
    expected = (np.arange(80) + 0.5) / 4 - 0.5
    np.testing.assert_allclose(resize(ramp, 80, 2)[8:-8, 0], expected[8:-8], atol=1e-12)


def test_equals_its_matrices_across_blocks() -> None:
    """Large pictures are resized in blocks of rows."""
    image = noise(150, 90)
    expected = bicubic_matrix(150, 600) @ image @ bicubic_matrix(90, 45).T
    np.testing.assert_allclose(resize(image, 600, 45), expected, atol=1e-13)


def test_without_antialiasing_the_kernel_is_not_stretched() -> None:
    matrix = bicubic_matrix(40, 10, antialias=False)
    assert ((matrix != 0).sum(axis=1) <= 4).all()
    assert ((bicubic_matrix(40, 10) != 0).sum(axis=1) > 8).all()
    # Centres fall on half pixels: the weights of the kernel at 0.5 and 1.5.
    np.testing.assert_allclose(matrix[5, 20:24], [-0.0625, 0.5625, 0.5625, -0.0625], atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays_and_nothing_is_clipped(dtype: type) -> None:
    edge = np.zeros((8, 8), dtype)
    edge[:, 4:] = 1
    result = resize(edge, 32, 32)
    assert result.dtype == dtype
    assert result.min() < -0.01
    assert result.max() > 1.01


def test_integers_and_empty_sizes_are_refused() -> None:
    with pytest.raises(TypeError, match="floats"):
        resize(np.zeros((4, 4), np.uint8), 8, 8)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="positive"):
        resize(np.zeros((4, 4)), 0, 4)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_upscale_filters_are_the_resize(scale: int) -> None:
    """The polyphase form, which networks and exported graphs use, on a mirrored picture."""
    image = noise(7, 6)
    padded = np.pad(image, 2, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    phases = np.einsum("hwij,pij->hwp", windows, upscale_kernel(scale))
    shuffled = phases.reshape(7, 6, scale, scale).transpose(0, 2, 1, 3).reshape(7 * scale, -1)
    np.testing.assert_allclose(shuffled, resize(image, 7 * scale, 6 * scale), atol=1e-14)
    np.testing.assert_allclose(upscale_phases(scale).sum(axis=1), 1, atol=1e-14)
