"""``acutance export``: from a run folder to a model that ``upscale`` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from acutance.cli.train import need_torch


def export(
    run: Path,
    *,
    name: str | None = None,
    out: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Write a run's averaged weights as safetensors, ONNX and a card.

    Parameters
    ----------
    run
        Run folder of `acutance train`.
    name
        Name of the model; by default SIZE-xSCALE, or photo-, gan-, gan-photo- or NETWORK-xSCALE.
    out
        Folder for the files; RUN/export by default.
    overwrite
        Replace existing files.
    """
    need_torch()
    import logging

    from acutance.inference.export import export as write
    from acutance.training.run_folder import load_run

    # PyTorch, now that it is there, would warn of torchvision's operators, which none of ours uses.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    network, card = load_run(run)
    if name:
        card = dataclasses.replace(card, name=name)
    path = write(network, card, out or run / "export", overwrite=overwrite)
    print(f"{path}: `acutance upscale PHOTO --model {path}` uses it")
