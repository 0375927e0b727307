"""``1 - SSIM`` of luma as a loss: structure that squared errors weigh too little.

Source: Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 2004; as a loss: Zhao, Gallo, Frosio and Kautz,
"Loss functions for image restoration with neural networks", IEEE TCI 2017.
"""

import torch
from torch import Tensor, nn

from acutance.image.colour import BT601_STUDIO_OFFSET
from acutance.image.filters import gaussian_taps
from acutance.losses.correlation import Separable
from acutance.losses.derivative import differentiated
from acutance.losses.luma import Luma

C1, C2 = 0.01**2, 0.03**2

STEP = 2
"""The window, of sigma 1.5, lets nothing finer through: of all values or of every second one on
each axis, the derivative is the same to 1e-5 (its cosine, away from the borders), for a quarter of
the arithmetic. Every third: 5e-3."""


class SSIMLoss(nn.Module):
    """``1 - SSIM`` of each patch, on BT.601 studio luma in [0, 1], where the window fits; fp32.

    The mean over every second row and column of the SSIM map.
    """

    def __init__(self) -> None:
        super().__init__()
        self.luma = Luma()
        taps = gaussian_taps()[None]
        self._window = Separable(taps, taps, step=STEP)

    def forward(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """Both ``(N, 3, H, W)`` in [0, 1], at least 11 pixels on each axis; ``(N,)``."""

        def function(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
            value, gradient = self.of_luma(self.luma(sr), self.luma(hr))
            return value, self.luma.transposed(gradient)

        return differentiated(function, sr_NCHW, hr_NCHW)

    def of_luma(self, a_NHW: Tensor, b_NHW: Tensor) -> tuple[Tensor, Tensor]:
        """``1 - SSIM`` of lumas without their offset ``(N,)``; its derivative by a ``(N, H, W)``.

        With window means m and ``S = A1 A2 / (B1 B2)``: ``A1 = 2 m_a m_b + c1``,
        ``A2 = 2 (m_ab - m_a m_b) + c2``, ``B1 = m_a^2 + m_b^2 + c1``,
        ``B2 = m_(aa+bb) - m_a^2 - m_b^2 + c2``. By the chain rule, with the window's adjoint W:

            dS/da = W(dS/dm_a) + 2 a W(dS/dm_(aa+bb)) + b W(dS/dm_ab)
            dS/dm_(aa+bb) = -S / B2,  dS/dm_ab = 2 A1 / (B1 B2)
            dS/dm_a = (2 m_b (A2 - A1) - 2 m_a A1 A2 (1/B1 - 1/B2)) / (B1 B2)
        """
        count = len(a_NHW)
        moments = a_NHW.new_empty(4 * count, *a_NHW.shape[1:])
        a, b, squares, product = moments.chunk(4)
        torch.add(a_NHW, BT601_STUDIO_OFFSET, out=a)
        torch.add(b_NHW, BT601_STUDIO_OFFSET, out=b)
        torch.mul(a, a, out=squares).addcmul_(b, b)
        torch.mul(a, b, out=product)
        mean_a, mean_b, mean_squares, mean_ab = self._window(moments).chunk(4)
        product, squares = mean_a * mean_b, torch.addcmul(mean_a * mean_a, mean_b, mean_b)
        A1 = (2 * product).add_(C1)
        A2 = mean_ab.sub_(product).mul_(2).add_(C2)
        B2 = mean_squares.sub_(squares).add_(C2)
        B1 = squares.add_(C1)
        inverse = product.copy_(B1).mul_(B2).reciprocal_()
        S = (A1 * A2).mul_(inverse)
        value = 1 - S.mean(dim=(1, 2))
        # Derivatives of 1 - mean(S) by the three means, written where their adjoint wants them.
        factor = 1 / S[0].numel()
        wide, inside = self._window.room(S, 3 * count, *S.shape[1:])
        by_mean, by_squares, by_product = inside.chunk(3)
        torch.div(S, B2, out=by_squares)
        by_squares.mul_(factor)
        inverse.mul_(2 * factor)
        torch.mul(A1, inverse, out=by_product).neg_()
        torch.sub(S.div_(B1).mul_(factor), by_squares, out=by_mean).mul_(2).mul_(mean_a)
        by_mean.addcmul_(A1.sub_(A2).mul_(inverse), mean_b)
        # Of an odd axis, the last value that is spread lies beyond it and is zero.
        height, width = a.shape[1:]
        by_mean, by_squares, by_product = self._window.spread(wide)[:, :height, :width].chunk(3)
        return value, by_mean.addcmul_(a, by_squares, value=2).addcmul_(b, by_product)
