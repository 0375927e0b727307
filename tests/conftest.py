"""Photos to train on, and where the benchmark pictures are for the tests that need them."""

import os
from pathlib import Path

import numpy as np
import pytest
import pyvips

from acutance.data.datasets import is_held_out

VARIABLE = "ACUTANCE_BENCHMARKS"
BESIDE = Path(__file__).parents[2] / "shared" / "data" / "eval"


def _find_benchmarks() -> Path | None:
    """The folder that holds Set5, Set14 and BSDS100: named by the variable, or beside us."""
    folder = Path(os.environ[VARIABLE]) if VARIABLE in os.environ else BESIDE
    return folder if (folder / "Set5").is_dir() else None


BENCHMARKS = _find_benchmarks()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Training comes first, inference last; benchmark tests say what they lack.

    PyTorch training in a process that had exported and compiled dozens of models with OpenVINO
    crashed at random (a segmentation fault, cause not found); in use the two never meet like that.
    """
    order = {"training": 0, "inference": 2}
    items.sort(key=lambda item: order.get(item.path.parent.name, 1))
    if BENCHMARKS is not None:
        return
    reason = f"no benchmark pictures: set {VARIABLE} to a folder with Set5, Set14 and BSDS100"
    for item in items:
        if item.get_closest_marker("benchmark"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def benchmarks() -> Path:
    """The folder of the benchmark sets; for tests marked ``benchmark``."""
    assert BENCHMARKS is not None
    return BENCHMARKS


def picture(seed: int, height: int = 96, width: int = 112) -> np.ndarray:
    """A picture of random discs with smooth edges, 8 bits."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    image = np.full((height, width, 3), 128.0)
    for _ in range(12):
        centre_y, centre_x = random.uniform(0, height), random.uniform(0, width)
        distance = np.hypot(y - centre_y, x - centre_x)
        cover = (random.uniform(5, 30) - distance + 0.5).clip(0, 1)[:, :, None]
        image += cover * (random.uniform(0, 255, 3) - image)
    return image.round().astype(np.uint8)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos to train on, one held out, and one that is too small."""
    folder = tmp_path_factory.mktemp("photos")
    names = [f"photo{i}" for i in range(400)]
    held_out = next(n for n in names if is_held_out(n))
    train = [n for n in names if not is_held_out(n)][:6]
    for seed, name in enumerate([*train, held_out]):
        pyvips.Image.new_from_array(picture(seed)).write_to_file(str(folder / f"{name}.png"))
    pyvips.Image.new_from_array(picture(99, 20, 20)).write_to_file(str(folder / "little.png"))
    return folder
