"""Who stands in the comparison table of a scale, what each costs, and how it is run."""

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from acutance.errors import UserError
from acutance.evaluation.run import Upscale, bicubic, lanczos
from acutance.inference.models import find_card, shipped
from acutance.models.card import Card, read_card

Group = Literal["interpolation", "published", "weights", "trained", "acutance"]
"""``published`` is copied from a paper, ``weights`` are those that its authors published, measured
here, ``trained`` is such a network trained by this package."""

NETWORK_NAMES = {"vdsr": "VDSR", "drcn": "DRCN", "lapsrn": "LapSRN", "scn": "SCN"}


@dataclass(frozen=True)
class Cost:
    """What a network costs, whatever the machine."""

    parameters: int
    """Trainable numbers."""
    macs_per_lr_pixel: float | None
    """Multiply-adds of the convolutions for one input pixel; None where not published."""


@dataclass(frozen=True)
class Peer:
    """A file of weights that a paper's authors published."""

    network: str
    """Key of ``models.published.PUBLISHED``."""
    pattern: str
    """The file's name; SCN's is found with a prefix too."""
    scales: tuple[int, ...]


PEERS = (
    Peer("lapsrn", "LapSRN_x4.mat", (4,)),
    Peer("lapsrn", "LapSRN_x8.mat", (8,)),
    Peer("vdsr", "VDSR_Official.mat", (2, 3, 4)),
    Peer("scn", "*weights_srnet_x2_52.mat", (2, 4, 8)),
)
"""Those that docs/baselines.md names; VDSR's were trained for x2 to x4, SCN's are cascaded."""

UNPUBLISHED = (("drcn", 4), ("vdsr", 8))
"""Rows of the 2017 table, by network and scale, whose weights nobody published."""


@dataclass(frozen=True)
class Opened:
    """A method, ready to run."""

    upscale: Upscale
    engine: str
    """Engine and arithmetic in words."""


@dataclass(frozen=True)
class Contender:
    """A method that can be run here, or why it cannot."""

    method: str
    group: Group
    key: str
    """Changes with what is computed: the hash of the weights, or an interpolation's name."""
    cost: Cost | None
    """None for interpolation."""
    kind: str
    """What it was trained to undo, as in a card."""
    open: Callable[[str], Opened] | None
    """Loads it; the argument is the arithmetic, ``auto`` or ``fp32``. None when ``skipped``."""
    skipped: str = ""
    """Why it is not measured."""


@dataclass(frozen=True)
class Engine:
    """Where models run."""

    device: str = "auto"
    threads: int | None = None


def contenders(
    scale: int,
    *,
    models: Sequence[str] = (),
    peers: Path | None = None,
    imports: Path,
    engine: Engine,
) -> list[Contender]:
    """Everything of a scale: interpolation, published weights, and all shipped and given models.

    Models that restore plain bicubic reduction stand there twice, the second time with their
    self-ensemble, if that changes anything.

    Args:
        scale: upscaling factor.
        models: names or cards of further models; those of another scale are left out.
        peers: folder with the files of ``PEERS``, or with the models that ``acutance
            import-weights`` made of them; without it their places say so.
        imports: folder where published weights are converted to when they are first run.
        engine: where models run.

    Raises:
        UserError: a model's card cannot be read.
    """
    found = [
        Contender("bicubic", "interpolation", "bicubic", None, "", _plain(bicubic(scale))),
        Contender("Lanczos", "interpolation", "lanczos3", None, "", _plain(lanczos(scale))),
    ]
    found += [_peer(p, scale, peers, imports, engine) for p in PEERS if scale in p.scales]
    found += [_unpublished(network, scale) for network, at in UNPUBLISHED if at == scale]
    paths = [find_card(name) for name, card in shipped().items() if card.scale == scale]
    paths += [path for model in models if (path := find_card(model)) not in paths]
    cards = [(path, card) for path in paths if (card := read_card(path)).scale == scale]
    cards.sort(key=lambda entry: (_ours(entry[1]), entry[1].macs_per_lr_pixel))
    for path, card in cards:
        found.append(_model(path, card, engine, best=False))
        if card.kind == "bicubic" and _ours(card) and not card.equivariant:
            found.append(_model(path, card, engine, best=True))
    return found


def costs() -> dict[tuple[str, int], Cost]:
    """Cost by the network's name in published tables and the scale."""
    text = (files("acutance.evaluation") / "costs.csv").read_text(encoding="utf-8")
    entries = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {
        (entry["network"], int(entry["scale"])): Cost(
            int(entry["parameters"]),
            float(entry["macs_per_lr_pixel"]) if entry["macs_per_lr_pixel"] else None,
        )
        for entry in entries
    }


