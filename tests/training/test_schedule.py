"""Schedules at their corners."""

import pytest

from acutance.training.config import PatchPhase
from acutance.training.schedule import learning_rate_factor, phase_at


def test_learning_rate_warms_up_holds_and_anneals_to_zero() -> None:
    factors = [learning_rate_factor(i / 1000, warmup=0.05, anneal=0.25) for i in range(1001)]
    assert factors[0] == 0
    assert factors[25] == pytest.approx(0.5)
    assert set(factors[50:750]) == {1.0}
    assert factors[875] == pytest.approx(0.5)
    assert factors[1000] == 0
    assert factors[:51] == sorted(factors[:51])
    assert factors[750:] == sorted(factors[750:], reverse=True)


def test_no_warmup_and_no_annealing() -> None:
    assert learning_rate_factor(0.0, warmup=0, anneal=0) == 1
    assert learning_rate_factor(1.0, warmup=0, anneal=0) == 1


def test_phases_change_at_their_end() -> None:
    first = PatchPhase(until=0.5, patch=16, batch=4)
    second = PatchPhase(until=1.0, patch=32, batch=2)
    assert phase_at((first, second), 0.0) is first
    assert phase_at((first, second), 0.499) is first
    assert phase_at((first, second), 0.5) is second
    assert phase_at((first, second), 1.0) is second
