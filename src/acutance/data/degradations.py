"""What happens to a photo before anyone upscales it: blur, reduction, noise, compression.

Each degradation is one pure function on a whole picture, ``(H, W, 3)`` float32 in levels of 0..255.
Sources of the ranges: Wang, Xie, Dong and Shan, "Real-ESRGAN", ICCVW 2021, and Zhang, Liang, Van
Gool and Timofte, "Designing a practical degradation model for deep blind image super-resolution"
(BSRGAN), ICCV 2021. They are made milder, but for the preset ``harsh``: most photos that people
have are compressed and a little noisy, not ruined. None of them moves the picture: resizes map
centre to centre and kernels are symmetric.

``degradation_pipeline.py`` draws the parameters and applies one after the other.
"""

import math
from typing import Literal, cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from acutance.image.resize import CUBIC, LANCZOS3, Kernel, resize

Image = NDArray[np.float32]
KernelName = Literal["bicubic", "bilinear", "area", "lanczos3"]
NoiseKind = Literal["gaussian", "poisson"]

MID_GRAY = 128.0
"""Level at which Poisson noise has the standard deviation that it is drawn with."""


def triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``1 - |x|``, the kernel of bilinear interpolation; zero outside [-1, 1]."""
    return np.asarray(np.maximum(1 - np.abs(x), 0.0), dtype=np.float64)


KERNELS: dict[KernelName, Kernel | None] = {
    "bicubic": CUBIC,
    "bilinear": Kernel(triangle, 2),
    "area": None,
    "lanczos3": LANCZOS3,
}
"""What cameras, web sites and editors reduce by; None is the mean over the pixel's area."""


def gaussian_kernel(across: float, along: float, angle: float) -> NDArray[np.float64]:
    """A Gaussian of two widths, turned: ``exp(-(u^2 / across^2 + v^2 / along^2) / 2)``, sum 1.

    ``u = x cos(angle) + y sin(angle)`` and ``v = -x sin(angle) + y cos(angle)``.

    Args:
        across: standard deviation along ``u``, pixels.
        along: standard deviation along ``v``, pixels.
        angle: radians.

    Returns:
        ``(k, k)``, k odd, three standard deviations to each side; point-symmetric.
    """
    radius = max(1, math.ceil(3 * max(across, along)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    u = x * math.cos(angle) + y * math.sin(angle)
    v = -x * math.sin(angle) + y * math.cos(angle)
    kernel = np.exp(-((u / across) ** 2 + (v / along) ** 2) / 2)
    return np.asarray(kernel / kernel.sum(), dtype=np.float64)


def blur(image: Image, *, across: float, along: float, angle: float) -> Image:
    """Out of focus, shaken, or a soft lens: convolution with ``gaussian_kernel``; edges repeated.

    Range: standard deviations 0.2 to 2 HR pixels, to 3 in ``harsh``; equal ones are isotropic.
    Below 0.3 nothing visible happens. Source: Real-ESRGAN, sigma 0.2 to 3 HR pixels, isotropic and
    anisotropic.
    """
    kernel = gaussian_kernel(across, along, angle)
    mask = pyvips.Image.new_from_array(kernel)
    blurred = pyvips.Image.new_from_array(image).conv(mask, precision="float")
    return cast(Image, np.asarray(blurred.numpy(), dtype=np.float32))


def shrink(image: Image, height: int, width: int, kernel: KernelName) -> Image:
    """Reduce by a kernel, antialiased, centre to centre; not clipped.

    Range: to between LR and HR size, in pixels, each of the four kernels equally often. Source:
    Real-ESRGAN draws area, bilinear and bicubic; BSRGAN and image editors add others. Lanczos
    rings a little, area and bilinear are soft.
    """
    found = KERNELS[kernel]
    if found is None:
        return _mean_over_area(_mean_over_area(image, height), width, axis=1)
    return cast(Image, resize(image, height, width, kernel=found))


def _mean_over_area(image: Image, size: int, axis: int = 0) -> Image:
    """Each output sample is the mean of the input over its own extent, fractions included."""
    samples = np.moveaxis(image, axis, 0)
    n_in = len(samples)
    if n_in == size:
        return image
    integral = np.zeros((n_in + 1, *samples.shape[1:]))
    np.cumsum(samples, axis=0, out=integral[1:])
    edges = np.arange(size + 1) * (n_in / size)
    whole = np.minimum(edges.astype(np.intp), n_in - 1)
    part = (edges - whole).reshape(-1, *[1] * (samples.ndim - 1))
    at_edges = integral[whole] + part * (integral[whole + 1] - integral[whole])
    means = np.diff(at_edges, axis=0) * (size / n_in)
    return np.moveaxis(means.astype(np.float32), 0, axis)


def add_noise(image: Image, *, kind: NoiseKind, sigma: float, gray: bool, seed: int) -> Image:
    """Sensor noise, the same for a seed.

    ``gaussian``: of one standard deviation everywhere (read-out noise). ``poisson``: photons are
    counted, ``Poisson(k x) / k`` with ``k = 128 / sigma^2``, so that the standard deviation is
    sigma at mid-gray and grows with the root of the light; levels below 0 count as 0.

    Range: sigma 0 to 12 of 255 levels, 1 to 30 in ``harsh``. Source: Real-ESRGAN, Gaussian sigma 1
    to 30 and Poisson scale 0.05 to 3, gray in 40 % of the cases; BSRGAN 1 to 25.

    Args:
        image: levels 0..255.
        kind: distribution.
        sigma: standard deviation, levels; at mid-gray for Poisson.
        gray: the same noise in all three channels: Gaussian as it is, Poisson of their mean.
        seed: of the noise's own generator.
    """
    if sigma == 0:
        return image
    random = np.random.default_rng(seed)
    basis = image.mean(axis=2, keepdims=True) if gray else image
    if kind == "gaussian":
        noise = sigma * random.standard_normal(basis.shape, dtype=np.float32)
    else:
        rate = MID_GRAY / sigma**2
        expected = rate * np.maximum(basis.astype(np.float64), 0)
        noise = ((random.poisson(expected) - expected) / rate).astype(np.float32)
    return cast(Image, (image + noise).astype(np.float32))


def jpeg(image: Image, *, quality: int, subsample: bool) -> Image:
    """Rounded to 8 bits, compressed by libjpeg through libvips, and decoded again.

    Range: quality 40 to 95, from 30 in ``harsh``, libjpeg's scale, without a unit; phones and web
    sites write 70 to 95, messengers less. Source: Real-ESRGAN and BSRGAN, 30 to 95.

    Args:
        image: levels, clipped to 0..255.
        quality: 1..100.
        subsample: colour at half the resolution (4:2:0), as most programs do.
    """
    rounded = np.rint(image).clip(0, 255).astype(np.uint8)
    data = pyvips.Image.new_from_array(rounded).jpegsave_buffer(
        Q=quality, subsample_mode="on" if subsample else "off", keep="none"
    )
    decoded = pyvips.Image.jpegload_buffer(data).numpy()
    return cast(Image, decoded.astype(np.float32))
