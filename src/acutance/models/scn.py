"""SCN: sparse coding as a network, for a factor of 2, cascaded for larger ones.

Source: Wang, Liu, Yang, Han and Huang, "Deep networks for image super-resolution with sparse
prior", ICCV 2015, and the structure of its published weights. A stage takes luma, doubles it by
bicubic, and improves it patch by patch, 5x5 pixels around each pixel:

    x   = H * luma / ||H * luma||         features of the surroundings: 100 filters of 9x9
    z_0 = shrink(W x)                     LISTA (Gregor and LeCun, ICML 2010): sparse codes
    z_k = shrink(W x + S z_{k-1})         of 128 atoms, k = 1
    p   = D z_k                           the patch that the codes stand for
    p   = 1.1 p ||patch - its mean|| / ||p||
    y   = mean + G p                      overlapping patches weighted by their 25 pixels and added

with shrink(a) = sign(a) max(|a| - 1, 0): thresholds other than 1 are part of W, S and D. The mean
is the average of the means of the 25 patches that cover a pixel, a fixed filter of 9x9. Every
layer is a convolution; edges are mirrored.

What is fresh starts as a code of the patch itself, so that an untrained network is close to
bicubic: H copies the patch without its mean, W and D are the identity with both signs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acutance.models.blocks import BicubicUpscale, mirror
from acutance.models.luma import LumaNetwork

SCALES = (2, 4, 8)
PATCH = 5
FIELD = 9  # side of H's filters
CONTRAST = 1.1
REACH = FIELD // 2 + PATCH // 2
TINY = 1e-12  # under a root: makes the direction of a flat patch zero, not undefined


@dataclass(frozen=True, kw_only=True)
class SCNConfig:
    """Shape of an SCN."""

    scale: int
    """Upscaling factor: 2, 4 or 8, a stage for each factor of 2."""
    features: int = 100
    """Filters of H."""
    atoms: int = 128
    """Length of the sparse codes."""
    recursions: int = 1
    """How often the codes are refined."""

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale must be one of {SCALES}, not {self.scale}")
        if self.features < 1 or self.atoms < 1 or self.recursions < 0:
            raise ValueError("features and atoms must be at least 1, recursions at least 0")

    @property
    def stages(self) -> int:
        """Doublings."""
        return self.scale.bit_length() - 1

    @property
    def multiple(self) -> int:
        """LR height and width are padded to a multiple of this."""
        return 1

    @property
    def receptive_field(self) -> int:
        """LR pixels on each side: six pixels of a stage's result, two of its input, each stage."""
        reach = 0
        for _ in range(self.stages):
            reach = -(-(reach + REACH) // 2) + 2
        return reach

    @property
    def feature_values(self) -> int:
        """Values of the feature maps alive at once for one LR pixel."""
        return (self.features + 3 * self.atoms + 2 * PATCH**2) * self.scale**2


class SCN(LumaNetwork):
    """``(N, 3, h, w)`` in [0, 1] to ``(N, 3, s*h, s*w)``; all stages share their weights.

    ``forward_all`` gives the result of every stage.
    """

    mean_filter: Tensor
    detail_filters: Tensor
    overlap: Tensor

    def __init__(self, config: SCNConfig) -> None:
        super().__init__(config.scale, [2**stage for stage in range(1, config.stages)])
        self.config = config
        pixels = PATCH**2
        self.upscale = BicubicUpscale(2)
        self.H = nn.Conv2d(1, config.features, FIELD, bias=False)
        self.W = nn.Conv2d(config.features, config.atoms, 1, bias=False)
        self.S = nn.Conv2d(config.atoms, config.atoms, 1, bias=False)
        self.D = nn.Conv2d(config.atoms, pixels, 1, bias=False)
        self.G = nn.Parameter(torch.full((pixels,), 1 / (CONTRAST * pixels)))
        self.register_buffer("mean_filter", mean_filter(), persistent=False)
        self.register_buffer("detail_filters", detail_filters(), persistent=False)
        # Patch pixel (r, c) lands on the pixel that lies (2 - r, 2 - c) before the patch's centre.
        overlap = torch.eye(pixels).flip(0).reshape(1, pixels, PATCH, PATCH)
        self.register_buffer("overlap", overlap, persistent=False)
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        """The code of a patch is the patch, eight times larger than the threshold."""
        for conv in (self.H, self.W, self.S, self.D):
            nn.init.normal_(conv.weight, std=0.02)
        copies = min(PATCH**2, self.config.features, self.config.atoms // 2)
        margin = (FIELD - PATCH) // 2
        inner = slice(margin, margin + PATCH)
        self.H.weight[:copies, :, inner, inner] += self.detail_filters[:copies]
        for i in range(copies):
            for sign, atom in ((1, i), (-1, copies + i)):
                self.W.weight[atom, i] += 8 * sign
                self.D.weight[i, atom] += sign

    def luma_outputs(self, lr_N1HW: Tensor, bicubic_N1HW: Tensor) -> list[Tensor]:
        """The stages' results, the largest first."""
        image, images = lr_N1HW, []
        for _ in range(self.config.stages):
            image = self._stage(image)
            images.append(image)
        return images[::-1]

    def _stage(self, lr_N1HW: Tensor) -> Tensor:
        """Luma ``(N, 1, h, w)`` to ``(N, 1, 2h, 2w)``."""
        with torch.autocast(lr_N1HW.device.type, enabled=False):
            image = self.upscale(lr_N1HW)
            for dim in (2, 3):
                image = mirror(image, dim, before=REACH, after=REACH)
            margin = (FIELD - PATCH) // 2
            inner = image[:, :, margin:-margin, margin:-margin]
            mean = nn.functional.conv2d(inner, self.mean_filter)
            detail = nn.functional.conv2d(inner, self.detail_filters)
            features = self.H(image)
            features = features / _norm(features)
        drive = self.W(features)
        code = nn.functional.softshrink(drive, 1.0)
        for _ in range(self.config.recursions):
            code = nn.functional.softshrink(drive + self.S(code), 1.0)
        patch = self.D(code).float()
        with torch.autocast(lr_N1HW.device.type, enabled=False):
            patch = patch * (CONTRAST * _norm(detail) / _norm(patch))
            weights = self.overlap * self.G[None, :, None, None]
            return mean + nn.functional.conv2d(patch, weights)


def mean_filter() -> Tensor:
    """Average of the means of the 25 patches around a pixel: ``(1, 1, 9, 9)``, sums to 1."""
    box = torch.ones(1, 1, PATCH) / PATCH
    triangle = nn.functional.conv1d(box, box, padding=PATCH - 1)[0, 0]
    return (triangle[:, None] * triangle[None, :])[None, None]


def detail_filters() -> Tensor:
    """Each pixel of a patch minus the patch's mean, row by row: ``(25, 1, 5, 5)``, sums 0."""
    pixels = PATCH**2
    filters = torch.eye(pixels) - 1 / pixels
    return filters.reshape(pixels, 1, PATCH, PATCH)


def _norm(x_NCHW: Tensor) -> Tensor:
    """Length over the channels, ``(N, 1, H, W)``, never zero."""
    return (x_NCHW.square().sum(dim=1, keepdim=True) + TINY).sqrt()
