"""``acutance train``: a named recipe on a folder or tar file of photos."""

import dataclasses
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from acutance.errors import UsageError, UserError

FIXED = (
    "recipe",
    "network",
    "size",
    "scale",
    "consistent",
    "equivariant",
    "slope",
    "degradations",
    "start",
)
"""What decides the network, its input and where it came from: no matter of a resumed run."""


def need_torch() -> None:
    """Raise UserError, saying how to get it, where PyTorch is missing."""
    if find_spec("torch") is None or find_spec("safetensors") is None:
        raise UserError("this needs PyTorch: pip install 'acutance[train]'")


def train(
    recipe: str | None = None,
    *,
    data: Path,
    out: Path,
    resume: Annotated[bool, Parameter(negative=())] = False,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    max_minutes: float | None = None,
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    device: str = "auto",
    threads: int | None = None,
) -> None:
    """Train a model on your own photos.

    Parameters
    ----------
    recipe
        Name of the recipe, for example base-x4; not needed with --resume.
    data
        Folder of photos (searched deep, tar files included), one tar file of them, or a folder of
        your own LR/HR pairs in lr and hr.
    out
        Run folder; it is made if missing.
    resume
        Go on from the last checkpoint in the run folder.
    start
        Start from these weights: a run folder or a model.
    max_minutes
        Fit the whole schedule, annealing included, into this many minutes of training.
    settings
        Change a setting of the recipe: key=value, as often as needed.
    device
        auto, cpu, cuda or mps.
    threads
        CPU threads; all by default.
    """
    need_torch()
    from acutance.recipes.catalogue import command
    from acutance.recipes.catalogue import recipe as recipe_by_name
    from acutance.training.loop import Stopped
    from acutance.training.run_folder import read_config
    from acutance.training.train import train as run_training

    pairs = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise UsageError(f"--set takes key=value, not '{setting}'")
        pairs[key] = value
    if max_minutes is not None:
        pairs["max_minutes"] = str(max_minutes)
    elif "steps" in pairs and "max_minutes" not in pairs:
        pairs["max_minutes"] = "null"  # which would win
    if start is not None:
        if resume:
            raise UserError("--from starts a new run: leave out --resume, or --from")
        pairs["start"] = json.dumps(start)
    if resume:
        stored = read_config(out)
        config = stored.override(pairs)
        if recipe is not None and recipe != stored.recipe:
            raise UserError(f"{out} is a run of '{stored.recipe}', not of '{recipe}'")
        changed = [k for k, v in dataclasses.asdict(config).items() if v != getattr(stored, k)]
        if fixed := [key for key in changed if key in FIXED]:
            raise UserError(f"{', '.join(fixed)} cannot change in a resumed run: start a new one")
    elif recipe is None:
        raise UsageError("name a recipe, for example base-x4, or give --resume")
    else:
        config = recipe_by_name(recipe).override(pairs)
    try:
        run_training(
            config,
            data=data,
            run=out,
            resume=resume,
            device=device,
            threads=threads,
            command=command(config),
            report=lambda line: print(line, flush=True),
        )
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(130)
    if os.environ.get("RANK", "0") == "0":  # of torchrun's processes, the first speaks
        print(f"done: {out}; `acutance export {out}` makes a model of it")
