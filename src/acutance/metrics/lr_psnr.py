"""LR-PSNR: does the output, made small again, give the picture that it was made from?

Source: Lugmayr, Danelljan and Timofte, "NTIRE 2021 learning the super-resolution space challenge",
CVPRW 2021, there of RGB; here of luma as all our PSNRs, by our one bicubic.
"""

import numpy as np
from numpy.typing import NDArray

from acutance.image.colour import bt601_studio_luma
from acutance.image.resize import resize
from acutance.metrics.psnr import psnr


def lr_psnr(sr: NDArray[np.floating], lr: NDArray[np.floating]) -> float:
    """Luma PSNR in dB of the antialiased bicubic reduction of ``sr`` against ``lr``; nothing cut.

    Args:
        sr: ``(s*h, s*w, 3)`` in [0, 1]; the reduction is neither rounded nor clipped.
        lr: ``(h, w, 3)``, what the method was given.
    """
    reduced = resize(sr.astype(np.float64), *lr.shape[:2])
    return psnr(bt601_studio_luma(reduced), bt601_studio_luma(lr.astype(np.float64)))
