"""Schedules: pure functions of a run's progress in [0, 1].

Progress is the share of the run's budget that is spent, in steps or in minutes, so one schedule
serves both and always ends annealed.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Phase(Protocol):
    """Anything that holds until a given progress."""

    @property
    def until(self) -> float:
        """Progress in [0, 1] at which it ends."""
        ...


P = TypeVar("P", bound=Phase)


def learning_rate_factor(progress: float, *, warmup: float, anneal: float) -> float:
    """Multiplier of the learning rate: linear warm-up, constant, then linear to zero.

    The constant part can be continued later and a copy annealed at any time (warm-up, stable,
    decay: Hu et al., "MiniCPM", 2024).

    Args:
        progress: in [0, 1].
        warmup: share of the run that warms up.
        anneal: share of the run, at its end, that goes to zero.

    Example:
        >>> [learning_rate_factor(p, warmup=0.1, anneal=0.5) for p in (0.05, 0.3, 0.75, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    up = progress / warmup if warmup else 1.0
    down = (1 - progress) / anneal if anneal else 1.0
    return max(0.0, min(1.0, up, down))


def phase_at(phases: Sequence[P], progress: float) -> P:
    """The first phase whose ``until`` lies beyond ``progress``; the last one at the very end."""
    for phase in phases:
        if progress < phase.until:
            return phase
    return phases[-1]
