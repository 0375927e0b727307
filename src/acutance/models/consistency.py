"""What a low-resolution picture (LR) says about its original is kept; the DNN adds the rest.

``D G(x) = x``, with the reduction ``D``: antialiased bicubic. The best guess by squared error has
this property exactly, since ``D`` is linear; a network has it nearly (about 50 dB), and what it
lacks is a few hundredths of a decibel. Source of the idea: Bahat and Michaeli, "Explorable super
resolution", CVPR 2020; there the inverse is computed in the frequency domain.

All is done on phases: an HR picture as ``s*s`` LR planes a channel, as before a pixel shuffle, so
that every operator is a convolution of LR planes.
"""

import torch
from torch import Tensor, nn

from acutance.image.resize import (
    REACH,
    reduction_kernel,
    upscale_inverse,
    upscale_kernel,
)
from acutance.models.blocks import pad_symmetric


class Consistency(nn.Module):
    """Takes out of a picture what its reduction shows, and puts the LR's content there. In fp32.

    With ``U``, bicubic, and ``F``, a filter of LR pixels with ``D U F = 1`` to 7 % at any
    frequency, ``U F`` is an inverse of ``D``. The filters are fixed and not among stored weights.
    """

    reach = 3 * REACH
    """LR pixels on each side that ``complement`` takes into account: D, F and U."""

    up: Tensor
    inverse: Tensor
    reduction: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        filters = {
            "up": _for_each_channel(torch.from_numpy(upscale_kernel(scale))[:, None]),
            "inverse": _for_each_channel(torch.from_numpy(upscale_inverse(scale))[None, None]),
            "reduction": _for_each_channel(torch.from_numpy(reduction_kernel(scale))[None]),
        }
        for name, kernel in filters.items():
            self.register_buffer(name, kernel.float(), persistent=False)

    def bicubic(self, lr_NCHW: Tensor) -> Tensor:
        """Bicubic, corrected until its reduction is the LR: ``(N, 3, h, w)`` to phases."""
        with torch.autocast(lr_NCHW.device.type, enabled=False):
            lr_NCHW = lr_NCHW.float()
            phases = self._upscale(lr_NCHW)
            return phases + self._invert(lr_NCHW - self._reduce(phases))

    def complement(self, phases_NCHW: Tensor) -> Tensor:
        """What of a picture its reduction does not show: ``(1 - U F D) y``, phases to phases."""
        with torch.autocast(phases_NCHW.device.type, enabled=False):
            phases_NCHW = phases_NCHW.float()
            return phases_NCHW - self._invert(self._reduce(phases_NCHW))

    def _upscale(self, lr_NCHW: Tensor) -> Tensor:
        return nn.functional.conv2d(pad_symmetric(lr_NCHW, REACH), self.up)

    def _invert(self, lr_NCHW: Tensor) -> Tensor:
        sharpened = nn.functional.conv2d(pad_symmetric(lr_NCHW, REACH), self.inverse)
        return self._upscale(sharpened)

    def _reduce(self, phases_NCHW: Tensor) -> Tensor:
        return nn.functional.conv2d(_pad_phases(phases_NCHW, self.scale), self.reduction)


def _for_each_channel(kernel: Tensor) -> Tensor:
    """``(out, in, kh, kw)`` of one colour to ``(3 * out, 3 * in, kh, kw)``, colours apart."""
    outputs, inputs = kernel.shape[:2]
    whole = kernel.new_zeros(3 * outputs, 3 * inputs, *kernel.shape[2:])
    for c in range(3):
        whole[c * outputs : (c + 1) * outputs, c * inputs : (c + 1) * inputs] = kernel
    return whole


def _pad_phases(phases_NCHW: Tensor, scale: int) -> Tensor:
    """Mirror the HR picture at its edges by ``REACH`` LR pixels: planes and phases turn around."""
    n, c, h, w = phases_NCHW.shape
    y = phases_NCHW.reshape(n, 3, scale, scale, h, w)
    above, below = y[..., :REACH, :].flip(2, 4), y[..., h - REACH :, :].flip(2, 4)
    y = torch.cat([above, y, below], dim=4)
    left, right = y[..., :REACH].flip(3, 5), y[..., w - REACH :].flip(3, 5)
    y = torch.cat([left, y, right], dim=5)
    return y.reshape(n, c, h + 2 * REACH, w + 2 * REACH)
