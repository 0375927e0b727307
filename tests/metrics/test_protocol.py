"""Both protocols, step by step, against outside functions and the published measurements."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import correlate
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from acutance.data.benchmarks import find_benchmarks
from acutance.errors import UserError
from acutance.evaluation.run import bicubic, run
from acutance.image.filters import log_kernel
from acutance.metrics.protocol import PROTOCOLS, Score, measure, protocol


def pair(height: int = 64, width: int = 72) -> tuple[np.ndarray, np.ndarray]:
    """Floats that leave [0, 1] here and there, and 8-bit ground truth."""
    rng = np.random.default_rng(1)
    hr = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return hr / 255 + 0.2 * rng.standard_normal(hr.shape), hr


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("name", ["poster2017", "standard"])
def test_measure_step_by_step(name: str, scale: int) -> None:
    """The definition again, by scikit-image and scipy alone."""
    sr, hr = pair()
    cut = {"poster2017": 4, "standard": scale}[name]
    first = rgb2ycbcr(np.rint(np.clip(sr, 0, 1) * 255).astype(np.uint8))[cut:-cut, cut:-cut, 0]
    second = rgb2ycbcr(hr)[cut:-cut, cut:-cut, 0]
    score = measure(sr, hr, scale=scale, protocol=PROTOCOLS[name])
    expected = peak_signal_noise_ratio(first, second, data_range=255)
    assert score.psnr == pytest.approx(expected, abs=1e-9)
    filtered = correlate((first - second) / 255, log_kernel(), mode="reflect")
    assert score.hfenn == pytest.approx(np.mean(filtered**2) / 1e-4, rel=1e-9)
    assert score.hfeni == 1 / score.hfenn
    if name == "poster2017":
        first, second = (np.pad(x, 5, mode="edge") for x in (first, second))
    expected = structural_similarity(
        first, second, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert score.ssim == pytest.approx(expected, abs=1e-9)


def test_the_table_of_protocols() -> None:
    assert [(p.name, p.round_lr, p.cut(8), p.ssim_region) for p in PROTOCOLS.values()] == [
        ("poster2017", False, 4, "whole"),
        ("standard", True, 8, "valid"),
    ]
    assert protocol("standard") is PROTOCOLS["standard"]
    with pytest.raises(UserError, match="poster2017, standard"):
        protocol("mine")


def test_equal_pictures() -> None:
    _, hr = pair()
    score = measure(hr / 255, hr, scale=4, protocol=PROTOCOLS["standard"])
    assert score.psnr == score.hfeni == float("inf")
    assert score.ssim == pytest.approx(1)


def test_wrong_sizes_and_small_pictures_are_refused() -> None:
    sr, hr = pair()
    with pytest.raises(UserError, match="72 x 60, not 72 x 64"):
        measure(sr[:60], hr, scale=4, protocol=PROTOCOLS["standard"])
    with pytest.raises(UserError, match="at least 27 pixels"):
        measure(sr[:26], hr[:26], scale=8, protocol=PROTOCOLS["standard"])
    measure(sr[:27], hr[:27], scale=8, protocol=PROTOCOLS["standard"])


def means(folder: Path, scale: int, name: str) -> dict[str, Score]:
    """Bicubic by set and over all pictures."""
    rules = PROTOCOLS[name]
    images = find_benchmarks(folder, ["Set5", "Set14", "BSDS100"])
    rows = list(run({"bicubic": bicubic(scale)}, images, scale=scale, protocol=rules))
    found = {}
    for set_name in ("Set5", "Set14", "BSDS100", "all"):
        scores = [r.score for r in rows if set_name in (r.set_name, "all")]
        found[set_name] = Score(
            psnr=float(np.mean([s.psnr for s in scores])),
            ssim=float(np.mean([s.ssim for s in scores])),
            hfenn=1 / float(np.mean([s.hfeni for s in scores])),
        )
    return found


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (2, {"Set5": 33.68, "Set14": 30.33, "BSDS100": 29.57}),
        (4, {"Set5": 28.43, "Set14": 26.09, "BSDS100": 25.96}),
        (8, {"Set5": 24.40, "Set14": 23.19, "BSDS100": 23.67}),
    ],
)
def test_bicubic_reads_as_in_papers(
    benchmarks: Path, scale: int, expected: dict[str, float]
) -> None:
    """The values that papers since 2017 print: any slip in luma, crop or resize moves them."""
    measured = means(benchmarks, scale, "standard")
    for set_name, value in expected.items():
        assert measured[set_name].psnr == pytest.approx(value, abs=0.01), set_name


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (
            4,
            {
                "Set5": (28.432, 0.8108, 1.6128),
                "Set14": (26.104, 0.7059, 0.9987),
                "BSDS100": (25.967, 0.6702, 1.1181),
                "all": (26.087, 0.6803, 1.1249),
            },
        ),
        (
            8,
            {
                "Set5": (24.390, 0.6590, 0.8173),
                "Set14": (23.136, 0.5701, 0.5530),
                "BSDS100": (23.719, 0.5504, 0.6781),
                "all": (23.679, 0.5572, 0.6693),
            },
        ),
    ],
)
def test_bicubic_reads_as_when_the_poster_was_reproduced(
    benchmarks: Path, scale: int, expected: dict[str, tuple[float, float, float]]
) -> None:
    """Measured with the code that gave the poster's own rows from the published networks."""
    measured = means(benchmarks, scale, "poster2017")
    for set_name, (psnr, ssim, hfeni) in expected.items():
        score = measured[set_name]
        assert score.psnr == pytest.approx(psnr, abs=0.002), set_name
        assert score.ssim == pytest.approx(ssim, abs=0.0001), set_name
        assert score.hfeni == pytest.approx(hfeni, rel=0.001), set_name
