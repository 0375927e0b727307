"""Measured figures into a model's card, so that ``acutance models`` and the docs can quote them."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from acutance.evaluation.table import Line
from acutance.image.files import atomic
from acutance.models.card import read_card, write_card


def record(card_path: Path, lines: Sequence[Line], *, key: str) -> None:
    """Put figures into the card, ``metrics[key][set]``; other sets and figures there stay.

    Args:
        card_path: the model's card.
        lines: the model's own lines, one a set and one over all.
        key: how they were measured: the protocol's name, and what else was set.

    Raises:
        UserError: the card cannot be written.
    """
    card = read_card(card_path)
    figures = {
        line.set_name: {
            "images": line.images,
            "psnr": _rounded(line.psnr),
            "ssim": _rounded(line.ssim, 5),
            "hfeni": _rounded(line.hfeni),
            "pooled_hfeni": _rounded(line.pooled_hfeni),
            "median_hfeni": _rounded(line.median_hfeni),
            **{key: _rounded(value) for key, value in line.perceptual.items()},
        }
        for line in lines
    }
    known = card.metrics.get(key, {})
    merged = {name: {**known.get(name, {}), **own} for name, own in figures.items()}
    metrics = {**card.metrics, key: {**known, **merged}}
    with atomic(card_path, overwrite=True) as partial:
        write_card(partial, dataclasses.replace(card, metrics=metrics))


def _rounded(value: float | None, digits: int = 4) -> float | None:
    """None for what is not known or is no number, which JSON cannot hold."""
    return None if value is None or not math.isfinite(value) else round(value, digits)
