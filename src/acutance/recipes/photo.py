"""Recipes for real photos: a little blurred, noisy and compressed.

photo-x4 starts from the model that undoes bicubic reduction, the others from it. Three patches in
ten stay clean, so that at strength 0 the model still does what it started as; the others are
degraded as docs/data.md says, a quarter of them harshly, and a fourth plane of the input tells the
network how strongly. docs/photos.md explains the choices.
"""

import dataclasses

from acutance.recipes import gan
from acutance.recipes.bicubic import COPIES
from acutance.training.config import LossPhase, PatchPhase, TrainConfig

GAN = dataclasses.replace(gan.GAME, consistency=0.0, least_lr_psnr=0.0)
"""As for ``gan-x4``, but that the output, made small again, need not be its degraded input."""

LOSSES = (LossPhase(until=1.0, content="mse", alpha=1e-3, beta=0.03, log=True),)
"""What the models that they start from ended with: their features are found already."""


def photo_x4() -> TrainConfig:
    """The base generator for photos at x4, from the shipped bicubic model.

    Hardware: one core of an Intel Xeon in fp32. Time: 75 minutes; the shipped model had 10,500
    steps in 48 with ``winograd``, a stage of 38 and one of 66, of which the last one alone saw
    harsh pictures: 27.62 dB on clean pictures at strength 0, where base-x4 has 27.77, mean of the
    three sets by ``poster2017``; degraded ones: docs/photos.md.
    Command: ``acutance train photo-x4 --from base-x4 --data DIR --out RUN``
    """
    return TrainConfig(
        recipe="photo-x4",
        size="base",
        scale=4,
        start="base-x4",
        steps=None,
        max_minutes=75,
        optimiser="muon",
        learning_rate=1e-3,
        anneal=0.95,
        copies=COPIES,
        losses=LOSSES,
        degradations="mixed",
        patches=(
            PatchPhase(until=0.60, patch=32, batch=16),
            PatchPhase(until=1.00, patch=48, batch=8),
        ),
    )


def photo_x2() -> TrainConfig:
    """The base generator for photos at x2, from the shipped photo model at x4.

    Hardware: one core of an AMD EPYC (AVX2) in fp32. Time: 48 minutes with ``winograd``. The
    shipped model had 48 by ``degradations=degraded``, and 48 more as the recipe is: 32.30 dB
    on clean pictures at strength 0, where base-x2 has 32.44; degraded ones: docs/photos.md.
    Command: ``acutance train photo-x2 --from photo-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(
        photo_x4(), recipe="photo-x2", scale=2, start="photo-x4", max_minutes=48, anneal=0.9
    )


def photo_x3() -> TrainConfig:
    """The base generator for photos at x3, from the shipped photo model at x4.

    Hardware: one core of an AMD EPYC (AVX2) in fp32. Time: 15 minutes with ``winograd``; the
    shipped model had 14 by ``degradations=degraded``, and 30 more as the recipe is, with a
    ``learning_rate`` of 8e-4: docs/photos.md has the figures.
    Command: ``acutance train photo-x3 --from photo-x4 --data DIR --out RUN``
    """
    return dataclasses.replace(
        photo_x4(), recipe="photo-x3", scale=3, start="photo-x4", max_minutes=15
    )


def photo_x8() -> TrainConfig:
    """The lean generator for photos at x8, from the shipped photo model at x4.

    base would cost four times as much there, and was not tried. Degraded
    patches come from photos of at least 448 pixels on the shorter side: a crop of 32 LR pixels and
    what is cut off around it.
    Hardware: one core of an AMD EPYC (AVX2) in fp32. Time: 25 minutes with ``winograd``. The
    shipped model had them by ``degradations=degraded``, and 22 more as the recipe is, with a
    ``learning_rate`` of 8e-4: 24.70 dB on clean pictures at strength 0, 0.60 dB more than base-x8
    on degraded BSDS100.
    Command: ``acutance train photo-x8 --from photo-x4 --data DIR --out RUN``, and
    ``acutance export RUN --name photo-x8``
    """
    return dataclasses.replace(
        photo_x4(),
        recipe="photo-x8",
        size="lean",
        scale=8,
        start="photo-x4",
        max_minutes=25,
        patches=(
            PatchPhase(until=0.50, patch=24, batch=16),
            PatchPhase(until=1.00, patch=32, batch=12),
        ),
    )


def gan_photo_x4() -> TrainConfig:
    """The photo model at x4, trained further against a discriminator; see docs/gan.md.

    Hardware: one core of an AMD EPYC (AVX2) in fp32. Time: 42 minutes with ``winograd``; the
    shipped model had 34 more, from then on with harsh pictures, and 86 with ``gan.artefacts`` at 30
    and 50, and is seven tenths of the way to its weights; docs/photos.md has the figures.
    Command:
    ``acutance train gan-photo-x4 --from photo-x4 --data DIR --out RUN --set gan.backbones=DIR``
    """
    return dataclasses.replace(
        photo_x4(),
        recipe="gan-photo-x4",
        start="photo-x4",
        max_minutes=42,
        optimiser="adamw",
        anneal=gan.ANNEAL,
        learning_rate=gan.RATE,
        betas=gan.BETAS,
        losses=(LossPhase(until=1.0, content="l1"),),
        patches=(PatchPhase(until=1.0, patch=32, batch=8),),
        validations=20,
        gan=GAN,
    )


def gan_photo_x2() -> TrainConfig:
    """The photo model at x2, trained further against a discriminator.

    Hardware: one core of an AMD EPYC (AVX2) in fp32. Time: 16 minutes with ``winograd``, of which
    the weights of minute 11 were chosen: LPIPS .143 on held-out photos, .221 before. The shipped
    model had 15 more, on harsh pictures too, and is nine tenths of the way to its weights.
    Command:
    ``acutance train gan-photo-x2 --from photo-x2 --data DIR --out RUN --set gan.backbones=DIR``
    """
    return dataclasses.replace(
        gan_photo_x4(), recipe="gan-photo-x2", scale=2, start="photo-x2", max_minutes=16
    )
