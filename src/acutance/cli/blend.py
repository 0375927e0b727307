"""``acutance blend``: two models into one between them."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from acutance.cli.train import need_torch


def blend(
    faithful: str,
    detailed: str,
    *,
    detail: float = 0.5,
    out: Path,
    name: str | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make one model of two by interpolating their weights, as `upscale --detail` does.

    Parameters
    ----------
    faithful
        Name of a shipped model, or path of a model's card.
    detailed
        The same of a model of the same network, such as a GAN model that was trained from it.
    detail
        Share of the detailed model, 0 to 1.
    out
        Folder for the files; it is made if missing.
    name
        Name of the model; FAITHFUL-detail-DETAIL by default.
    overwrite
        Replace existing files.
    """
    need_torch()
    import logging

    from acutance.inference.combine import export_blend
    from acutance.inference.models import find_card

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    path = export_blend(
        find_card(faithful), find_card(detailed), detail, out, name=name, overwrite=overwrite
    )
    print(f"{path}: `acutance upscale PHOTO --model {path}` uses it")
