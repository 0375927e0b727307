"""Weights of an earlier run or model as the start of another, larger ones included."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from acutance.errors import UserError
from acutance.training import run_folder


def start_from(network: nn.Module, start: str, report: Callable[[str], None]) -> None:
    """Copy the weights that fit, widen those that are too narrow, and say which stay fresh.

    Args:
        network: with fresh weights; changed in place.
        start: run folder, model file or name of a shipped model.
        report: takes the line for the user.

    Raises:
        UserError: nothing fits.
    """
    weights = run_folder.load_start(start)
    fresh, wider = [], []
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            old = weights.get(name)
            if old is None or not _holds(parameter, old, rows=not name.startswith("tail.")):
                fresh.append(name)
                continue
            if parameter.shape != old.shape:
                wider.append(name)
            _widen(parameter, old)
    if len(fresh) == len(list(network.parameters())):
        raise UserError(f"nothing in {start} fits this network; start from a model of its size")
    report(
        f"started from {start}"
        + (f"; widened: {', '.join(wider)}" if wider else "")
        + (f"; fresh: {', '.join(fresh)}" if fresh else "")
    )


def _holds(parameter: Tensor, old: Tensor, *, rows: bool) -> bool:
    """Whether the old weights are a corner of the new: fewer inputs, or outputs (``rows``).

    The tail's outputs are the pixels of a scale: those of another are none of its own.
    """
    new_size, size = tuple(parameter.shape), tuple(old.shape)
    return (
        len(new_size) == len(size)
        and new_size[2:] == size[2:]
        and all(n >= o for n, o in zip(new_size, size, strict=True))
        and (rows or new_size[0] == size[0])
    )


def _widen(parameter: Tensor, old: Tensor) -> None:
    """The old outputs as they were, blind to new inputs; new outputs keep their fresh weights.

    So a network that only grew wider computes what the old one did (after Chen, Goodfellow and
    Shlens, "Net2Net", ICLR 2016, without their copies of channels).
    """
    kept = parameter[: len(old)]
    kept.zero_()
    if old.ndim == 1:
        kept.copy_(old)
    else:
        kept[:, : old.shape[1]] = old
