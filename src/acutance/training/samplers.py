"""Where a run's batches come from: clean patches, a person's pairs, or clean and degraded mixed."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from acutance.data import degradation_pool, patches
from acutance.data.datasets import Photos
from acutance.data.degradation_pipeline import preset
from acutance.data.degradation_pool import DegradationPool
from acutance.data.pair_patches import PairSampler
from acutance.data.patches import PatchSampler, uniform
from acutance.training.config import TrainConfig

Share = Callable[[Tensor], Tensor]
"""Takes the rows of a batch that this process makes."""

NUMBERS = max(patches.NUMBERS, degradation_pool.NUMBERS)
"""Random numbers that a patch takes."""


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


class Degraded(Protocol):
    """Gives patches that have a strength, once for each batch."""

    def patches(self, random: Tensor, patch: int) -> tuple[Tensor, Tensor, Tensor]:
        """The patches that ``(n, NUMBERS)`` random numbers in [0, 1) stand for.

        Returns:
            LR, HR as ``Sampler`` gives them, with three planes, and strengths ``(n,)`` on the CPU.
        """
        ...


class PoolPatches:
    """Patches of a pool, which is refreshed slowly, between batches.

    Args:
        pool: has made ``pool_made(size, step, crop_every)`` crops.
        device: where patches go.
        crop_every: batches between two new crops.
        step: batches drawn before, when a run is resumed.
    """

    def __init__(
        self, pool: DegradationPool, *, device: torch.device, crop_every: int, step: int = 0
    ) -> None:
        self._pool, self._device = pool, device
        self._crop_every, self._step = crop_every, step

    def patches(self, random: Tensor, patch: int) -> tuple[Tensor, Tensor, Tensor]:
        """As ``Degraded`` says; every ``crop_every``-th call makes a crop first."""
        self._step += 1
        if self._step % self._crop_every == 0:
            self._pool.refresh(1)
        numbers = random[:, : degradation_pool.NUMBERS].numpy()
        *pictures, strength = self._pool.patches(numbers, patch)
        lr, hr = (
            torch.from_numpy(each).to(self._device).permute(0, 3, 1, 2).float().mul_(1 / 255)
            for each in pictures
        )
        return lr, hr, torch.from_numpy(strength)


def pool_made(size: int, step: int, crop_every: int) -> int:
    """Crops that a pool has made after ``step`` batches: all the state that it has."""
    return size + step // crop_every


class MixedSampler:
    """Clean and degraded patches in fixed shares, with their strength as a fourth plane.

    The strength that the network is told is a little wrong, since in use it is estimated:
    ``clip(strength + jitter * N(0, 1), 0, 1)``. So half of the clean patches have exactly 0.

    Args:
        clean: gives patches of strength 0.
        degraded: gives the others.
        clean_share: of a batch, rounded to whole patches.
        jitter: standard deviation of the error of the strength.
    """

    def __init__(
        self, clean: PatchSampler, degraded: Degraded, *, clean_share: float, jitter: float
    ) -> None:
        self._clean, self._degraded = clean, degraded
        self._clean_share, self._jitter = clean_share, jitter

    def batch(
        self, count: int, patch: int, generator: torch.Generator, share: Share = lambda rows: rows
    ) -> tuple[Tensor, Tensor]:
        """As ``Sampler`` says: clean patches first, and LR has four planes."""
        random = share(uniform(count, NUMBERS, generator))
        errors = share(self._jitter * torch.randn(count, generator=generator))
        is_clean = share(torch.arange(count)) < round(self._clean_share * count)
        lr, hr = self._clean.patches(random[is_clean], patch)
        lr_degraded, hr_degraded, strength = self._degraded.patches(random[~is_clean], patch)
        strengths = torch.cat([torch.zeros(len(lr)), strength])
        told = (strengths + torch.cat([errors[is_clean], errors[~is_clean]])).clamp_(0, 1)
        lr = torch.cat([lr, lr_degraded])
        plane = told.to(lr.device)[:, None, None, None].expand(-1, 1, patch, patch)
        return _channels_last(lr, plane, dim=1), _channels_last(hr, hr_degraded, dim=0)


def _channels_last(*parts: Tensor, dim: int) -> Tensor:
    return torch.cat(parts, dim=dim).contiguous(memory_format=torch.channels_last)


def build_sampler(
    config: TrainConfig, photos: Photos, device: torch.device, *, step: int = 0
) -> Sampler:
    """What the configuration and the data ask for.

    A person's pairs stand in for the clean patches of a run without degradations, and for the
    degraded ones of a run with them.

    Args:
        config: the run.
        photos: to train on.
        device: where batches go.
        step: steps done, when the run is resumed: the sampler goes on as if never stopped.

    Raises:
        UserError: an unknown preset, or photos too small for its crops.
    """
    drop = config.drop_flattest
    clean: PairSampler | PatchSampler
    if photos.paired and config.degradations is None:
        clean = PairSampler(photos.train, scale=config.scale, device=device, drop_flattest=drop)
    else:
        clean = PatchSampler(
            photos.train,
            scale=config.scale,
            device=device,
            drop_flattest=drop,
            recoloured=config.recoloured,
        )
    for phase in config.patches:
        clean.cells(phase.patch)  # now, not hours later
    if not isinstance(clean, PatchSampler) or config.degradations is None:
        return clean
    degraded: Degraded
    if photos.paired:
        degraded = PairSampler(photos.train, scale=config.scale, device=device, drop_flattest=drop)
    else:
        pool = DegradationPool(
            [pair.hr for pair in photos.train],
            scale=config.scale,
            crop=max(phase.patch for phase in config.patches),
            size=config.pool,
            seed=config.seed,
            preset=preset(config.degradations),
            made=pool_made(config.pool, step, config.crop_every),
            workers=torch.get_num_threads() if device.type == "cuda" else 1,
        )
        degraded = PoolPatches(pool, device=device, crop_every=config.crop_every, step=step)
    return MixedSampler(clean, degraded, clean_share=config.clean_share, jitter=config.jitter)
