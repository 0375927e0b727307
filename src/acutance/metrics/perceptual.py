"""LPIPS, DISTS, NIQE, LR-PSNR and checkerboards of one picture, alike for every method.

As in ``protocol.py``, the output is clipped and rounded to 8 bits, and the protocol's border is cut
from both pictures; LPIPS and DISTS see what is left as RGB in [0, 1], NIQE its BT.601 studio luma.
LR-PSNR and checkerboard see the whole output.
"""

import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acutance.image.colour import bt601_studio_luma
from acutance.metrics.checkerboard import checkerboard
from acutance.metrics.lr_psnr import lr_psnr
from acutance.metrics.niqe import niqe
from acutance.metrics.protocol import Protocol

COLUMNS = {
    "lpips": "LPIPS",
    "dists": "DISTS",
    "niqe": "NIQE",
    "lr_psnr": "LR-PSNR",
    "checkerboard": "checkerboard",
}
"""Keys and headings; all but LR-PSNR, in dB, are better when lower."""

LEAST_LPIPS = 35
"""Pixels on a side that AlexNet needs."""

Distance = Callable[[Any, Any], float]


class Perceptual:
    """The metrics with their weights, loaded once.

    Args:
        backbones: folder with ``alexnet.safetensors`` and ``vgg16.safetensors``.

    Attributes:
        missing: why a column stays empty, by its key: ``no backbone``, ``no torchmetrics``.

    Raises:
        UserError: a backbone file is damaged.
    """

    def __init__(self, backbones: Path | None = None) -> None:
        self.missing: dict[str, str] = {}
        self._distances: dict[str, Distance] = {}
        for key, load in (("lpips", _lpips), ("dists", _dists)):
            if find_spec("torch") is None or find_spec("safetensors") is None:
                self.missing[key] = "no PyTorch"
                continue
            from acutance.metrics.backbone import MissingError

            try:
                self._distances[key] = load(backbones)
            except MissingError as reason:
                self.missing[key] = str(reason)

    def measure(
        self,
        sr: NDArray[np.floating],
        hr: NDArray[np.uint8],
        lr: NDArray[np.floating],
        *,
        scale: int,
        protocol: Protocol,
    ) -> dict[str, float]:
        """Figures by the keys of ``COLUMNS``, those that are missing left out.

        NIQE is NaN for pictures of less than two blocks of 96 x 96 pixels, checkerboard for less
        than 8 LR pixels a side, LPIPS for less than 35 pixels that the protocol leaves.

        Args:
            sr: ``(H, W, 3)`` in [0, 1]; clipped and rounded to 8 bits here.
            hr: ``(H, W, 3)`` 8-bit RGB.
            lr: ``(h, w, 3)``, what the method was given.
            scale: upscaling factor.
            protocol: says how much is cut.
        """
        rounded = np.rint(sr.astype(np.float64).clip(0, 1) * 255) / 255
        cut = protocol.cut(scale)
        inner = (slice(cut, hr.shape[0] - cut), slice(cut, hr.shape[1] - cut))
        first, second = rounded[inner], hr[inner].astype(np.float64) / 255
        least = {"lpips": LEAST_LPIPS}
        found = {
            key: distance(first, second) if min(first.shape[:2]) >= least.get(key, 1) else math.nan
            for key, distance in self._distances.items()
        }
        found["niqe"] = niqe(255 * bt601_studio_luma(first).astype(np.float64))
        found["lr_psnr"] = lr_psnr(rounded, lr)
        found["checkerboard"] = checkerboard(
            255 * bt601_studio_luma(rounded), 255 * bt601_studio_luma(hr / 255), scale
        )
        return found


def _lpips(folder: Path | None) -> Distance:
    from acutance.metrics.lpips import load_lpips, lpips

    backbone, heads = load_lpips(folder)
    return _on_arrays(lambda a, b: lpips(a, b, backbone=backbone, heads=heads))


def _dists(folder: Path | None) -> Distance:
    from acutance.metrics.dists import dists, load_dists

    backbone, alpha, beta = load_dists(folder)
    return _on_arrays(lambda a, b: dists(a, b, backbone=backbone, alpha=alpha, beta=beta))


def _on_arrays(distance: Callable[[Any, Any], Any]) -> Distance:
    """A distance of ``(H, W, 3)`` arrays from one of ``(1, 3, H, W)`` tensors."""
    import torch

    def measure(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
        tensors = [
            torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1), dtype=np.float32))[None]
            for x in (first, second)
        ]
        with torch.inference_mode():
            return float(distance(*tensors))

    return measure
