"""``acutance import-weights``: published weights of other networks as models of ours."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from acutance.cli.train import need_torch
from acutance.errors import UsageError


def import_weights(
    *files: Path,
    network: Literal["vdsr", "lapsrn", "scn"],
    out: Path,
    scale: int | None = None,
    name: str | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make safetensors, ONNX and a card of the weights that a paper's authors published.

    Parameters
    ----------
    files
        The MATLAB file as it was published; docs/baselines.md says where.
    network
        Whose weights they are: vdsr, lapsrn or scn.
    out
        Folder for the files; it is made if missing.
    scale
        Upscaling factor: needed for vdsr (2, 3, 4; one file serves all) and scn (2, 4, 8; x2
        weights, cascaded); a file of lapsrn has its own.
    name
        Name of the model; NETWORK-xSCALE by default.
    overwrite
        Replace existing files.
    """
    need_torch()
    if not files:
        raise UsageError("give the file of published weights, for example LapSRN_x4.mat")
    from acutance.inference.published import import_published

    path, card = import_published(network, files, out, scale=scale, name=name, overwrite=overwrite)
    print(f"{path}: `acutance evaluate --data DIR --scale {card.scale} --model {path}` measures it")
