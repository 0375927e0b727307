"""A run from its configuration to its folder, which survives a kill."""

import contextlib
import dataclasses
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import torch

from acutance.data.datasets import Photos
from acutance.data.pairs import load_training_data
from acutance.errors import UserError
from acutance.evaluation.provenance import commit
from acutance.training import run_folder
from acutance.training.config import TrainConfig
from acutance.training.distributed import Processes, device_name, processes
from acutance.training.ema import ExponentialMovingAverage
from acutance.training.gan.stage import new_opponent
from acutance.training.hardware import choose_device, choose_precision, describe
from acutance.training.loop import Loop, progress_of
from acutance.training.optimiser import new_optimiser
from acutance.training.start import renew_dead, start_from
from acutance.training.state import Counters, TrainState
from acutance.training.validation import hold_out

RENEWED_BY = 16  # held-out photos in which a unit must be dead to get fresh weights


def train(
    config: TrainConfig,
    *,
    data: Path,
    run: Path,
    resume: bool = False,
    device: str = "auto",
    threads: int | None = None,
    command: str = "",
    report: Callable[[str], None] = print,
) -> Path:
    """Train to the end of the schedule and return the run folder.

    Args:
        config: the run; with ``resume`` it must be the stored one.
        data: folder or tar file of photos, or folder of pairs (``acutance.data.pairs``).
        run: run folder, new or empty unless ``resume``.
        resume: go on from the last checkpoint.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        threads: CPU threads.
        command: a command that would train the same model, for the card.
        report: takes lines for the person who waits.

    Raises:
        UserError: unusable data, folder or checkpoint; divergence.
        Stopped: after a signal, when the state is saved.
    """
    if resume != (run / run_folder.LAST).exists():
        raise UserError(
            f"nothing to resume in {run}; leave --resume out"
            if resume
            else f"{run} already holds a run; go on with --resume or give another folder"
        )
    if not resume and any((run / name).exists() for name in (run_folder.CONFIG, run_folder.EMA)):
        try:
            run_folder.read_config(run)  # of a run that was killed before its first checkpoint
        except UserError:
            raise UserError(f"{run} holds files of something else: give another folder") from None
    if threads is not None:
        if threads < 1:
            raise UserError(f"threads must be at least 1, not {threads}")
        torch.set_num_threads(threads)
    place = choose_device(device_name(device))
    with processes(place) as together:
        _train(config, data, run, resume, place, together, command, report)
    return run


def _train(
    config: TrainConfig,
    data: Path,
    run: Path,
    resume: bool,
    place: torch.device,
    together: Processes,
    command: str,
    report: Callable[[str], None],
) -> None:
    """Build everything that a run needs and start its loop; in each of the run's processes."""
    if not together.first:
        report = _keep_quiet
    if config.winograd and place.type != "cpu":
        raise UserError("'winograd' is for training on a CPU: leave it out, or add --device cpu")
    # Each process times its own processor: all take fp32 where one wants it.
    wants_fp32 = config.winograd or choose_precision(config.precision, place) == torch.float32
    dtype = torch.float32 if together.largest(wants_fp32)[0] else torch.bfloat16
    torch.manual_seed(config.seed)
    config = _as_before(config, run, resume)
    network = run_folder.new_network(config).to(place)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    start = None if resume else config.start
    if start:
        start_from(network, start, report)
    if config.gan and config.gan.perceptual_weight and not config.gan.sees:
        report("no perceptual loss: --set gan.backbones=FOLDER gives it its network (docs/gan.md)")
    state = TrainState(
        network=network,
        ema=ExponentialMovingAverage(network, config.ema),
        optimiser=new_optimiser(network, config, place),
        generator=torch.Generator().manual_seed(config.seed),
        counters=Counters(),
        opponent=new_opponent(config, place) if config.gan else None,
    )
    if resume:
        _go_on(state, config, run)
    photos = load_training_data(
        data,
        scale=config.scale,
        smallest_lr=min(p.patch for p in config.patches),
        copies=config.copies,
        warps=config.warps,
        largest_lr=max(p.patch for p in config.patches),
    )
    report(photos.summary())
    if start and config.slope and not run_folder.start_slope(start):
        report(_renewed(state, config, photos, place))
    if together.first:
        run.mkdir(parents=True, exist_ok=True)
        run_folder.write_atomically(run / run_folder.CONFIG, config.to_json())
    facts = {
        "recipe": config.recipe,
        "command": command,
        **run_folder.before(config.start, run if resume else None),
        **photos.facts(),
        "commit": commit(),
        "precision": "fp32" if dtype == torch.float32 else "bf16",
        "hardware": describe(place) + (f", {together.count} processes" * (together.count > 1)),
    }
    loop = Loop(config, state, photos, run, place, together, dtype, facts, report)
    with _stop_on_signals() as asked_to_stop:
        loop.run_until_done(asked_to_stop)


def _as_before(config: TrainConfig, run: Path, resume: bool) -> TrainConfig:
    """Where they are not set, a generator's slope and symmetry: the run's own so far, or those of
    what it starts from; from nothing plain ReLUs and equivariant."""
    if config.network != "generator":
        return config
    slope, equivariant = 0.0, True
    if resume:
        before = run_folder.read_config(run)
        slope, equivariant = before.slope or 0.0, bool(before.equivariant)
    elif config.start:
        slope = run_folder.start_slope(config.start)
        equivariant = run_folder.start_equivariant(config.start)
    return dataclasses.replace(
        config,
        slope=slope if config.slope is None else config.slope,
        equivariant=equivariant if config.equivariant is None else config.equivariant,
    )


def _go_on(state: TrainState, config: TrainConfig, run: Path) -> None:
    """Load the last checkpoint, and note what was changed since; a spent budget is refused."""
    state.load(run / run_folder.LAST)
    counters, before = state.counters, run_folder.read_config(run)
    other_end = (config.max_minutes, config.steps) != (before.max_minutes, before.steps)
    if other_end and progress_of(config, counters) >= 1:
        spent = f"{counters.seconds / 60:.2f} minutes and {counters.step} steps"
        raise UserError(f"{spent} are spent, and the run would end unannealed: give more")
    for change in config.changes(before):
        counters.changes.append(f"from step {counters.step}: {change}")


def _renewed(state: TrainState, config: TrainConfig, photos: Photos, place: torch.device) -> str:
    """Give dead units fresh weights, and say how many."""
    held_out = hold_out(
        (photos.held_out or photos.train)[:RENEWED_BY],
        scale=config.scale,
        degraded=config.degradations is not None,
    )
    dead, units = renew_dead(state.network, [held.tensor(place) for held in held_out])
    state.ema = ExponentialMovingAverage(state.network, config.ema)
    return f"{dead} of {units} units were dead and have fresh weights"


def _keep_quiet(_line: str) -> None:
    """What the processes but the first report."""


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question that the loop asks between steps."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread: no handlers there
            previous[number] = signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
