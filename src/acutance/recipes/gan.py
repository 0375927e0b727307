"""Recipes for the GAN stage: crisp pictures, from the PSNR-oriented models. See docs/gan.md."""

from acutance.training.config import LossPhase, PatchPhase, TrainConfig
from acutance.training.gan.config import GanConfig

GAME = GanConfig(
    adversarial=0.9,
    bands=True,
    discriminator_rate=1e-3,
    perceptual_weight=0.7,
    perceptual_zoom=0.3,
    consistency=0.5,
    checkerboard=0.05,
)
"""A discriminator of high-frequency bands that learns fast, and a generator that learns slowly.

Zoom and checkerboard came last: gan-photo-x2 alone had them from its beginning.
"""

RATE, BETAS = 6e-5, (0.5, 0.99)
"""Of the generator; less momentum for both than in the pixel stage."""


def gan_x4() -> TrainConfig:
    """The base generator at x4, trained against a discriminator of high-frequency bands.

    The discriminator learns fast, the generator slowly: else the generator stays ahead, and its
    average stays smooth (docs/gan.md has what was tried). That is how details are found; after ten
    minutes ``gan.adversarial=0.1 gan.perceptual_weight=2.0 learning_rate=2e-4`` gained in PSNR and
    LPIPS both. Whether that would do from the start was not run.
    Hardware: one core of an Intel Xeon in fp32. Time: 60 minutes; the shipped model had 95 with
    ``winograd``, and after the first 11 less of the game and more of LPIPS (docs/gan.md has the
    commands).
    Command: ``acutance train gan-x4 --from base-x4 --data DIR --out RUN --set gan.backbones=DIR``
    """
    return TrainConfig(
        recipe="gan-x4",
        size="base",
        scale=4,
        start="base-x4",
        steps=None,
        max_minutes=60,
        anneal=0.4,
        learning_rate=RATE,
        betas=BETAS,
        copies=(0.7,),
        losses=(LossPhase(until=1.0, content="l1"),),
        patches=(PatchPhase(until=1.0, patch=32, batch=8),),
        validations=20,
        gan=GAME,
    )
