"""Networks that see: the features of the perceptual loss, and LPIPS of held-out photos."""

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from acutance.data.datasets import Pair
from acutance.errors import UserError
from acutance.image.colour import bt601_studio_luma
from acutance.losses.perceptual import PerceptualLoss
from acutance.metrics.backbone import MissingError, read_backbone
from acutance.metrics.checkerboard import checkerboard
from acutance.metrics.dists import MEAN, STAGES, STD
from acutance.metrics.lpips import alexnet_features, load_lpips, lpips
from acutance.metrics.lr_psnr import lr_psnr
from acutance.metrics.niqe import niqe
from acutance.training.gan import guards
from acutance.training.gan.config import SMALLEST_CROP

VGG_STAGES = STAGES[:3]
"""Up to relu3_3: half of the work of all five stages, and details live here."""


def vgg16_features(rgb_NCHW: Tensor, backbone: dict[str, Tensor]) -> list[Tensor]:
    """The last ReLU of the first three stages, with max pooling as in VGG16 itself."""
    mean, std = (rgb_NCHW.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    x = (rgb_NCHW - mean) / std
    found = []
    for number, stage in enumerate(VGG_STAGES):
        if number:
            x = F.max_pool2d(x, 2)
        for layer in stage:
            weight, bias = backbone[f"features.{layer}.weight"], backbone[f"features.{layer}.bias"]
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
        found.append(x)
    return found


def perceptual_loss(name: str, folder: Path | None, device: torch.device) -> PerceptualLoss:
    """The perceptual loss of a network in ``folder``; AlexNet's is LPIPS itself.

    Raises UserError when its weights are not there.
    """
    try:
        if name == "alexnet":
            backbone, heads = load_lpips(folder)
        else:
            layers = tuple(layer for stage in VGG_STAGES for layer in stage)
            backbone, heads = read_backbone(folder, "vgg16", layers), None
    except MissingError as reason:
        cure = (
            "install 'acutance[perceptual]'"
            if "torchmetrics" in str(reason)
            else f"gan.backbones must name a folder with {name}.safetensors"
        )
        raise UserError(f"no perceptual loss ({reason}): {cure}") from reason
    placed = {
        key: value.to(device, memory_format=torch.channels_last)
        if value.dim() == 4
        else value.to(device)
        for key, value in backbone.items()
    }
    see = alexnet_features if name == "alexnet" else vgg16_features
    return PerceptualLoss(
        lambda rgb: see(rgb, placed), None if heads is None else [head.to(device) for head in heads]
    )


class HeldOutPerception:
    """LR-PSNR, drift, checkerboards, and LPIPS or, without its weights, NIQE of a validation."""

    def __init__(self, folder: Path | None, scale: int) -> None:
        self.scale = scale
        self.lpips: tuple[dict[str, Tensor], list[Tensor]] | None = None
        with contextlib.suppress(MissingError):
            self.lpips = load_lpips(folder)

    def measure(
        self, pictures: Sequence[NDArray[np.uint8]], pairs: Sequence[Pair]
    ) -> dict[str, float]:
        """Means: ``lr_psnr``, ``drift``, ``checkerboard``, and ``lpips`` or else ``niqe``.

        LPIPS, NIQE and checkerboard are left out of pictures too small for them, and of the result
        where all are.
        """
        each = [self._one(sr, pair) for sr, pair in zip(pictures, pairs, strict=True)]
        found = {key: [one[key] for one in each if np.isfinite(one[key])] for key in each[0]}
        return {key: round(float(np.mean(values)), 4) for key, values in found.items() if values}

    def _one(self, sr: NDArray[np.uint8], pair: Pair) -> dict[str, float]:
        found = {
            "lr_psnr": lr_psnr(sr / 255, pair.lr / 255),
            "drift": guards.colour_drift(sr, pair.lr),
            "checkerboard": checkerboard(
                255 * bt601_studio_luma(sr / 255),
                255 * bt601_studio_luma(pair.hr / 255),
                self.scale,
            ),
        }
        if self.lpips is not None:
            return {**found, "lpips": self._lpips(sr, pair.hr)}
        return {**found, "niqe": niqe(255 * bt601_studio_luma(sr / 255).astype(np.float64))}

    @torch.inference_mode()
    def _lpips(self, sr: NDArray[np.uint8], hr: NDArray[np.uint8]) -> float:
        assert self.lpips is not None
        backbone, heads = self.lpips
        cut = self.scale
        if min(hr.shape[:2]) - 2 * cut < SMALLEST_CROP:
            return math.nan
        both = [
            torch.from_numpy(x[cut:-cut, cut:-cut]).permute(2, 0, 1)[None].float() / 255
            for x in (sr, hr)
        ]
        return float(lpips(both[0], both[1], backbone=backbone, heads=heads))
