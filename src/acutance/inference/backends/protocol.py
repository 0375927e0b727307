"""What a backend is: something that runs one model on one padded tile."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Backend(Protocol):
    """Runs a network; device and arithmetic were chosen when it was made."""

    name: str
    """For the person: engine, device and arithmetic."""

    def run(self, lr_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(1, 3, h, w)`` in [0, 1] to ``(1, 3, s*h, s*w)``, not clipped.

        ``h`` and ``w`` are multiples of the card's ``multiple``.
        """
        ...
