"""The networks there are: an explicit table from name to configuration and class."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from acutance.errors import UserError
from acutance.models.drcn import DRCN, DRCNConfig
from acutance.models.ensemble import Ensemble, EnsembleConfig
from acutance.models.generator import Generator, GeneratorConfig
from acutance.models.lapsrn import LapSRN, LapSRNConfig
from acutance.models.scn import SCN, SCNConfig
from acutance.models.vdsr import VDSR, VDSRConfig


@dataclass(frozen=True)
class Network:
    """How to build one kind of network from the configuration stored in its card."""

    config: type[Any]
    network: type[nn.Module]


NETWORKS: dict[str, Network] = {
    "generator": Network(GeneratorConfig, Generator),
    "ensemble": Network(EnsembleConfig, Ensemble),
    "vdsr": Network(VDSRConfig, VDSR),
    "drcn": Network(DRCNConfig, DRCN),
    "lapsrn": Network(LapSRNConfig, LapSRN),
    "scn": Network(SCNConfig, SCN),
}

SIZES: dict[str, dict[str, tuple[int, ...]]] = {
    "tiny": {"channels": (32,), "down_blocks": (4,), "up_blocks": ()},
    "lean": {"channels": (48,), "down_blocks": (7,), "up_blocks": ()},
    "base": {"channels": (64,), "down_blocks": (8,), "up_blocks": ()},
    "wide": {"channels": (96,), "down_blocks": (10,), "up_blocks": ()},
    "large": {"channels": (96,), "down_blocks": (22,), "up_blocks": ()},
}
"""Generator sizes: about 0.09, 0.31, 0.62, 1.7 and 3.7 million multiply-adds an LR pixel at x4.

All blocks are at LR size: those below died, or cost more than they gave
(docs/benchmarks/log.md). So each size can begin as a smaller one and compute what that did."""

OTHERWISE: dict[int, dict[str, dict[str, tuple[int, ...]]]] = {
    8: {
        "base": {"channels": (96,), "down_blocks": (15,), "up_blocks": ()},
        "lean": {"channels": (64,), "down_blocks": (8,), "up_blocks": ()},
        "large": {"channels": (128,), "down_blocks": (20,), "up_blocks": ()},
        "base-no-blocks-below": {"channels": (64, 96), "down_blocks": (2, 0), "up_blocks": (10,)},
        "base-three-levels": {
            "channels": (64, 96, 128),
            "down_blocks": (4, 2, 5),
            "up_blocks": (11, 3),
        },
    },
}
"""Sizes that have another shape at a scale. At x8 there are four times as many pixels to draw for
each of LR, so base, 2.7 million multiply-adds there, costs 42 thousand an output pixel, and
39 thousand at x4; lean is a quarter of it, with the trunk that base has at x4, and large, of 6.1
million, more than twice it."""

TWO_LEVELS: dict[str, tuple[int, ...]] = {
    "channels": (32, 48),
    "down_blocks": (1, 2),
    "up_blocks": (2,),
}

THREE_LEVELS: dict[str, tuple[int, ...]] = {
    "channels": (48, 96, 128),
    "down_blocks": (2, 1, 2),
    "up_blocks": (5, 1),
}

ABLATIONS: dict[str, dict[str, Any]] = {
    "tiny-two-levels": TWO_LEVELS,
    "tiny-without-bicubic": {**TWO_LEVELS, "bicubic": False},
    "tiny-without-downscaling": SIZES["tiny"],
    "tiny-without-skips": {**TWO_LEVELS, "skips": False},
    "tiny-without-residuals": {**TWO_LEVELS, "residuals": False},
    "base-three-levels": THREE_LEVELS,
    "base-two-levels": {"channels": (48, 96), "down_blocks": (3, 2), "up_blocks": (5,)},
    "base-without-downscaling": {"channels": (48,), "down_blocks": (10,), "up_blocks": ()},
}
"""A generator of tiny's cost with all parts of the 2017 system, and without one of them each; and
what base was, with blocks on three levels, and with fewer levels: more blocks at LR size where less
is downscaled. For benchmarks/experiments.py."""


FORMER: dict[str, dict[str, tuple[int, ...]]] = {
    "base-no-blocks-below": {"channels": (48, 96), "down_blocks": (2, 0), "up_blocks": (5,)},
}
"""What base was after what had died was cut off, for benchmarks/experiments.py."""


def generator_config(size: str, *, scale: int) -> GeneratorConfig:
    """The configuration of a named size. Raises UserError for an unknown size or scale."""
    shapes = {**SIZES, **ABLATIONS, **FORMER, **OTHERWISE.get(scale, {})}
    if size not in shapes:
        raise UserError(f"unknown size '{size}': choose one of {', '.join(SIZES)}")
    try:
        return GeneratorConfig(scale=scale, **shapes[size])
    except ValueError as error:
        raise UserError(str(error)) from error


def network_config(network: str, size: str, *, scale: int) -> Any:
    """The configuration of a network as its paper has it, or of a generator's named size.

    Raises UserError for an unknown network, size or scale.
    """
    if network == "generator":
        return generator_config(size, scale=scale)
    if network not in NETWORKS:
        raise UserError(f"unknown network '{network}': choose one of {', '.join(NETWORKS)}")
    if size != "paper":
        raise UserError(f"unknown size '{size}' of '{network}': it has but one, paper")
    try:
        return NETWORKS[network].config(scale=scale)
    except ValueError as error:
        raise UserError(f"{network}: {error}") from error


def build(network: str, config: dict[str, Any]) -> nn.Module:
    """A network with fresh weights from what a card says. Raises UserError when it cannot be."""
    if network not in NETWORKS:
        raise UserError(
            f"unknown network '{network}': this version knows {', '.join(NETWORKS)}; "
            "the model file may need a newer version"
        )
    entry = NETWORKS[network]
    try:
        return entry.network(entry.config(**config))
    except (TypeError, ValueError) as error:
        raise UserError(f"the model's configuration does not fit '{network}': {error}") from error