def _plain(upscale: Upscale) -> Callable[[str], Opened]:
    return lambda _: Opened(upscale, "NumPy fp64")


def _ours(card: Card) -> bool:
    """Whether it is no network of an earlier paper."""
    return card.network not in NETWORK_NAMES


def method_name(card: Card) -> str:
    """What a model is called in tables."""
    if _ours(card):
        return f"Acutance {card.name}"
    name = NETWORK_NAMES[card.network]
    if "weights" in card.training:  # acutance import-weights made it
        return f"{name}, published weights"
    minutes = card.training.get("minutes")
    return f"{name}, trained here" + (f" ({minutes:g} min)" if minutes else "")


def _model(path: Path, card: Card, engine: Engine, *, best: bool) -> Contender:
    """A model with a card, plain or with its self-ensemble."""
    ours, name = _ours(card), method_name(card)
    weights = next((f.sha256 for key, f in sorted(card.files.items(), reverse=True)), card.name)
    changes = "+consistent" if card.config.get("consistent") else ""
    changes += f"+mirrored{card.mirrored}" if card.mirrored else ""
    group: Group = "weights" if "weights" in card.training else "acutance" if ours else "trained"
    return Contender(
        method=f"{name}, --best" if best else name,
        group=group,
        key=f"{weights[:16]}{changes}{'+best' if best else ''}",
        cost=Cost(card.parameters, card.macs_per_lr_pixel * (8 if best else 1)),
        kind=card.kind,
        open=lambda precision: open_model(path, engine, precision=precision, best=best),
    )


def open_model(path: Path, engine: Engine, *, precision: str, best: bool = False) -> Opened:
    """Load a model by its card."""
    from acutance.inference.upscaler import Upscaler

    upscaler = Upscaler(
        path, device=engine.device, threads=engine.threads, precision=precision, best=best
    )
    return Opened(upscaler.upscale_float, upscaler.engine)


def _peer(peer: Peer, scale: int, folder: Path | None, imports: Path, engine: Engine) -> Contender:
    """Published weights: a model that was made of them, or the file, converted when it is run."""
    name = NETWORK_NAMES[peer.network]
    found = None if folder is None else _find(peer, scale, folder)
    skipped = "give --peers" if folder is None else f"no {peer.pattern.strip('*')} in {folder.name}"

    def load(precision: str) -> Opened:
        assert found is not None
        path, _ = found
        card = path if path.suffix == ".json" else _import(peer, path, scale, imports)
        return open_model(card, engine, precision=precision)

    return Contender(
        method=f"{name}, published weights",
        group="weights",
        key=f"{found[1][:16] if found else ''}-{peer.network}",
        cost=costs()[name, scale],
        kind="bicubic",
        open=load if found else None,
        skipped="" if found else skipped,
    )


def _unpublished(network: str, scale: int) -> Contender:
    name = NETWORK_NAMES[network]
    return Contender(
        method=f"{name}, published weights",
        group="weights",
        key="",
        cost=costs()[name, scale],
        kind="bicubic",
        open=None,
        skipped="none were published",
    )


def _find(peer: Peer, scale: int, folder: Path) -> tuple[Path, str] | None:
    """A card that ``acutance import-weights`` made, or the file itself, and the file's hash."""
    card_path = folder / f"{peer.network}-x{scale}.json"
    if card_path.exists():
        weights = read_card(card_path).training.get("weights")
        if weights:
            return card_path, str(weights[0]["sha256"])
    files = sorted(folder.glob(peer.pattern))
    return (files[0], hashlib.sha256(files[0].read_bytes()).hexdigest()) if files else None


def _import(peer: Peer, file: Path, scale: int, imports: Path) -> Path:
    """The card of published weights, which are converted the first time."""
    path = imports / f"{peer.network}-x{scale}.json"
    if not path.exists():
        from acutance.inference.published import import_published

        import_published(peer.network, [file], imports, scale=scale)
    return path


def check_peers(folder: Path | None, scales: Sequence[int]) -> None:
    """Raise UserError for a folder that holds nothing for the scales, before the measuring."""
    if folder is None:
        return
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder}; docs/baselines.md says what belongs there")
    wanted = [(peer, scale) for peer in PEERS for scale in peer.scales if scale in scales]
    if not any(_find(peer, scale, folder) for peer, scale in wanted):
        names = ", ".join(dict.fromkeys(peer.pattern.strip("*") for peer, _ in wanted))
        raise UserError(f"{folder} holds none of {names}; docs/baselines.md says where they are")
