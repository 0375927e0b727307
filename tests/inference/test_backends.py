"""Backends that wrap others, and the arithmetic that OpenVINO takes by itself."""

import numpy as np
import pytest

from acutance.inference.backends import openvino
from acutance.inference.backends.ensemble import SelfEnsemble
from acutance.inference.backends.openvino import fastest_precision


class Ramp:
    """Nearest neighbour plus a slope to the right and down, which the ensemble cancels."""

    name = "ramp"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, lr_NCHW: np.ndarray) -> np.ndarray:
        self.shapes.append(lr_NCHW.shape)
        sr = lr_NCHW.repeat(2, axis=2).repeat(2, axis=3)
        y, x = np.mgrid[: sr.shape[2], : sr.shape[3]].astype(np.float32)
        return sr + (x - (sr.shape[3] - 1) / 2) + 3 * (y - (sr.shape[2] - 1) / 2)


def test_self_ensemble_is_the_mean_over_the_eight_orientations() -> None:
    lr = np.random.default_rng(0).random((1, 3, 5, 7), dtype=np.float32)
    backend = Ramp()
    sr = SelfEnsemble(backend).run(lr)
    assert sr == pytest.approx(lr.repeat(2, axis=2).repeat(2, axis=3), abs=1e-5)
    assert backend.shapes == 4 * [(1, 3, 5, 7)] + 4 * [(1, 3, 7, 5)]


@pytest.mark.parametrize(
    ("multiplies", "fp32", "bf16", "expected"),
    [
        (False, 9.0, 1.0, "fp32"),
        (True, 1.0, 2.0, "fp32"),
        (True, 1.1, 1.0, "fp32"),
        (True, 2.0, 1.0, "bf16"),
    ],
)
def test_bf16_is_taken_only_where_it_pays(
    monkeypatch: pytest.MonkeyPatch, multiplies: bool, fp32: float, bf16: float, expected: str
) -> None:
    seconds = iter([fp32] * 5 + [bf16] * 5)
    monkeypatch.setattr(openvino, "_multiplies_bf16", lambda _core: multiplies)
    monkeypatch.setattr(openvino, "_timed", lambda *_: next(seconds))
    assert fastest_precision.__wrapped__() == expected
