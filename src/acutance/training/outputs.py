"""What a network gives in training: its result, and what else its loss looks at."""

from torch import Tensor, nn


class AllOutputs(nn.Module):
    """A network as a list of outputs: the result first, then what is supervised too, if anything.

    A network that has intermediate outputs offers ``forward_all``; the others need nothing.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, lr_NCHW: Tensor) -> list[Tensor]:
        """``(N, 3, h, w)`` to ``[(N, 3, s*h, s*w), ...]``."""
        forward_all = getattr(self.network, "forward_all", None)
        outputs: list[Tensor] = forward_all(lr_NCHW) if forward_all else [self.network(lr_NCHW)]
        return outputs
