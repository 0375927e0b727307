"""Make perceptual.json: LPIPS by PyPI lpips, DISTS by torchmetrics' own network. See README.md.

Usage: python make_perceptual.py FOLDER_OF_BACKBONES

Needs lpips 0.1.4 and torchmetrics 1.9; torchvision is not needed.
"""

import json
import sys
import types
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn


def alexnet() -> nn.Sequential:
    """The feature part, in torchvision's order."""
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
    )


def vgg16() -> nn.Sequential:
    """The feature part, in torchvision's order."""
    layers: list[nn.Module] = []
    before = 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


def load(network: nn.Sequential, path: Path) -> types.SimpleNamespace:
    """Weights into the network; what torchvision's functions return has it as ``features``."""
    weights = {
        key.removeprefix("features."): value.float()
        for key, value in load_file(path).items()
        if key.startswith("features.")
    }
    network.load_state_dict(weights)
    return types.SimpleNamespace(features=network)


def pair(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Waves and noise, and a distorted copy; ``(H, W, 3)`` 8 bits."""
    random = np.random.default_rng(number)
    height, width = 96 + 17 * number, 128 - 9 * number
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(y / (5 + number) + x / 9 + c) for c in range(3)]
    first = 128 + 80 * np.stack(waves, axis=2) + 15 * random.standard_normal((height, width, 3))
    second = [
        np.roll(first, 2, axis=1),
        first + 20 * random.standard_normal(first.shape),
        0.8 * first + 20,
    ][number % 3]
    return tuple(np.rint(p).clip(0, 255).astype(np.uint8) for p in (first, second))  # type: ignore[return-value]


def main(folder: Path) -> None:
    # Both programs ask torchvision for the networks; this stands in for it, with weights by path.
    torchvision = types.ModuleType("torchvision")
    torchvision.models = types.SimpleNamespace(  # type: ignore[attr-defined]
        alexnet=lambda **_: load(alexnet(), folder / "alexnet.safetensors")
    )
    sys.modules["torchvision"] = torchvision
    import lpips  # type: ignore[import-not-found]

    reference = lpips.LPIPS(net="alex", verbose=False).eval()
    del sys.modules["torchvision"]
    import torchmetrics.functional.image.dists as module

    module._TORCHVISION_AVAILABLE = True
    module.VGG16_Weights = types.SimpleNamespace(DEFAULT=None)
    module.vgg16 = lambda **_: load(vgg16(), folder / "vgg16.safetensors")
    network = module.DISTSNetwork().eval()
    found = []
    for number in range(3):
        first, second = (
            torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in pair(number)
        )
        with torch.no_grad():
            distance = reference(first, second, normalize=True).item()
            found.append({"lpips": distance, "dists": network(first, second).item()})
    text = json.dumps(found, indent=2) + "\n"
    Path(__file__).with_name("perceptual.json").write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
