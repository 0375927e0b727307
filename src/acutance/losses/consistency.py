"""Low-frequency consistency: the output, made small again, is the picture that it was made from.

Every detail that the network invents must vanish under the reduction. Source of the idea: Lugmayr
et al., "SRFlow", ECCV 2020, which measures it; the metric is LR-PSNR.
"""

import torch
from torch import Tensor, nn

from acutance.image.resize import bicubic_matrix

EDGE = 2  # LR pixels at a patch's edge whose reduction reaches outside it


class Consistency(nn.Module):
    """``mean |reduce(sr) - lr|`` with the package's antialiased bicubic, fp32, edges left out."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self._matrices: dict[tuple[int, torch.device], Tensor] = {}

    def forward(self, sr_NCHW: Tensor, lr_NCHW: Tensor) -> Tensor:
        """``(N, 3, s*h, s*w)`` and ``(N, 3, h, w)``, more than four LR pixels a side; a scalar."""
        rows, columns = (self._matrix(size, sr_NCHW.device) for size in lr_NCHW.shape[2:])
        with torch.autocast(sr_NCHW.device.type, enabled=False):
            reduced = rows @ (sr_NCHW.float().contiguous() @ columns.T)
            inner = lr_NCHW[..., EDGE:-EDGE, EDGE:-EDGE].float()
            return (reduced - inner).abs().mean()

    def _matrix(self, size: int, device: torch.device) -> Tensor:
        key = (size, device)
        if key not in self._matrices:
            matrix = bicubic_matrix(size * self.scale, size)[EDGE:-EDGE]
            self._matrices[key] = torch.from_numpy(matrix).float().to(device)
        return self._matrices[key]
