"""The proof that networks, importer and protocol are right: published weights on Set5.

The figures are those of docs/baselines.md, measured independently of this package. The files are
not part of the project: a folder named by ``ACUTANCE_PEERS``, or the one beside the checkout.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from acutance.data.benchmarks import find_benchmarks
from acutance.evaluation.run import run
from acutance.evaluation.table import summarise
from acutance.metrics.protocol import PROTOCOLS
from acutance.models.published import read_published

VARIABLE = "ACUTANCE_PEERS"
BESIDE = Path(__file__).parents[3] / "shared" / "peers"


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("key", "file", "scale", "psnr", "ssim", "hfeni"),
    [
        ("lapsrn", "LapSRN_x4.mat", 4, 31.539, 0.8852, 3.5560),
        ("vdsr", "VDSR_Official.mat", 4, 31.362, 0.8832, 3.3777),
        ("lapsrn", "LapSRN_x8.mat", 8, 26.067, 0.7362, 1.0172),
        ("scn", "SCN_weights_srnet_x2_52.mat", 8, 25.545, 0.7046, 0.9294),
    ],
)
def test_published_weights_reach_their_figures(
    benchmarks: Path, key: str, file: str, scale: int, psnr: float, ssim: float, hfeni: float
) -> None:
    folder = Path(os.environ.get(VARIABLE, BESIDE))
    if not (folder / file).is_file():
        pytest.skip(f"no {file}: set {VARIABLE} to a folder with the published weights")
    network = read_published(key, [folder / file], scale=scale).eval()

    def upscale(lr: NDArray[np.float32]) -> NDArray[np.floating]:
        lr_NCHW = torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1), np.float32))[None]
        with torch.inference_mode():
            return np.asarray(network(lr_NCHW)[0].permute(1, 2, 0).numpy())

    pictures = find_benchmarks(benchmarks, ["Set5"])
    rows = list(run({key: upscale}, pictures, scale=scale, protocol=PROTOCOLS["poster2017"]))
    (line,) = summarise(rows)
    assert line.psnr == pytest.approx(psnr, abs=0.02)
    assert line.ssim == pytest.approx(ssim, abs=0.0005)
    assert line.hfeni == pytest.approx(hfeni, rel=0.005)
