"""Recipes for the GAN stage: crisp pictures, from the PSNR-oriented models. See docs/gan.md."""

from acutance.training.config import LossPhase, PatchPhase, TrainConfig
from acutance.training.gan.config import GanConfig


def gan_x4() -> TrainConfig:
    """The base generator at x4, trained against a discriminator.

    Hardware: one core of an AMD EPYC (Zen 4). Time: 60 minutes.
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
        learning_rate=2e-4,
        copies=(0.7,),
        losses=(LossPhase(until=1.0, content="l1"),),
        patches=(PatchPhase(until=1.0, patch=32, batch=8),),
        validations=20,
        gan=GanConfig(adversarial=0.05, discriminator_rate=4e-4, perceptual_weight=0.5),
    )
