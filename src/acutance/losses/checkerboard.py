"""A loss of checkerboards: power at the harmonics of the LR grid, which no photo has there.

A tail that shuffles pixels repeats its pattern with every LR pixel wherever the picture is smooth,
and losses that ask for details let it pass (Odena, Dumoulin and Olah, "Deconvolution and
checkerboard artifacts", Distill 2016). ``acutance.metrics.checkerboard`` measures the same.
"""

import torch
from torch import Tensor, nn

from acutance.image.lr_grid import CELLS, around, harmonics

HALVES = 2
"""Windows overlap by half."""

DARK = 30.0 / 255**2
"""Added to the power of values in [0, 1]: about that of rounding to 8 bits, which nobody sees."""


class Checkerboard(nn.Module):
    """``mean over windows and colours of max(0, c(sr) - mean of c(hr))``.

    ``c`` is how far log2 of the power at the ``scale^2 - 1`` harmonics exceeds that around them, in
    windows of 16 x 8 LR pixels (Hann).

    Args:
        scale: upscaling factor.
    """

    window: Tensor
    own: Tensor
    others: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.side = CELLS * scale
        hann = torch.hann_window(self.side)
        self.register_buffer("window", hann[:, None] * hann, persistent=False)
        own = harmonics(scale)
        self.register_buffer("own", torch.tensor(own).T, persistent=False)
        others = torch.tensor([around(scale, harmonic) for harmonic in own])
        self.register_buffer("others", others.permute(2, 0, 1), persistent=False)

    def forward(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """A scalar; 0 for pictures smaller than a window, which have none."""
        if min(sr_NCHW.shape[2:]) < self.side:
            return sr_NCHW.new_zeros(())
        with torch.no_grad():
            natural = self._standing_out(hr_NCHW).mean()
        return (self._standing_out(sr_NCHW) - natural).relu().mean()

    def _standing_out(self, picture_NCHW: Tensor) -> Tensor:
        """Of each window of each colour."""
        step = self.side // HALVES
        windows = picture_NCHW.float().unfold(2, self.side, step).unfold(3, self.side, step)
        windows = (windows - windows.mean(dim=(-2, -1), keepdim=True)) * self.window
        spectrum = torch.fft.fft2(windows)
        power = torch.log2(spectrum.real.square() + spectrum.imag.square() + DARK)
        own, others = (power[..., y, x] for y, x in (self.own, self.others))
        return (own - others.mean(-1)).mean(-1)
