"""Degraded crops to train on, made a few at a time, so that no step waits for JPEG.

The k-th crop that a pool ever makes depends on the photos, the seed and k alone. The pool holds the
latest ``size`` of them; each ``refresh`` replaces the oldest. Between two refreshes the crops are
drawn from again and again, which costs a copy.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acutance.data.degradation_pipeline import Preset, degrade, draw, generator_for
from acutance.errors import UserError

MARGIN = 8
"""LR pixels around a crop that are degraded with it and cut off: blur and JPEG see a whole photo.
Up to as many more shift the crop against JPEG's grid of 8 x 8."""

NUMBERS = 3
"""Random numbers that a patch takes: a crop and a place in it."""


@dataclass(frozen=True)
class Crop:
    """``lr`` is ``(c, c, 3)``, ``hr`` ``(s*c, s*c, 3)``, both 8 bits; ``strength`` in 0..1."""

    lr: NDArray[np.uint8]
    hr: NDArray[np.uint8]
    strength: float


def make_crop(
    photos: Sequence[NDArray[np.uint8]],
    number: int,
    *,
    scale: int,
    crop: int,
    seed: int,
    preset: Preset,
) -> Crop:
    """Crop ``number``: a photo, a place in it at any HR pixel, a degradation, flips, transpose.

    Larger photos are drawn more often, by their area. Every photo holds ``smallest_photo`` pixels
    on a side.
    """
    random = generator_for(seed, f"crop {number}")
    areas = np.array([photo.shape[0] * photo.shape[1] for photo in photos], dtype=np.float64)
    photo = photos[int(random.choice(len(photos), p=areas / areas.sum()))]
    side = smallest_photo(crop, scale)
    top = int(random.integers(photo.shape[0] - side + 1))
    left = int(random.integers(photo.shape[1] - side + 1))
    flip_y, flip_x, transpose = random.random(3) < 0.5
    hr = photo[top : top + side, left : left + side]
    hr = hr[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    hr = np.ascontiguousarray(hr.swapaxes(0, 1) if transpose else hr)
    degradation = draw(random, scale=scale, preset=preset)
    lr = degrade(hr, degradation, scale=scale)
    y, x = random.integers(MARGIN, 2 * MARGIN, 2)
    lr = lr[y : y + crop, x : x + crop]
    hr = hr[y * scale : (y + crop) * scale, x * scale : (x + crop) * scale]
    return Crop(lr, hr, degradation.strength)


def smallest_photo(crop: int, scale: int) -> int:
    """HR pixels that a photo needs on a side."""
    return (crop + 3 * MARGIN) * scale


class DegradationPool:
    """The latest ``size`` degraded crops, in arrays that a sampler may copy to a GPU.

    Args:
        photos: ``(H, W, 3)`` 8-bit RGB; those too small for a crop are left out.
        scale: upscaling factor.
        crop: LR pixels on a side.
        size: crops held.
        seed: of the crops.
        preset: ranges to draw from.
        made: crops made before, when a training is resumed; the pool is then what it was.
        workers: threads that make crops, and the next ones ahead of time; with 1 the caller makes
            them when they are wanted. The crops are the same.

    Raises:
        UserError: no photo is large enough.

    Attributes:
        lr: ``(size, c, c, 3)`` uint8; crop k lies in slot ``k % size``.
        hr: ``(size, s*c, s*c, 3)`` uint8.
        strength: ``(size,)`` float32.
        made: crops made so far, those that are gone included: all the state there is.
    """

    def __init__(
        self,
        photos: Sequence[NDArray[np.uint8]],
        *,
        scale: int,
        crop: int,
        size: int,
        seed: int,
        preset: Preset,
        made: int = 0,
        workers: int = 1,
    ) -> None:
        side = smallest_photo(crop, scale)
        self._photos = [photo for photo in photos if min(photo.shape[:2]) >= side]
        if not self._photos:
            raise UserError(
                f"no photo is large enough to degrade: x{scale} crops of {crop} pixels need at "
                f"least {side} pixels on the shorter side"
            )
        self._scale, self._crop, self._seed, self._preset = scale, crop, seed, preset
        self.lr = np.empty((size, crop, crop, 3), np.uint8)
        self.hr = np.empty((size, crop * scale, crop * scale, 3), np.uint8)
        self.strength = np.empty(size, np.float32)
        self.made = max(0, made - size)
        self._workers = ThreadPoolExecutor(workers) if workers > 1 else None
        self._ahead: deque[Future[Crop]] = deque()
        self._most_ahead = workers if workers > 1 else 0
        self.refresh(max(size, made) - self.made)

    def refresh(self, count: int) -> NDArray[np.intp]:
        """Make ``count`` new crops in place of the oldest; returns the slots that changed."""
        numbers = np.arange(self.made, self.made + count)
        slots: NDArray[np.intp] = numbers % len(self.lr)
        for slot in slots:
            made = self._next()
            self.lr[slot], self.hr[slot], self.strength[slot] = made.lr, made.hr, made.strength
            self.made += 1
        return slots

    def _next(self) -> Crop:
        """Crop number ``made``, from a worker if there are any."""
        if self._workers is None:
            return self._make(self.made)
        while len(self._ahead) <= self._most_ahead:
            number = self.made + len(self._ahead)
            self._ahead.append(self._workers.submit(self._make, number))
        return self._ahead.popleft().result()

    def _make(self, number: int) -> Crop:
        return make_crop(
            self._photos,
            number,
            scale=self._scale,
            crop=self._crop,
            seed=self._seed,
            preset=self._preset,
        )

    def patches(
        self, random: NDArray[np.float64], patch: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
        """The patches of crops that random numbers stand for.

        Args:
            random: ``(n, NUMBERS)`` in [0, 1): which crop, and where in it.
            patch: LR pixels on a side, at most the crop's.

        Returns:
            LR ``(n, patch, patch, 3)``, HR ``(n, s*patch, s*patch, 3)``, 8 bits, and strength
            ``(n,)``.
        """
        if patch > self._crop:
            raise ValueError(f"a patch of {patch} does not fit into crops of {self._crop}")
        places = self._crop - patch + 1
        drawn = (random * [len(self.lr), places, places]).astype(np.intp)
        slots, corners = drawn[:, 0], drawn[:, 1:]
        steps, s = np.arange(patch), self._scale
        fine = np.arange(patch * s)
        rows, columns = corners[:, :1] + steps, corners[:, 1:] + steps
        lr = self.lr[slots[:, None, None], rows[:, :, None], columns[:, None, :]]
        rows, columns = corners[:, :1] * s + fine, corners[:, 1:] * s + fine
        hr = self.hr[slots[:, None, None], rows[:, :, None], columns[:, None, :]]
        return lr, hr, self.strength[slots]
