"""Backends that wrap others."""

import numpy as np
import pytest

from acutance.inference.backends.ensemble import SelfEnsemble


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
