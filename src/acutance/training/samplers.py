"""Where a run's batches come from: clean patches, or clean and degraded ones mixed."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from acutance.data import degradation_pool, patches
from acutance.data.datasets import Photos
from acutance.data.degradation_pipeline import preset
from acutance.data.degradation_pool import DegradationPool
from acutance.data.patches import PatchSampler, uniform
from acutance.training.config import TrainConfig

Share = Callable[[Tensor], Tensor]
"""Takes the rows of a batch that this process makes."""


class Sampler(Protocol):
    """Draws a batch for each step."""

    def batch(
        self, count: int, patch: int, generator: torch.Generator, share: Share
    ) -> tuple[Tensor, Tensor]:
        """``count`` random patches, the same for the same state of the generator.

        Returns:
            LR ``(count, C, patch, patch)`` and HR ``(count, 3, s*patch, s*patch)``, float32 in
            [0, 1], channels last, on the run's device; C is what the network takes.
        """
        ...


class MixedSampler:
    """Clean and degraded patches in fixed shares, with their strength as a fourth plane.

    The strength that the network is told is a little wrong, since in use it is estimated:
    ``clip(strength + jitter * N(0, 1), 0, 1)``. So half of the clean patches have exactly 0.

    Args:
        clean: gives patches of strength 0.
        pool: gives degraded ones; a new crop replaces its oldest every ``crop_every`` batches.
        clean_share: of a batch, rounded to whole patches.
        jitter: standard deviation of the error of the strength.
        crop_every: batches between two new crops.
        step: batches drawn before, when a run is resumed; ``pool.made`` is then
            ``pool_made(size, step, crop_every)``.
    """

    def __init__(
        self,
        clean: PatchSampler,
        pool: DegradationPool,
        *,
        clean_share: float,
        jitter: float,
        crop_every: int,
        step: int = 0,
    ) -> None:
        self._clean, self._pool = clean, pool
        self._clean_share, self._jitter = clean_share, jitter
        self._crop_every, self._step = crop_every, step

    def batch(
        self, count: int, patch: int, generator: torch.Generator, share: Share = lambda rows: rows
    ) -> tuple[Tensor, Tensor]:
        """As ``Sampler`` says: clean patches first, and LR has four planes."""
        self._step += 1
        if self._step % self._crop_every == 0:
            self._pool.refresh(1)
        numbers = max(patches.NUMBERS, degradation_pool.NUMBERS)
        random = share(uniform(count, numbers, generator))
        errors = share(self._jitter * torch.randn(count, generator=generator))
        is_clean = share(torch.arange(count)) < round(self._clean_share * count)
        of_clean, of_pool = random[is_clean], random[~is_clean]
        lr, hr = self._clean.patches(of_clean[:, : patches.NUMBERS], patch)
        lr8, hr8, strength = self._pool.patches(
            of_pool[:, : degradation_pool.NUMBERS].numpy(), patch
        )
        strengths = torch.cat([torch.zeros(len(lr)), torch.from_numpy(strength)])
        told = (strengths + torch.cat([errors[is_clean], errors[~is_clean]])).clamp_(0, 1)
        lr = torch.cat([lr, self._planes(lr8)])
        plane = told.to(lr.device)[:, None, None, None].expand(-1, 1, patch, patch)
        return _channels_last(lr, plane, dim=1), _channels_last(hr, self._planes(hr8), dim=0)

    def _planes(self, patches_NHWC: NDArray[np.uint8]) -> Tensor:
        """``(N, H, W, 3)`` 8 bits to ``(N, 3, H, W)`` in [0, 1] on the device."""
        on_device = torch.from_numpy(patches_NHWC).to(self._clean.device)
        return on_device.permute(0, 3, 1, 2).float().mul_(1 / 255)


def _channels_last(*parts: Tensor, dim: int) -> Tensor:
    return torch.cat(parts, dim=dim).contiguous(memory_format=torch.channels_last)


def pool_made(size: int, step: int, crop_every: int) -> int:
    """Crops that a pool has made after ``step`` batches: all the state that it has."""
    return size + step // crop_every


def build_sampler(
    config: TrainConfig, photos: Photos, device: torch.device, *, step: int = 0
) -> Sampler:
    """What the configuration asks for.

    Args:
        config: the run.
        photos: to train on.
        device: where batches go.
        step: steps done, when the run is resumed: the sampler goes on as if never stopped.

    Raises:
        UserError: an unknown preset, or photos too small for its crops.
    """
    clean = PatchSampler(
        photos.train, scale=config.scale, device=device, drop_flattest=config.drop_flattest
    )
    if config.degradations is None:
        return clean
    pool = DegradationPool(
        [pair.hr for pair in photos.train],
        scale=config.scale,
        crop=max(phase.patch for phase in config.patches),
        size=config.pool,
        seed=config.seed,
        preset=preset(config.degradations),
        made=pool_made(config.pool, step, config.crop_every),
    )
    return MixedSampler(
        clean,
        pool,
        clean_share=config.clean_share,
        jitter=config.jitter,
        crop_every=config.crop_every,
        step=step,
    )
