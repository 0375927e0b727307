"""How much noise and compression there is to remove from a picture, for models that ask for it."""

from dataclasses import dataclass
from numbers import Real

import numpy as np

from acutance.data.degradation_pipeline import Degradation, Jpeg, Noise, Stage
from acutance.errors import UserError
from acutance.image import jpeg, webp
from acutance.image.heif import is_heif
from acutance.image.jpeg import Array, find_compression
from acutance.image.noise import noise_level
from acutance.inference.source import Source

CROP = 128
"""Pixels on a side of a crop that is looked at; a multiple of 8, as JPEG's blocks are."""

MOST_CROPS = 64
"""Crops of a large picture: a million pixels, 12 MB."""

LEAST_NOISE = 5.0
"""Levels of 255. Less is not told from fine texture, and clean pictures are to stay as they are: of
small pictures full of texture one in twenty seems to have more."""

LEAST_NOISE_OF_JPEG = 2.0
"""The same where a JPEG was found: the picture is not clean anyway."""

WEBP = ((0, 20, 50, 80, 90, 100), (52, 70, 87, 93, 98, 100))
"""WebP qualities, and the JPEG qualities whose strength they get: between what suits photo-x2 and
photo-x4 best on held-out photos (docs/benchmarks/log.md). Neither was trained on WebP."""

AVIF = 93
"""The same for an AVIF or HEIC file, whose quality is not read: held-out photos gain by it at x4
with AVIF's qualities 35 to 90, and at x2 with 35 to 80, most with 60."""


@dataclass(frozen=True)
class Estimate:
    """What a picture seems to have gone through."""

    quality: int | None
    """JPEG quality, 1 to 100; None for none."""
    noise: float
    """Standard deviation, levels of 255; 0 when it is too little to tell from texture."""
    webp: int | None = None
    """Quality of a lossy WebP file, 0 to 100; None for none."""
    avif: bool = False
    """Whether it is an AVIF or HEIC file."""

    @property
    def strength(self) -> float:
        """0 to 1, as photo models are trained with: see ``Degradation.strength``."""
        noise = Noise(kind="gaussian", sigma=self.noise, gray=False, seed=0)
        qualities = [] if self.quality is None else [self.quality]
        qualities += [] if self.webp is None else [round(float(np.interp(self.webp, *WEBP)))]
        qualities += [AVIF] if self.avif else []
        jpeg = Jpeg(quality=min(qualities), subsample=True) if qualities else None
        stage = Stage(kernel="bicubic", noise=noise, jpeg=jpeg)
        return Degradation(blur=None, stages=(stage,)).strength

    def __str__(self) -> str:
        """For the person."""
        found = [] if self.quality is None else [f"JPEG quality {self.quality}"]
        found += [] if self.webp is None else [f"WebP quality {self.webp}"]
        found += ["AVIF or HEIC"] if self.avif else []
        found += [f"noise {self.noise:.0f}"] if self.noise else []
        return " and ".join(found) or "no noise or JPEG found"


def check_denoise(denoise: object) -> None:
    """Raise UserError unless it is in [0, 1], or None for an estimate."""
    if denoise is None:
        return
    if not isinstance(denoise, Real):
        raise UserError(f"denoise must be 0 to 1, or None for an estimate, not {denoise!r}")
    if not 0 <= float(denoise) <= 1:
        raise UserError(f"denoise must be 0 to 1, or auto, not {float(denoise):g}")


def estimate(source: Source) -> Estimate:
    """Estimate a picture's compression and noise from its file and a sample of its pixels.

    The quality is read from a JPEG file's tables, and in any picture from the pixels, which find a
    coarser JPEG under the last one, and one in what is a PNG now. That of a WebP is in its header.
    What was compressed and then resized is not found, nor is another codec than JPEG that the file
    has no more.

    Raises UserError when the file turns out to be damaged.
    """
    crops = sample(source)
    found = find_compression(crops)
    path = source.path
    qualities = [jpeg.file_quality(path) if path else None, found.quality if found else None]
    quality = min((q for q in qualities if q is not None), default=None)
    top, left = (found.top, found.left) if found else (0, 0)
    noise = noise_level(crops, quality=quality, top=top, left=left)
    least = LEAST_NOISE if quality is None else LEAST_NOISE_OF_JPEG
    return Estimate(
        quality=quality,
        noise=noise if noise >= least else 0.0,
        webp=webp.file_quality(path) if path else None,
        avif=is_heif(path) if path else False,
    )


def sample(source: Source) -> list[Array]:
    """The whole of a small picture, evenly spread crops of a large one.

    Returns:
        ``(h, w, 3)`` in levels 0 to 255; their corners are multiples of 8 pixels from the
        picture's. Gray is R = G = B; what is transparent is black.
    """
    rows, columns = -(-source.height // CROP), -(-source.width // CROP)
    places = [(row * CROP, column * CROP) for row in range(rows) for column in range(columns)]
    if len(places) <= MOST_CROPS:
        return [_rgb_levels(source, 0, 0, source.height, source.width)]
    chosen = np.linspace(0, len(places) - 1, MOST_CROPS).round().astype(int)
    return [
        _rgb_levels(
            source, top, left, min(CROP, source.height - top), min(CROP, source.width - left)
        )
        for top, left in (places[i] for i in chosen)
    ]


def _rgb_levels(source: Source, top: int, left: int, height: int, width: int) -> Array:
    part = source.read(top, left, height, width)
    colour = part
    if source.bands in (2, 4):
        colour = part[:, :, :-1] * part[:, :, -1:]
    levels = np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour
    return levels * np.float32(255)
