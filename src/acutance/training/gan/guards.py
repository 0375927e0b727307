"""Alarms of the GAN stage: each says what goes wrong and which setting mends it.

Pure functions of averaged figures; ``Alarms`` says each once, until it has passed.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from acutance.training.gan.frontier import Floors, Point

SATURATED = 0.95
"""Difference of the mean D of photos and of outputs from which the game is over."""

DRIFT = 1.5
"""Mean difference of a colour of output and input, in 8-bit steps, that the eye may see."""

FALL = 6.0
"""LR-PSNR in dB that a run may lose to its start: then what disagrees with the input is doubled."""

Alarm = dict[str, str]
"""What is wrong, by its kind."""


def of_steps(terms: Mapping[str, float]) -> Alarm:
    """Of the averages of some steps: ``left_out``, ``d_real`` and ``d_fake`` in [0, 1]."""
    found: Alarm = {}
    if terms["left_out"] > 0:
        found["left_out"] = (
            f"{terms['left_out']:.1%} of the last steps were left out: their gradients are not "
            "finite; lower learning_rate or gan.discriminator_rate"
        )
    if terms["d_real"] - terms["d_fake"] > SATURATED:
        found["saturated"] = (
            f"the discriminator is saturated: D is {terms['d_real']:.3f} on photos and "
            f"{terms['d_fake']:.3f} on outputs, so it teaches nothing; lower "
            "gan.discriminator_rate or raise gan.r1"
        )
    return found


def of_validation(point: Point, floors: Floors, start: Point) -> Alarm:
    """Of a validation: colours, patterns, PSNR and LR-PSNR, this one against the start's too."""
    found: Alarm = {}
    if point["drift"] > DRIFT:
        found["drift"] = (
            f"colours drift: {point['drift']:.1f} of 255 steps from the input; raise "
            "gan.consistency, or start anew with gan.bands=true"
        )
    if point.get("checkerboard", 0.0) > floors.checkerboard:
        found["checkerboard"] = (
            f"checkerboard is {point['checkerboard']:.2f}: the outputs have dots of the LR grid's "
            "period; raise gan.checkerboard"
        )
    if point["lr_psnr"] < floors.lr_psnr:
        found["lr_psnr"] = (
            f"LR-PSNR is {point['lr_psnr']:.2f} dB, below its floor of {floors.lr_psnr:.2f}: the "
            "outputs contradict their inputs; raise gan.consistency"
        )
    elif point["lr_psnr"] < start["lr_psnr"] - FALL:
        found["lr_psnr"] = (
            f"LR-PSNR falls: {point['lr_psnr']:.2f} dB, where the start had "
            f"{start['lr_psnr']:.2f}; raise gan.consistency if the inputs are clean"
        )
    if point["psnr"] < floors.psnr:
        found["psnr"] = (
            f"PSNR is {point['psnr']:.2f} dB, below its floor of {floors.psnr:.2f}; lower "
            "gan.adversarial or gan.perceptual_weight, or allow more with gan.most_lost"
        )
    return found


def colour_drift(sr: NDArray[np.uint8], lr: NDArray[np.uint8]) -> float:
    """Largest difference of the mean R, G or B of output and input, in 8-bit steps."""
    axes = (0, 1)
    return float(np.abs(sr.mean(axes, dtype=np.float64) - lr.mean(axes, dtype=np.float64)).max())


class Alarms:
    """Says an alarm when it begins, and again only after it had passed."""

    def __init__(self) -> None:
        self._ringing: set[str] = set()

    def new(self, found: Alarm, kinds: tuple[str, ...]) -> list[str]:
        """Of ``kinds``, which were looked at, the alarms that did not ring before."""
        fresh = [text for kind, text in found.items() if kind not in self._ringing]
        self._ringing = (self._ringing - set(kinds)) | set(found)
        return fresh
