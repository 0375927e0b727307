"""A loss of checkerboards: power at the harmonics of the LR grid, which no photo has there.

A tail that shuffles pixels repeats its pattern with every LR pixel wherever the picture is smooth,
and losses that ask for details let it pass (Odena, Dumoulin and Olah, "Deconvolution and
checkerboard artifacts", Distill 2016). ``acutance.metrics.checkerboard`` measures the same.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from acutance.image.lr_grid import APART, CELLS

DARK = 30.0 / 255**2
"""Added to the power of values in [0, 1]: about that of rounding to 8 bits, which nobody sees."""


class Checkerboard(nn.Module):
    """``mean over windows and colours of max(0, c(sr) - mean of c(hr))``.

    ``c`` is how far log2 of the power at the ``scale^2 - 1`` harmonics exceeds that around them, in
    windows of 8 x 8 LR pixels (Hann).

    Args:
        scale: upscaling factor.
    """

    waves: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.side = CELLS * scale
        # Each harmonic of an axis between the two frequencies that it is compared with.
        steps = (-APART, 0, APART)
        frequencies = torch.tensor([CELLS * k + step for k in range(scale) for step in steps])
        angles = 2 * math.pi / self.side * frequencies[:, None] * torch.arange(self.side)
        waves = torch.cat([angles.cos(), angles.sin()]) * torch.hann_window(self.side)
        self.register_buffer("waves", waves, persistent=False)

    def forward(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """A scalar; 0 for pictures smaller than a window, which have none."""
        if min(sr_NCHW.shape[2:]) < self.side:
            return sr_NCHW.new_zeros(())
        with torch.autocast(sr_NCHW.device.type, enabled=False):
            with torch.no_grad():
                natural = self._standing_out(hr_NCHW.float()).mean()
            return (self._standing_out(sr_NCHW.float()) - natural).relu().mean()

    def _standing_out(self, picture_NCHW: Tensor) -> Tensor:
        """Of each window of each colour; windows overlap by half.

        The Fourier transform at the few frequencies that are asked for, down and then across, as
        convolutions with cosines and sines.
        """
        planes = picture_NCHW.reshape(-1, 1, *picture_NCHW.shape[2:])
        step, count = self.side // 2, len(self.waves)
        down = F.conv2d(planes, self.waves[:, None, :, None], stride=(step, 1))
        rows = down.reshape(-1, 1, *down.shape[2:])
        across = F.conv2d(rows, self.waves[:, None, None, :], stride=(1, step))
        both = across.reshape(-1, 2, count // 2, 2, count // 2, *across.shape[2:])
        cosines, sines = both.unbind(1)
        real, imaginary = cosines[:, :, 0] - sines[:, :, 1], cosines[:, :, 1] + sines[:, :, 0]
        power = torch.log2(real.square() + imaginary.square() + DARK)
        scale = count // 6
        blocks = power.reshape(-1, scale, 3, scale, 3, *power.shape[3:])
        own = blocks[:, :, 1, :, 1]
        # 9/8 of the centre less the block's mean: the centre less the mean of the eight around it.
        excess = (9 / 8) * (own - blocks.mean(dim=(2, 4)))
        return (excess.sum(dim=(1, 2)) - excess[:, 0, 0]) / (scale**2 - 1)
