"""The arithmetic that a run takes by itself."""

import pytest
import torch

from acutance.training import hardware
from acutance.training.hardware import bf16_speed, choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("amx", "avx512", "speed", "expected"),
    [
        (False, False, 9.0, torch.float32),
        (False, True, 0.5, torch.float32),
        (False, True, 2.0, torch.bfloat16),
        (True, True, 0.5, torch.bfloat16),
    ],
)
def test_auto_is_bf16_where_it_pays(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512: bool, speed: float, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(hardware, "bf16_speed", lambda: speed)
    assert choose_precision("auto", CPU) == expected


def test_what_is_asked_for_is_taken() -> None:
    assert choose_precision("fp32", CPU) == torch.float32
    assert choose_precision("bf16", CPU) == torch.bfloat16


def test_the_speed_of_bf16_is_a_ratio_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    # Six convolutions in fp32, the first slow, and six in bf16.
    seconds = [9.0, 3, 3, 3, 3, 3, 9, 2, 2, 2, 2, 2]
    clock = iter([time for taken in seconds for time in (0.0, taken)])
    monkeypatch.setattr(hardware.time, "perf_counter", lambda: next(clock))
    assert bf16_speed() == 1.5
