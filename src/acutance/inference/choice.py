"""Which shipped model suits a picture: one for photos as they are, or one for clean pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.image.decode import PIXEL_LIMIT, open_picture
from acutance.inference.blend import check_detail, detailed_model
from acutance.inference.models import default_model, find_card, shipped
from acutance.inference.source import ArraySource, PictureSource
from acutance.inference.strength import Estimate, check_denoise, estimate

CLEAN = 0.05
"""Strength below which a picture counts as clean: JPEG quality 97."""


@dataclass(frozen=True)
class Choice:
    """A model for a picture."""

    model: str
    """Name of a shipped model."""
    reason: str = ""
    """For the person; empty where they named the model."""
    strength: float | None = None
    """What the picture seems to need, 0 to 1; None when it was not looked at."""


def candidates(scale: int, *, detail: float = 0.0, denoise: float | None = None) -> list[str]:
    """Shipped models for a scale that can do what is asked: the one for clean pictures first.

    Args:
        scale: upscaling factor.
        detail: share of a GAN model, 0 to 1: with more than 0, models that have one.
        denoise: 0 (none) to 1, or None for what a picture needs: with 0, the model for clean
            pictures; with more, the one for photos.

    Raises:
        UserError: there is none.
    """
    check_detail(detail)
    check_denoise(denoise)
    base, photo = default_model(scale, with_detail=detail > 0), f"photo-x{scale}"
    names = [base, photo] if photo in shipped() else [base]
    if denoise:
        names = names[1:]
        if not names:
            raise UserError(f"no model for x{scale} removes noise: leave out --denoise")
    elif denoise == 0:
        names = names[:1]
    if not detail:
        return names
    able = [name for name in names if _has_detail(name)]
    if not able and denoise == 0 and photo in shipped() and _has_detail(photo):
        return [photo]  # at strength 0
    if not able:
        detailed_model(find_card(names[0]))  # says what there is
    return able


def _has_detail(model: str) -> bool:
    try:
        detailed_model(find_card(model))
    except UserError:
        return False
    return True


def _why_alone(name: str, scale: int, denoise: float | None) -> str:
    """Why there was nothing to choose."""
    if f"photo-x{scale}" not in shipped():
        return f"no photo model at x{scale}"
    if denoise is not None and name in candidates(scale, denoise=denoise):
        return "by --denoise"
    return f"the one at x{scale} with --detail"


def choose_model(
    image: NDArray[Any] | str | Path,
    scale: int,
    *,
    detail: float = 0.0,
    denoise: float | None = None,
    pixel_limit: int = PIXEL_LIMIT,
) -> Choice:
    """The shipped model that suits a picture: ``photo-xS`` for a noisy or compressed one.

    Args:
        image: a file's path, or an array as ``Upscaler`` takes it.
        scale: upscaling factor.
        detail: as ``candidates``.
        denoise: as ``candidates``.
        pixel_limit: refuse a file of more pixels.

    Returns:
        The only model there is without a look at the picture.

    Raises:
        UserError: no model, or an unreadable picture.
    """
    names = candidates(scale, detail=detail, denoise=denoise)
    if len(names) == 1:
        return Choice(names[0], _why_alone(names[0], scale, denoise))
    if isinstance(image, (str, Path)):
        picture = open_picture(Path(image), pixel_limit=pixel_limit)
        found: Estimate = estimate(PictureSource(picture))
    else:
        found = estimate(ArraySource(image))
    return Choice(names[found.strength >= CLEAN], str(found), found.strength)
