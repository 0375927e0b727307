"""Recipes for the PSNR-oriented models that undo bicubic reduction.

Schedule and learning rate are explained in docs/training.md and what was measured is in
docs/benchmarks/log.md. Budgets are for CPUs without bf16, where a core trains about 40 thousand LR
pixels a second. On a GPU the same recipes take ``--set precision=bf16 --set compile=true`` and
larger batches.
"""

from acutance.training.config import LossPhase, PatchPhase, TrainConfig


def _losses(alpha: float) -> tuple[LossPhase, ...]:
    """L1 while the network finds its features, then what is measured: MSE and HFENN."""
    return (
        LossPhase(until=0.78, content="l1"),
        LossPhase(until=1.00, content="mse", alpha=alpha),
    )


def base_x4() -> TrainConfig:
    """The base generator at x4.

    Hardware: one core at 110 GFLOP/s (fp32). Time: 130 minutes; measured after 225: 27.61 dB, the
    mean of Set5, Set14 and BSDS100 by ``poster2017``.
    Command: ``acutance train base-x4 --data DIR --out RUN``
    """
    return TrainConfig(
        recipe="base-x4", size="base", scale=4, steps=None, max_minutes=130, losses=_losses(1e-3)
    )


def base_x8() -> TrainConfig:
    """The base generator at x8.

    LR patches are smaller than at x4: 24 LR pixels are already 192 of the photo, and most photos
    have no more than 40 x 60.
    Hardware: one core at 110 GFLOP/s (fp32). Time: 90 minutes; measured: 24.68 dB, mean of the
    three sets by ``poster2017``.
    Command: ``acutance train base-x8 --data DIR --out RUN``
    """
    return TrainConfig(
        recipe="base-x8",
        size="base",
        scale=8,
        steps=None,
        max_minutes=90,
        losses=_losses(2e-3),
        patches=(
            PatchPhase(until=0.60, patch=24, batch=16),
            PatchPhase(until=0.85, patch=32, batch=12),
            PatchPhase(until=1.00, patch=40, batch=12),
        ),
    )


def base_x2() -> TrainConfig:
    """The base generator at x2, from the shipped x4 model's trunk.

    Hardware: one core at 110 GFLOP/s (fp32). Time: 30 minutes.
    Command: ``acutance train base-x2 --from base-x4 --data DIR --out RUN``
    """
    return TrainConfig(
        recipe="base-x2",
        size="base",
        scale=2,
        start="base-x4",
        steps=None,
        max_minutes=30,
        losses=_losses(1e-3),
    )
