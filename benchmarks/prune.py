"""Drop what is dead from a generator: residual blocks that add but a constant to any picture.

A block whose ReLUs never pass anything on gives its input plus the bias of its second convolution.
So it can go, and its bias joins that of the convolution before. The result computes the same to
within rounding, in less time. Models with leaky ReLUs have no such blocks (docs/benchmarks/log.md).

Usage: python benchmarks/prune.py MODEL --data PHOTOS --out DIR [--name NAME] [--most-alive N]
           [--levels N]

A unit counts as dead when it passes nothing on in any of the photos. With --most-alive a block goes
too when no more than so many of its units live, and with --levels the levels below the first N go
when they have no blocks left; that changes a little. Writes the model and its card, and prints what
was dropped, by how much the outputs differ and the PSNR of the held-out photos before and after.
"""

import argparse
import dataclasses
import re
from pathlib import Path

import torch
from torch import Tensor

from acutance.data.datasets import load_photos
from acutance.inference.export import export
from acutance.inference.models import find_card
from acutance.models.checkpoint import load_network
from acutance.models.describe import describe
from acutance.models.generator import Generator
from acutance.training.start import highest_activations
from acutance.training.validation import hold_out, validate


def pruned(
    network: Generator,
    pictures_1CHW: list[Tensor],
    *,
    most_alive: int = 0,
    levels: int | None = None,
) -> tuple[Generator, list[str]]:
    """The same network without its dead blocks and lowest levels, and the blocks' names."""
    highest = highest_activations(network, pictures_1CHW)
    names = {module: name for name, module in network.named_modules()}
    dead = [names[block] for block, top in highest.items() if (top > 0).sum() <= most_alive]
    weights = {name: p.detach().clone() for name, p in network.named_parameters()}
    for name in reversed(dead):  # so that a bias goes on to the last living one before
        before = bias_before(name)
        bias = weights.pop(f"{name}.conv2.bias")
        weights[before] += bias if len(bias) == len(weights[before]) else bias.repeat_interleave(4)
        for part in ("conv1.weight", "conv1.bias", "conv2.weight"):
            del weights[f"{name}.{part}"]
    down_blocks = left(network.config.down_blocks, "encoder", dead)
    up_blocks = left(network.config.up_blocks, "decoder", dead)
    if any((*down_blocks[levels:], *up_blocks[levels - 1 :]) if levels else ()):
        raise ValueError(f"below level {levels} are blocks: {down_blocks} and {up_blocks}")
    config = dataclasses.replace(
        network.config,
        channels=network.config.channels[:levels],
        down_blocks=down_blocks[:levels],
        up_blocks=up_blocks[: levels - 1 if levels else None],
    )
    smaller = Generator(config)
    numbers: dict[str, int] = {}

    def renumbered(match: re.Match[str]) -> str:
        stage, block = match[1], match[0]
        index = numbers.setdefault(block, sum(other.startswith(f"{stage}.") for other in numbers))
        return f"{stage}.{index}."

    moved = {
        re.sub(r"^((?:en|de)coder\.\d+)\.\d+\.", renumbered, name): weight
        for name, weight in weights.items()
    }
    smaller.load_state_dict(moved, strict=False)
    assert moved.keys() >= dict(smaller.named_parameters()).keys()
    return smaller.eval(), dead


def bias_before(block: str) -> str:
    """Name of the bias that is added last to what a block is given."""
    side, level, index = block.split(".")
    if int(index):
        return f"{side}.{level}.{int(index) - 1}.conv2.bias"
    if side == "decoder":
        return f"up.{level}.conv.bias"
    return "head.bias" if level == "0" else f"down.{int(level) - 1}.bias"


def left(counts: tuple[int, ...], side: str, dead: list[str]) -> tuple[int, ...]:
    """How many blocks of each level stay."""
    return tuple(
        count - sum(name.startswith(f"{side}.{level}.") for name in dead)
        for level, count in enumerate(counts)
    )


def main() -> None:
    """Prune, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", help="the model's by default")
    parser.add_argument("--most-alive", type=int, default=0)
    parser.add_argument("--levels", type=int)
    options = parser.parse_args()
    network, card = load_network(find_card(options.model), "cpu")
    if not isinstance(network, Generator) or network.config.slope:
        parser.error("only a generator with plain ReLUs has such blocks")
    photos = load_photos(options.data, scale=card.scale, smallest_lr=8, copies=())
    shapes = {"scale": card.scale, "degraded": card.takes_strength}
    middles = hold_out([*photos.held_out, *photos.train], **shapes)
    pictures = [middle.tensor(torch.device("cpu")) for middle in middles]
    smaller, dead = pruned(network, pictures, most_alive=options.most_alive, levels=options.levels)
    if not dead:
        parser.error(f"{card.name} has no dead blocks")
    with torch.no_grad():
        apart = max(float((network(x) - smaller(x)).abs().max()) for x in pictures[:20])
    before, after = (
        validate(net, dict(net.named_parameters()), hold_out(photos.held_out, **shapes), card.scale)
        for net in (network, smaller)
    )
    facts = describe(
        smaller,
        key=card.network,
        name=options.name or card.name,
        training={**card.training, "pruned": dead},
        metrics=card.metrics,
        licence=card.licence,
        detail_of=card.detail_of,
    )
    facts = dataclasses.replace(facts, kind=card.kind, precision=card.precision)
    path = export(smaller, facts, options.out, overwrite=True)
    print(f"{path}: without {', '.join(dead)}, dead in {len(pictures)} pictures")
    print(f"largest difference before rounding to 16 bits: {apart:.2g} of 1")
    print(f"held out: {before.psnr:.4f} dB before, {after.psnr:.4f} dB after")


if __name__ == "__main__":
    main()
