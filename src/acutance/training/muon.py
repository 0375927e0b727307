"""Muon: momentum whose every step is made orthogonal, so that all directions learn alike.

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), scaled as
in Liu et al., "Muon is scalable for LLM training" (2025), so that AdamW's learning rates fit.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Quintic that takes singular values in (0, 1] to about 1 in five steps."""
ITERATIONS = 5
ADAMW_SIZE = 0.2
"""Root mean square of AdamW's steps, in learning rates: what Muon's are scaled to."""
EPSILON = 1e-8
SMALLEST = 1e-12
"""Length of a matrix that counts as zero; squares of much less are none in fp32. So is a number
that is as small a part of its matrix's length."""
FADED = 1e-30
"""Momentum that counts as zero: that of a dead unit fades into denormal numbers, which processors
multiply many times slower. PyTorch flushes them in one of its threads alone."""


class Muon(torch.optim.Optimizer):
    """Muon for the inner convolutions, Adam for the first and last one and for the biases.

    Args:
        parameters: those of a network, in its order.
        lr: learning rate of both.
        betas: Adam's averages.
        weight_decay: decoupled, of both.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(list(parameters), {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step; ``closure`` is not supported."""
        if closure is not None:
            raise ValueError("Muon takes no closure")
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            weights = [p for p in parameters if p.ndim == 4]
            inner = {id(p) for p in weights[1:-1]}
            by_shape: dict[torch.Size, list[nn.Parameter]] = {}
            for p in parameters:
                if group["weight_decay"]:
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                if id(p) in inner:
                    by_shape.setdefault(p.shape, []).append(p)
                else:
                    self._adam(p, group["lr"], group["betas"])
            for alike in by_shape.values():
                self._muon(alike, group["lr"])

    def _muon(self, parameters: list[nn.Parameter], lr: float) -> None:
        """Parameters of one shape."""
        directions = []
        for p in parameters:
            assert p.grad is not None
            state = self.state[p]
            if not state:
                state["momentum"] = torch.zeros_like(p)
            momentum = state["momentum"].lerp_(p.grad, 1 - MOMENTUM)
            momentum.masked_fill_(momentum.abs() < FADED, 0)
            directions.append(p.grad.lerp(momentum, MOMENTUM).flatten(1))
        orthogonal = orthogonalised(torch.stack(directions))
        scale = ADAMW_SIZE * max(orthogonal.shape[1:]) ** 0.5
        for p, direction in zip(parameters, orthogonal, strict=True):
            p.sub_(direction.view_as(p), alpha=lr * scale)

    def _adam(self, p: nn.Parameter, lr: float, betas: tuple[float, float]) -> None:
        assert p.grad is not None
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        step = state["step"].add_(1).item()
        first = state["exp_avg"].lerp_(p.grad, 1 - betas[0])
        second = state["exp_avg_sq"].lerp_(p.grad.square(), 1 - betas[1])
        size = (second / (1 - betas[1] ** step)).sqrt_().add_(EPSILON)
        p.addcdiv_(first, size, value=-lr / (1 - betas[0] ** step))


def orthogonalised(matrices_NRC: Tensor) -> Tensor:
    """Matrices with all singular values about 1 (0.7 to 1.2) and the same singular vectors.

    A step of Newton and Schulz is ``X <- (a + b A + c A^2) X`` with ``A = X X^T``. The polynomials
    commute, so they are collected on the short side, and the long one is multiplied once.

    Args:
        matrices_NRC: ``(n, rows, columns)``; those of zeros, or nearly, stay about zero.
    """
    x = matrices_NRC.float()
    if x.shape[1] > x.shape[2]:
        return orthogonalised(x.transpose(1, 2)).transpose(1, 2)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(SMALLEST)
    x = x.masked_fill(x.abs() < SMALLEST, 0)
    a, b, c = NEWTON_SCHULZ
    identity = torch.eye(x.shape[1], device=x.device, dtype=x.dtype)
    gram, collected = x @ x.transpose(1, 2), identity.expand(len(x), -1, -1)
    for i in range(ITERATIONS):
        factor = a * identity + b * gram + c * gram @ gram
        collected = factor @ collected
        if i + 1 < ITERATIONS:
            gram = factor @ gram @ factor
    result: Tensor = collected @ x
    return result
