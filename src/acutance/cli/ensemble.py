"""``acutance ensemble``: several models into one that averages their pictures."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from acutance.cli.train import need_torch


def ensemble(
    *members: str,
    out: Path,
    name: str | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make one model of several that averages their pictures, at the cost of all of them.

    Models that were trained apart err in part differently, and that part averages out.

    Parameters
    ----------
    members
        Names of shipped models, or paths of models' cards: two or more generators for clean
        pictures, of one kind and scale.
    out
        Folder for the files; it is made if missing.
    name
        Name of the model; ensemble-xSCALE by default.
    overwrite
        Replace existing files.
    """
    need_torch()
    import logging

    from acutance.inference.combine import export_ensemble
    from acutance.inference.models import find_card

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    cards = [find_card(member) for member in members]
    path = export_ensemble(cards, out, name=name, overwrite=overwrite)
    print(f"{path}: `acutance upscale PHOTO --model {path}` uses it")
