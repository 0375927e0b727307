"""A degradation is drawn first, as plain numbers, and then applied: the same numbers, the same LR.

The order is the one of BSRGAN and Real-ESRGAN: blur, then one or two stages of reduction, noise and
JPEG. ``degradations.py`` has the single degradations with their ranges and sources.
"""

import hashlib
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acutance.data.datasets import to_uint8
from acutance.data.degradations import KERNELS, KernelName, NoiseKind, add_noise, blur, jpeg, shrink
from acutance.errors import UserError

STRONGEST_NOISE = 12.0
"""Levels of 255: noise that counts as strength 1 by itself."""

WORST_QUALITY = 40
"""JPEG quality that counts as strength 1 by itself."""


@dataclass(frozen=True, kw_only=True)
class Blur:
    """Standard deviations in HR pixels, 0.2 to 3, and the angle in radians."""

    across: float
    along: float
    angle: float


@dataclass(frozen=True, kw_only=True)
class Noise:
    """See ``degradations.add_noise``; ``sigma`` in levels of 255, 0 to 30."""

    kind: NoiseKind
    sigma: float
    gray: bool
    seed: int


@dataclass(frozen=True, kw_only=True)
class Jpeg:
    """See ``degradations.jpeg``; ``quality`` 30 to 95."""

    quality: int
    subsample: bool


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Reduced, then exposed to noise, then saved."""

    kernel: KernelName
    size: float = 1.0
    """Linear size of the result in units of the LR; 1 in the last stage, at most ``scale``."""
    noise: Noise | None = None
    jpeg: Jpeg | None = None


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """Everything that ``degrade`` needs to know; no randomness is left."""

    blur: Blur | None
    stages: tuple[Stage, ...]

    @property
    def strength(self) -> float:
        """How much noise and compression there is to remove: 0 for none, 1 for the most.

        ``min(1, sqrt(sum over stages of ((sigma / 12)^2 + ((100 - quality) / 60)^2) / size^2))``:
        variances add up; reducing by ``size`` afterwards averages what an earlier stage left, which
        divides its standard deviation. So 6 levels of noise alone give 0.5, and so does quality 70.
        Blur does not count: it is no noise, and ``--denoise`` does not sharpen.
        """
        total = 0.0
        for stage in self.stages:
            noise = stage.noise.sigma / STRONGEST_NOISE if stage.noise else 0.0
            loss = (100 - stage.jpeg.quality) / (100 - WORST_QUALITY) if stage.jpeg else 0.0
            total += (noise**2 + loss**2) / stage.size**2
        return min(1.0, math.sqrt(total))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the drawn parameters and the strength."""
        return {**asdict(self), "strength": round(self.strength, 4)}


CLEAN = Degradation(blur=None, stages=(Stage(kernel="bicubic"),))
"""Antialiased bicubic alone, as the benchmarks' inputs are made."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Ranges to draw from; both ends included.

    Sources of the ranges: ``degradations``. Of the shares, ``gaussian`` and ``gray`` are the
    training options of Real-ESRGAN, which has 0.64 for ``isotropic`` and always two stages; the
    others are ours, milder, since most photos are saved once and keep their size. ``harsh`` has
    the ranges of Real-ESRGAN and its two stages, without its kernels of other shapes, its sinc
    filters and its enlarging between the stages.
    """

    summary: str
    """One line for a person."""
    clean: float = 0.0
    """Share of pictures that are only reduced by bicubic."""
    blur: tuple[float, float] | None = (0.2, 2.0)
    """Standard deviations, HR pixels; None never blurs."""
    isotropic: float = 0.6
    """Share of blurs that are equal in all directions."""
    kernels: tuple[KernelName, ...] = tuple(KERNELS)
    """Reductions, equally likely."""
    noise: tuple[float, float] | None = (0.0, 12.0)
    """Standard deviation, levels of 255; None adds none."""
    gaussian: float = 0.5
    """Share of noise that is Gaussian; the rest is Poisson."""
    gray: float = 0.4
    """Share of noise that is the same in all channels."""
    quality: tuple[int, int] = (40, 95)
    """JPEG quality."""
    subsample: float = 0.7
    """Share of JPEGs with colour at half the resolution, what most programs write below quality
    90."""
    twice: float = 0.3
    """Share of degraded pictures with two stages."""
    harsh: float = 0.0
    """Share of pictures drawn from the preset ``harsh`` instead."""


