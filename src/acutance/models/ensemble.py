"""Several generators whose pictures are averaged: ``G(x) = Bicubic(x) + mean of DNN_i(x)``.

What networks that were trained apart get wrong differs in part, and that part averages out. Source:
Hansen and Salamon, "Neural network ensembles", IEEE TPAMI 1990. Not to be taken for the
self-ensemble of ``--best``, which is one network on eight flips and transposes.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from acutance.models.blocks import BicubicUpscale, pad_to_multiple
from acutance.models.card import FEATURE_MAPS
from acutance.models.generator import Generator, GeneratorConfig


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig:
    """Shapes of an ensemble's members."""

    members: tuple[GeneratorConfig, ...]
    """At least two generators for clean pictures, of one scale, that add to bicubic."""

    def __post_init__(self) -> None:
        # JSON gives a list of dictionaries.
        members = tuple(_member(each) for each in self.members)
        object.__setattr__(self, "members", members)
        if len(members) < 2:
            raise ValueError("an ensemble has at least two members")
        if len({member.scale for member in members}) > 1:
            raise ValueError("the members of an ensemble have one scale")
        if any(m.strength or m.consistent or not m.bicubic for m in members):
            raise ValueError("the members of an ensemble add to bicubic, and take no strength")

    @property
    def scale(self) -> int:
        """Upscaling factor."""
        return self.members[0].scale

    @property
    def multiple(self) -> int:
        """LR height and width are padded to a multiple of this."""
        return math.lcm(*(member.multiple for member in self.members))

    @property
    def receptive_field(self) -> int:
        """LR pixels on each side of an output pixel's own that can influence it."""
        return max(member.receptive_field for member in self.members)

    @property
    def feature_values(self) -> int:
        """Values of the feature maps alive at once for one LR pixel; the members take turns."""
        return FEATURE_MAPS * max(member.channels[0] for member in self.members)


def _member(values: GeneratorConfig | dict[str, Any]) -> GeneratorConfig:
    return values if isinstance(values, GeneratorConfig) else GeneratorConfig(**values)


class Ensemble(nn.Module):
    """``(N, 3, h, w)`` in [0, 1] to ``(N, 3, s*h, s*w)``, not clipped."""

    def __init__(self, config: EnsembleConfig) -> None:
        super().__init__()
        self.config = config
        self.bicubic = BicubicUpscale(config.scale)
        self.members = nn.ModuleList(Generator(member) for member in config.members)

    def forward(self, lr_NCHW: Tensor) -> Tensor:
        """Any height and width: pads right and bottom symmetrically, and crops."""
        height, width = (size * self.config.scale for size in lr_NCHW.shape[-2:])
        padded = pad_to_multiple(lr_NCHW, self.config.multiple)
        return self.forward_aligned(padded)[..., :height, :width]

    def forward_aligned(self, lr_NCHW: Tensor) -> Tensor:
        """Height and width are multiples of ``config.multiple``; what an export traces."""
        dnns = [member.dnn(lr_NCHW) for member in self.members]  # type: ignore[operator]
        bicubic: Tensor = self.bicubic(lr_NCHW)
        return bicubic + torch.stack(dnns).mean(dim=0)
