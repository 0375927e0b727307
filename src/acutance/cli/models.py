"""``acutance models``: what is there."""

import dataclasses
import json
from typing import Annotated

from cyclopts import Parameter

from acutance.models.card import Card


def models(*, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> None:
    """List the shipped models: scale, kind, size, measured quality and hash of the weights.

    Under "adjust" is what `upscale` can set: --denoise, and --detail where there is a GAN model.

    Parameters
    ----------
    as_json
        Print the whole cards as JSON.
    """
    from rich.console import Console
    from rich.table import Table

    from acutance.inference.models import shipped

    cards = shipped()
    if as_json:
        print(json.dumps({k: dataclasses.asdict(c) for k, c in cards.items()}, indent=2))
        return
    table = Table(box=None)
    for column in ("model", "scale", "kind", "parameters", "MAC/LR px", "PSNR", "SSIM", "HFENI"):
        table.add_column(column, justify="left" if column in ("model", "kind") else "right")
    table.add_column("adjust")
    table.add_column("sha256", no_wrap=True, min_width=12)
    for name, card in cards.items():
        quality = card.metrics.get("poster2017", {}).get("all", {})
        table.add_row(
            name,
            f"x{card.scale}",
            card.kind,
            f"{card.parameters / 1e6:.2f} M",
            f"{card.macs_per_lr_pixel / 1e6:.2f} M",
            *(
                f"{quality[key]:.{digits}f}" if key in quality else ""
                for key, digits in (("psnr", 2), ("ssim", 4), ("hfeni", 4))
            ),
            ", ".join(adjustable(card, cards)),
            card.files["safetensors"].sha256[:12],
        )
    console = Console(width=max(120, Console().width))  # a wrapped line beats a cut figure
    console.print(table, soft_wrap=True)
    console.print("Quality: mean of Set5, Set14 and BSDS100 by poster2017.")


def adjustable(card: Card, cards: dict[str, Card]) -> list[str]:
    """The settings that a model listens to."""
    mixed = any(other.detail_of == card.name for other in cards.values())
    return ["denoise"] * card.takes_strength + ["detail"] * mixed
