"""The measuring protocols, stated once. docs/protocol.md explains where they come from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.image.colour import bt601_studio_luma
from acutance.image.filters import SSIM_SIZE
from acutance.metrics.hfeni import hfenn
from acutance.metrics.psnr import psnr
from acutance.metrics.ssim import ssim


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What two tables must share before their numbers can be compared.

    Common to both: BT.601 studio luma of 8-bit RGB, not rounded; outputs rounded to 8 bits; gray
    pictures counted as RGB; the LoG of HFENI applied after the cut.
    """

    name: str
    round_lr: bool
    """Whether the low-resolution input is rounded to 8 bits."""
    border: int | None
    """Pixels cut from each edge before measuring; None cuts ``scale`` pixels."""
    ssim_region: Literal["whole", "valid"]
    """Part of the SSIM map that is averaged."""
    summary: str
    """One line for the foot of a table."""

    def cut(self, scale: int) -> int:
        """Pixels cut from each edge at this scale."""
        return scale if self.border is None else self.border


PROTOCOLS = {
    p.name: p
    for p in (
        Protocol(
            name="poster2017",
            round_lr=False,
            border=4,
            ssim_region="whole",
            summary="poster2017: LR not rounded, 4 pixels cut, SSIM over the whole map",
        ),
        Protocol(
            name="standard",
            round_lr=True,
            border=None,
            ssim_region="valid",
            summary="standard: LR rounded to 8 bits, scale pixels cut, SSIM where its window fits",
        ),
    )
}


def protocol(name: str) -> Protocol:
    """A protocol by name; raises UserError for an unknown one."""
    if name not in PROTOCOLS:
        raise UserError(f"unknown protocol '{name}': choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One picture's figures."""

    psnr: float
    """dB; higher is better."""
    ssim: float
    """At most 1."""
    hfenn: float
    """Lower is better; HFENI is its inverse."""

    @property
    def hfeni(self) -> float:
        """Higher is better."""
        return float("inf") if self.hfenn == 0 else 1 / self.hfenn


def measure(
    sr: NDArray[np.floating], hr: NDArray[np.uint8], *, scale: int, protocol: Protocol
) -> Score:
    """Compare an upscaled picture with the ground truth.

    Args:
        sr: ``(H, W, 3)`` floats in [0, 1]; clipped and rounded to 8 bits here.
        hr: ``(H, W, 3)`` 8-bit RGB.
        scale: upscaling factor.
        protocol: one of ``PROTOCOLS``.

    Raises:
        UserError: sizes differ, or nothing is left after the cut.
    """
    if sr.shape != hr.shape:
        raise UserError(
            f"the output is {sr.shape[1]} x {sr.shape[0]}, not {hr.shape[1]} x {hr.shape[0]}"
        )
    cut = protocol.cut(scale)
    if min(hr.shape[:2]) - 2 * cut < SSIM_SIZE:
        raise UserError(
            f"a picture of {hr.shape[1]} x {hr.shape[0]} is too small to measure: "
            f"at least {SSIM_SIZE + 2 * cut} pixels a side"
        )
    inner = (slice(cut, hr.shape[0] - cut), slice(cut, hr.shape[1] - cut))
    rounded = np.rint(sr[inner].astype(np.float64).clip(0, 1) * 255) / 255
    sr_luma = bt601_studio_luma(rounded)
    hr_luma = bt601_studio_luma(hr[inner].astype(np.float64) / 255)
    return Score(
        psnr=psnr(sr_luma, hr_luma),
        ssim=ssim(sr_luma, hr_luma, region=protocol.ssim_region),
        hfenn=hfenn(sr_luma, hr_luma),
    )
