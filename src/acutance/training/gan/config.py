"""What the GAN stage is, besides what every run is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from acutance.errors import UserError

SMALLEST_CROP = 35
"""Pixels that AlexNet needs."""

MOST_ZOOM = 0.5

HALVED = 8
"""The U-Net needs multiples of this, HR pixels."""

SMALLEST_REDUCED = 5
"""LR pixels: of less, nothing is left without the edges that the reduction reaches past."""


@dataclass(frozen=True, kw_only=True)
class GanConfig:
    """The discriminator, the weights of the loss, the guards and the choice of the checkpoint."""

    discriminator: Literal["patch", "unet"] = "patch"
    """``patch`` for a CPU, ``unet`` for a GPU."""
    channels: int = 32
    """Features of the discriminator's first convolution."""
    bands: bool = False
    """Show the discriminator high-frequency bands only: colours stay out of the game."""
    discriminator_rate: float = 2e-4
    """Peak learning rate of the discriminator; the schedule is the generator's."""
    adversarial: float = 5e-3
    """Weight of ``-ln D(G(x))``: the lambda of the total loss."""
    ramp: float = 0.05
    """Share of the run in which that weight grows from 0, while the discriminator learns."""
    matching: float = 0.0
    """Weight of the difference of the discriminator's features."""
    artefacts: float = 0.0
    """Weight of LDL's loss of artefacts; costs a forward pass of the averaged generator."""
    consistency: float = 1.0
    """Weight of the difference of the reduced output and the input."""
    checkerboard: float = 0.0
    """Weight of the power that repeats with the LR grid: no dots."""
    r1: float = 0.0
    """Weight of the gradient penalty R1 on the photos, taken every 16th step, 16 times as much."""
    backbones: str | None = None
    """Folder with ``alexnet.safetensors`` or ``vgg16.safetensors``; also for measuring LPIPS."""
    perceptual: Literal["alexnet", "vgg16"] = "alexnet"
    """The network of the perceptual loss; with alexnet, LPIPS (AlexNet) judges its own loss."""
    perceptual_weight: float = 0.0
    """Weight of the perceptual loss; without ``backbones`` there is none."""
    perceptual_crop: int = 124
    """HR pixels on a side of the part of each patch that the perceptual loss sees."""
    perceptual_zoom: float = 0.0
    """How much larger or smaller than it is that part may be shown, at random: 0.3 is 0.7 to 1.3
    times. What repeats with the network's strides then stays hidden from it no more."""
    most_lost: float = 1.7
    """Luma PSNR in dB, on held-out photos, that a checkpoint which ships may lose to the start."""
    least_lr_psnr: float = 45.0
    """Held-out LR-PSNR in dB below which no checkpoint ships."""
    most_checkerboard: float = 1.0
    """Held-out checkerboard (``acutance.metrics``) above which no checkpoint ships: dots show."""

    @property
    def sees(self) -> bool:
        """Whether there is a perceptual loss."""
        return bool(self.perceptual_weight) and self.backbones is not None

    def __post_init__(self) -> None:
        """Refuse what no run can do; raises UserError."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not 0 <= value < math.inf:
                raise UserError(f"'gan.{field.name}' must not be negative, not {value}")
        if self.ramp > 1:
            raise UserError(f"'gan.ramp' must lie between 0 and 1, not {self.ramp}")
        if self.perceptual_zoom > MOST_ZOOM:
            raise UserError(
                f"'gan.perceptual_zoom' must be at most {MOST_ZOOM}, not {self.perceptual_zoom}"
            )
        if self.channels < 1:
            raise UserError(f"'gan.channels' must be at least 1, not {self.channels}")
        if self.perceptual_crop < SMALLEST_CROP:
            raise UserError(
                f"'gan.perceptual_crop' must be at least {SMALLEST_CROP} pixels, "
                f"not {self.perceptual_crop}"
            )

    def check_patches(self, patches: Sequence[int], scale: int) -> None:
        """Refuse patches, in LR pixels on a side, that a term cannot use; raises UserError."""
        if self.discriminator == "unet" and any(patch * scale % HALVED for patch in patches):
            raise UserError(
                f"gan.discriminator=unet halves its input three times: patch * {scale} must be a "
                f"multiple of {HALVED}, not {[patch * scale for patch in patches]}"
            )
        if self.consistency and min(patches) < SMALLEST_REDUCED:
            raise UserError(
                f"gan.consistency needs patches of at least {SMALLEST_REDUCED} LR pixels, not "
                f"{min(patches)}"
            )