PRESETS = {
    "photo": Preset(
        summary="30 % clean, the rest blurred, noisy and compressed",
        clean=0.3,
    ),
    "degraded": Preset(summary="as photo, but none clean: for measuring"),
    "mixed": Preset(summary="three of four as degraded, one as harsh", harsh=0.25),
    "harsh": Preset(
        summary="blur to 3 pixels, noise to 30, quality from 30, twice: Real-ESRGAN's ranges",
        blur=(0.2, 3.0),
        noise=(1.0, 30.0),
        quality=(30, 95),
        twice=1.0,
    ),
    "jpeg": Preset(
        summary="bicubic and one JPEG, nothing else",
        blur=None,
        kernels=("bicubic",),
        noise=None,
        twice=0.0,
    ),
    "clean": Preset(summary="bicubic alone", clean=1.0),
}


def preset(name: str) -> Preset:
    """A preset by name; raises UserError for an unknown one."""
    if name not in PRESETS:
        raise UserError(f"unknown preset '{name}': choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def generator_for(seed: int, name: str) -> np.random.Generator:
    """A generator that depends on the seed and the name alone, not on what else is degraded."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def draw(random: np.random.Generator, *, scale: int, preset: Preset) -> Degradation:
    """Draw one degradation; uniform within the ranges of the preset."""
    if random.random() < preset.clean:
        return CLEAN
    if preset.harsh and random.random() < preset.harsh:
        preset = PRESETS["harsh"]
    drawn_blur = _draw_blur(random, preset) if preset.blur else None
    sizes = [1.0]
    if random.random() < preset.twice:
        sizes = [float(random.uniform(1, scale)), 1.0]
    stages = tuple(_draw_stage(random, preset, size) for size in sizes)
    return Degradation(blur=drawn_blur, stages=stages)


def _draw_blur(random: np.random.Generator, preset: Preset) -> Blur:
    assert preset.blur is not None
    across = float(random.uniform(*preset.blur))
    if random.random() < preset.isotropic:
        return Blur(across=across, along=across, angle=0.0)
    return Blur(
        across=across,
        along=float(random.uniform(*preset.blur)),
        angle=float(random.uniform(0, math.pi)),
    )


def _draw_stage(random: np.random.Generator, preset: Preset, size: float) -> Stage:
    kernel = preset.kernels[int(random.integers(len(preset.kernels)))]
    noise = None
    if preset.noise:
        noise = Noise(
            kind="gaussian" if random.random() < preset.gaussian else "poisson",
            sigma=float(random.uniform(*preset.noise)),
            gray=bool(random.random() < preset.gray),
            seed=int(random.integers(2**32)),
        )
    low, high = preset.quality
    saved = Jpeg(
        quality=int(random.integers(low, high + 1)),
        subsample=bool(random.random() < preset.subsample),
    )
    return Stage(kernel=kernel, size=size, noise=noise, jpeg=saved)


def degrade(hr: NDArray[np.uint8], degradation: Degradation, *, scale: int) -> NDArray[np.uint8]:
    """Make the LR of a photo.

    Args:
        hr: ``(s*h, s*w, 3)`` 8-bit RGB.
        degradation: from ``draw``, or ``CLEAN``.
        scale: at least 1.

    Returns:
        ``(h, w, 3)`` 8-bit RGB, in register with ``hr``.

    Raises:
        ValueError: the size is not a multiple of the scale.

    Example:
        >>> random = generator_for(0, "reeds")
        >>> degradation = draw(random, scale=4, preset=PRESETS["photo"])
        >>> degrade(np.zeros((32, 64, 3), np.uint8), degradation, scale=4).shape
        (8, 16, 3)
    """
    if hr.shape[0] % scale or hr.shape[1] % scale:
        raise ValueError(f"{hr.shape[1]} x {hr.shape[0]} is not a multiple of {scale}")
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    image = hr.astype(np.float32)
    if (b := degradation.blur) is not None:
        image = blur(image, across=b.across, along=b.along, angle=b.angle)
    for stage in degradation.stages:
        rows, columns = round(height * stage.size), round(width * stage.size)
        image = shrink(image, rows, columns, stage.kernel)
        if (n := stage.noise) is not None:
            image = add_noise(image, kind=n.kind, sigma=n.sigma, gray=n.gray, seed=n.seed)
        if (j := stage.jpeg) is not None:
            image = jpeg(image, quality=j.quality, subsample=j.subsample)
    return to_uint8(image)
