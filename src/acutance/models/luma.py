"""Luma networks: what VDSR, DRCN, LapSRN and SCN share.

Their papers upscale luma alone, the Y of BT.601 in studio range as MATLAB's ``rgb2ycbcr`` gives it
on 0..1, and take chroma from bicubic. Bicubic and the colour transform are linear, and Y enters
R, G and B with one and the same weight, 255 / 219. So RGB -> YCbCr, network on Y, bicubic on Cb
and Cr, YCbCr -> RGB is exactly

    sr = bicubic(rgb) + 255 / 219 * (network(Y) - Y(bicubic(rgb)))

which needs no chroma planes. All of it is computed in fp32 whatever autocast says.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from acutance.image.colour import BT601_STUDIO_OFFSET, BT601_STUDIO_WEIGHTS
from acutance.models.blocks import BicubicUpscale, pad_to_multiple


def to_luma(rgb_NCHW: Tensor) -> Tensor:
    """``(N, 3, h, w)`` RGB in [0, 1] to ``(N, 1, h, w)`` luma, 16/255 to 235/255; fp32."""
    r, g, b = rgb_NCHW.float().split(1, dim=1)
    red, green, blue = BT601_STUDIO_WEIGHTS
    luma: Tensor = red * r + green * g + blue * b + BT601_STUDIO_OFFSET
    return luma


def replace_luma(rgb_NCHW: Tensor, luma_N1HW: Tensor) -> Tensor:
    """RGB with the luma ``luma_N1HW`` and its own chroma; fp32, not clipped."""
    gain = 1 / sum(BT601_STUDIO_WEIGHTS)
    return rgb_NCHW + gain * (luma_N1HW - to_luma(rgb_NCHW))


class LumaNetwork(nn.Module, ABC):
    """RGB in, RGB out, for a network that knows luma alone: ``(N, 3, h, w)`` to 3 x s*h x s*w.

    Args:
        scale: upscaling factor.
        supervised_scales: scales of further outputs that training compares, besides ``scale``.
    """

    precision = "fp32"
    """For inference. A single channel of luma is half an 8-bit step off in bf16: measured on Set5,
    VDSR loses 0.21 dB at x4 and SCN 0.02 dB at x8, by OpenVINO."""

    def __init__(self, scale: int, supervised_scales: Sequence[int] = ()) -> None:
        super().__init__()
        self.scale = scale
        self.scales = sorted({scale, *supervised_scales})
        self.bicubic = nn.ModuleDict({str(s): BicubicUpscale(s) for s in self.scales})

    @abstractmethod
    def luma_outputs(self, lr_N1HW: Tensor, bicubic_N1HW: Tensor) -> list[Tensor]:
        """The network proper.

        Args:
            lr_N1HW: luma of the input, ``(N, 1, h, w)``.
            bicubic_N1HW: its bicubic upscaling, ``(N, 1, s*h, s*w)``, not clipped.

        Returns:
            The result ``(N, 1, s*h, s*w)`` in fp32, then what training supervises too.
        """

    def forward(self, lr_NCHW: Tensor) -> Tensor:
        """Any height and width; a single row or column is doubled first."""
        height, width = lr_NCHW.shape[-2:]
        sr = self.forward_aligned(pad_to_multiple(lr_NCHW, 1))
        return sr[..., : height * self.scale, : width * self.scale]

    def forward_aligned(self, lr_NCHW: Tensor) -> Tensor:
        """At least two pixels on each axis; what an export traces."""
        return self._outputs(lr_NCHW, most=1)[0]

    def forward_all(self, lr_NCHW: Tensor) -> list[Tensor]:
        """The result, then the outputs that training supervises too, each at its own scale."""
        return self._outputs(lr_NCHW)

    def _outputs(self, lr_NCHW: Tensor, most: int | None = None) -> list[Tensor]:
        with torch.autocast(lr_NCHW.device.type, enabled=False):
            up_NCHW = self.bicubic[str(self.scale)](lr_NCHW)
            lr_N1HW, bicubic_N1HW = to_luma(lr_NCHW), to_luma(up_NCHW)
        lumas = self.luma_outputs(lr_N1HW, bicubic_N1HW)[:most]
        outputs = []
        with torch.autocast(lr_NCHW.device.type, enabled=False):
            for luma in lumas:
                width = lr_NCHW.shape[-1]
                scale = next(s for s in self.scales if luma.shape[-1] == s * width)
                whole = up_NCHW if scale == self.scale else self.bicubic[str(scale)](lr_NCHW)
                outputs.append(replace_luma(whole, luma))
        return outputs
