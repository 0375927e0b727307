"""``1 - SSIM`` of luma as a loss: structure that squared errors weigh too little.

Source: Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 2004; as a loss: Zhao, Gallo, Frosio and Kautz,
"Loss functions for image restoration with neural networks", IEEE TCI 2017.
"""

import torch
from torch import Tensor, nn

from acutance.image.colour import BT601_STUDIO_OFFSET
from acutance.image.filters import gaussian_taps
from acutance.losses.correlation import Correlation, correlate_separable
from acutance.losses.luma import Luma


class SSIMLoss(nn.Module):
    """``1 - SSIM`` of each patch, on BT.601 studio luma in [0, 1], where the window fits; fp32."""

    def __init__(self) -> None:
        super().__init__()
        self.luma = Luma()
        self._window = Correlation(gaussian_taps())

    def forward(self, sr_NCHW: Tensor, hr_NCHW: Tensor) -> Tensor:
        """Both ``(N, 3, H, W)`` in [0, 1], at least 11 pixels on each axis; ``(N,)``."""
        with torch.autocast(sr_NCHW.device.type, enabled=False):
            a, b = (self.luma(x) + BT601_STUDIO_OFFSET for x in (sr_NCHW, hr_NCHW))
            mu_a, mu_b, mean_aa, mean_bb, mean_ab = (
                self._mean(x) for x in (a, b, a * a, b * b, a * b)
            )
            var_a, var_b, cov = mean_aa - mu_a**2, mean_bb - mu_b**2, mean_ab - mu_a * mu_b
            c1, c2 = 0.01**2, 0.03**2
            numerator = (2 * mu_a * mu_b + c1) * (2 * cov + c2)
            denominator = (mu_a**2 + mu_b**2 + c1) * (var_a + var_b + c2)
            return 1 - (numerator / denominator).mean(dim=(1, 2))

    def _mean(self, x_NHW: Tensor) -> Tensor:
        return correlate_separable(x_NHW, self._window, self._window)
