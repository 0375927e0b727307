"""Building blocks of networks: residual block, up, mirrored edges, bicubic branch."""

import torch
from torch import Tensor, nn

from acutance.image.resize import upscale_kernel
from acutance.models.padding import padding_to_multiple


class ResidualBlock(nn.Module):
    """``x + conv3x3(ReLU(conv3x3(x)))``, no normalisation.

    Source: Lim et al., "Enhanced deep residual networks for single image super-resolution" (EDSR),
    CVPRW 2017. The last convolution starts at a tenth of its usual size, so that a deep net starts
    near the identity.

    Args:
        channels: of the input, the output and between.
        slope: what the ReLU does to negative values: leaky ones (Maas, Hannun and Ng, 2013) cannot
            die, so that every channel goes on learning (docs/benchmarks/log.md).
    """

    def __init__(self, channels: int, *, slope: float = 0.0) -> None:
        super().__init__()
        self.slope = slope
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.conv2.weight.mul_(0.1)
            assert self.conv2.bias is not None
            nn.init.zeros_(self.conv2.bias)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        residual: Tensor = self.conv2(rectified(self.conv1(x_NCHW), self.slope))
        return x_NCHW + residual


class PlainBlock(nn.Module):
    """``ReLU(conv3x3(ReLU(conv3x3(x))))``: what a residual block is without its identity."""

    def __init__(self, channels: int, *, slope: float = 0.0) -> None:
        super().__init__()
        self.slope = slope
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        he_start(self.conv1)
        he_start(self.conv2)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        inner = rectified(self.conv1(x_NCHW), self.slope)
        return rectified(self.conv2(inner), self.slope)


def rectified(x: Tensor, slope: float) -> Tensor:
    """``max(x, 0) + slope * min(x, 0)``."""
    return nn.functional.leaky_relu(x, slope) if slope else torch.relu(x)


def residual_blocks(
    channels: int, count: int, *, residuals: bool = True, slope: float = 0.0
) -> nn.Sequential:
    """``count`` residual blocks in a row; plain ones without ``residuals``."""
    block = ResidualBlock if residuals else PlainBlock
    return nn.Sequential(*(block(channels, slope=slope) for _ in range(count)))


def he_start(conv: nn.Module, *, slope: float = 0.0) -> None:
    """Weights that keep the variance through a (leaky) ReLU, biases zero.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
    nn.init.kaiming_normal_(conv.weight, slope, nonlinearity="leaky_relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


class Up(nn.Module):
    """Twice the size: 1x1 convolution to ``4 * channels_out``, then a pixel shuffle."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, 4 * channels_out, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(self.conv(x_NCHW), 2)


def pad_symmetric(x_NCHW: Tensor, amount: int) -> Tensor:
    """Mirror all four edges, the edge pixel repeated; MATLAB's 'symmetric', which torch lacks.

    Written as slices and concatenations so that it exports to ONNX as it is. Needs at least
    ``amount`` pixels on each axis; ``amount`` is small (2 for the bicubic branch).
    """
    top = [x_NCHW[:, :, i : i + 1] for i in reversed(range(amount))]
    bottom = [x_NCHW[:, :, -1 - i : x_NCHW.shape[2] - i] for i in range(amount)]
    x_NCHW = torch.cat([*top, x_NCHW, *bottom], dim=2)
    left = [x_NCHW[:, :, :, i : i + 1] for i in reversed(range(amount))]
    right = [x_NCHW[:, :, :, -1 - i : x_NCHW.shape[3] - i] for i in range(amount)]
    return torch.cat([*left, x_NCHW, *right], dim=3)


def mirror(x_NCHW: Tensor, dim: int, *, before: int, after: int) -> Tensor:
    """Mirror both ends of an axis, the edge pixel repeated, by any number of pixels.

    The indices n-1..0, 0..n-1, n-1..0, .. are periodic, so that a tiny picture works too.
    """
    size = x_NCHW.shape[dim]
    # As a tensor: ONNX has no remainder by a size that is free.
    period = torch.full((), 2 * size, dtype=torch.long, device=x_NCHW.device)
    index = torch.arange(-before, size + after, device=x_NCHW.device).remainder(period)
    index = torch.minimum(index, period - 1 - index)
    return x_NCHW.index_select(dim, index)


def pad_to_multiple(x_NCHW: Tensor, multiple: int) -> Tensor:
    """Append mirrored pixels at the right and bottom, as ``padding_to_multiple`` asks."""
    for dim in (2, 3):
        size = x_NCHW.shape[dim]
        padding = padding_to_multiple(size, multiple)
        if padding > 0:
            x_NCHW = mirror(x_NCHW, dim, before=0, after=padding)
    return x_NCHW


class BicubicUpscale(nn.Module):
    """``Bicubic(x)`` of the paper: ``acutance.image.resize`` by an integer, in fp32.

    One convolution of a single channel with ``scale * scale`` filters, then a pixel shuffle. The
    filters are fixed and are not part of the stored weights.
    """

    kernel: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        kernel = torch.from_numpy(upscale_kernel(scale)).float().unsqueeze(1)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """``(N, C, h, w)`` -> ``(N, C, s*h, s*w)``, fp32 whatever autocast says, not clipped."""
        n, c, h, w = x_NCHW.shape
        with torch.autocast(x_NCHW.device.type, enabled=False):
            padded = pad_symmetric(x_NCHW.float(), 2)
            planes = padded.reshape(n * c, 1, h + 4, w + 4)
            phases = nn.functional.conv2d(planes, self.kernel)
            up = nn.functional.pixel_shuffle(phases, self.scale)
        return up.reshape(n, c, h * self.scale, w * self.scale)
