"""Recipes for the PSNR-oriented models that undo bicubic reduction.

Schedule and losses are explained in docs/training.md and what was measured is in
docs/benchmarks/log.md. Budgets are for one core that multiplies bf16, where base trains about 60
thousand LR pixels a second at x4. On a GPU the same recipes take ``--set compile=true`` and larger
batches.
"""

import dataclasses

from acutance.training.config import LossPhase, PatchPhase, TrainConfig

LOSSES = (
    LossPhase(until=0.5, content="l1"),
    LossPhase(until=1.0, content="mse", alpha=1e-3, beta=0.03, log=True),
)
"""L1 while the network finds its features; then what is measured, every patch alike."""

LAST = LOSSES[1:]
"""The second half alone, where the features are found already."""

COPIES = (0.8, 0.6)
"""Reduced copies of every photo: as much again of other content."""


def base_x4() -> TrainConfig:
    """The base generator at x4.

    Muon learns faster than AdamW, and equivariant weights, the default from nothing, faster than
    free ones (docs/benchmarks/log.md).
    Hardware: one core of an Intel Xeon in fp32. Time: 95 minutes; measured: 27.71 dB,
    SSIM .7476, the mean of Set5, Set14 and BSDS100 by ``poster2017``. The shipped model went on
    for 20,000 steps, 118 minutes of which 72 with ``winograd``, for 25 minutes with less SSIM in
    the loss, and for 110 with warped copies: 27.77 dB, SSIM .7471, HFENI 2.412 (its card).
    Command: ``acutance train base-x4 --data DIR --out RUN``
    """
    return TrainConfig(
        recipe="base-x4",
        size="base",
        scale=4,
        steps=None,
        max_minutes=95,
        optimiser="muon",
        learning_rate=2e-3,
        anneal=0.75,
        copies=COPIES,
        losses=LOSSES,
    )


def base_x8() -> TrainConfig:
    """The base generator at x8, from the shipped x4 model's trunk.

    LR patches are smaller than at x4: 24 LR pixels are already 192 of the photo, and most photos
    have no more than 40 x 60.
    Wider and deeper than at x4. Time: 170 minutes of one core with ``winograd``. Not yet run so
    in one piece: the shipped model had 280 minutes in three stages and 77 more with an ensemble
    as teacher, all of ten blocks, twice 122 with five more, and 346 with warped copies, which its
    card tells: 24.91 dB, SSIM .6117, mean of the three sets by ``poster2017``.
    Command: ``acutance train base-x8 --from base-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(
        base_x4(),
        recipe="base-x8",
        scale=8,
        start="base-x4",
        max_minutes=170,
        patches=(
            PatchPhase(until=0.40, patch=24, batch=16),
            PatchPhase(until=0.80, patch=32, batch=12),
            PatchPhase(until=1.00, patch=40, batch=12),
        ),
        warps=4,
        recoloured=0.25,
    )


def base_x2() -> TrainConfig:
    """The base generator at x2, from the shipped x4 model's trunk.

    Hardware: one core of an Intel Xeon in fp32. Time: 24 minutes; the shipped model had 20 with
    ``winograd``: 32.44 dB, SSIM .9040, mean of the three sets by ``poster2017``.
    Command: ``acutance train base-x2 --from base-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(
        base_x4(),
        recipe="base-x2",
        scale=2,
        start="base-x4",
        max_minutes=24,
        learning_rate=1e-3,
        patches=(
            PatchPhase(until=0.60, patch=32, batch=16),
            PatchPhase(until=1.00, patch=48, batch=8),
        ),
    )


def base_x3() -> TrainConfig:
    """The base generator at x3, from the shipped x4 model's trunk.

    Time: 24 minutes of one core; the shipped model had 20 with ``winograd``: 29.32 dB, SSIM .8150,
    mean of the three sets by ``poster2017``.
    Command: ``acutance train base-x3 --from base-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(base_x2(), recipe="base-x3", scale=3)


def lean_x4() -> TrainConfig:
    """Half of base's multiply-adds at x4: narrower, one block fewer.

    Time: 56 minutes of one core. Not yet run so: what ships as lean-x4 is base-x4 as it was before
    it was equivariant, of the same cost, with 325 minutes: 27.64 dB, SSIM .7454, mean of the three
    sets by ``poster2017``.
    Command: ``acutance train lean-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(base_x4(), recipe="lean-x4", size="lean", max_minutes=56)


def tiny_x4() -> TrainConfig:
    """The tiny generator at x4, for speed: a seventh of base's multiply-adds.

    Free and leaky: equivariant weights had less after twenty minutes (docs/benchmarks/log.md).
    Hardware: one core of an Intel Xeon in fp32. Time: 20 minutes; measured: 27.47 dB, SSIM .7401.
    The shipped model went on, for 20 minutes with base-x4 as teacher and for 24 without, and is
    the mean of both: 27.51 dB, SSIM .7400, mean of the three sets by ``poster2017``.
    Command: ``acutance train tiny-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(
        base_x4(),
        recipe="tiny-x4",
        size="tiny",
        max_minutes=20,
        equivariant=False,
        slope=0.1,
    )


def tiny_x2() -> TrainConfig:
    """The tiny generator at x2, from the shipped tiny x4 model's trunk.

    Hardware: one core of an Intel Xeon in fp32. Time: 6 minutes; measured: 32.16 dB,
    SSIM .9007, mean of the three sets by ``poster2017``. What ships had six
    more, with base-x2 as teacher: 32.18 dB.
    Command: ``acutance train tiny-x2 --from tiny-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(
        tiny_x4(),
        recipe="tiny-x2",
        scale=2,
        start="tiny-x4",
        max_minutes=6,
        patches=base_x2().patches,
        losses=LAST,
        learning_rate=1e-3,
    )


def tiny_x3() -> TrainConfig:
    """The tiny generator at x3, from the shipped tiny x4 model's trunk.

    Hardware: one core of an Intel Xeon in fp32. Time: 6 minutes; measured: 29.05 dB,
    SSIM .8088, mean of the three sets by ``poster2017``. What ships had six
    more, with base-x3 as teacher: 29.06 dB.
    Command: ``acutance train tiny-x3 --from tiny-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(tiny_x2(), recipe="tiny-x3", scale=3)


def tiny_x8() -> TrainConfig:
    """The tiny generator at x8, from the shipped tiny x4 model's trunk.

    Hardware: one core of an Intel Xeon in fp32. Time: 6 minutes; measured: 24.60 dB,
    SSIM .5991, mean of the three sets by ``poster2017``. What ships had six
    more, with base-x8 as teacher: 24.62 dB.
    Command: ``acutance train tiny-x8 --from tiny-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(tiny_x2(), recipe="tiny-x8", scale=8, patches=base_x8().patches)
