"""Where the benchmark pictures are, for the tests that need them."""

import os
from pathlib import Path

import pytest

VARIABLE = "ACUTANCE_BENCHMARKS"
BESIDE = Path(__file__).parents[2] / "shared" / "data" / "eval"


def _find_benchmarks() -> Path | None:
    """The folder that holds Set5, Set14 and BSDS100: named by the variable, or beside us."""
    folder = Path(os.environ[VARIABLE]) if VARIABLE in os.environ else BESIDE
    return folder if (folder / "Set5").is_dir() else None


BENCHMARKS = _find_benchmarks()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked ``benchmark`` say what they lack where the pictures are not there."""
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
