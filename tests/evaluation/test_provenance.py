"""What is said of the machine that made a figure."""

from pathlib import Path

import pytest

from acutance.evaluation.provenance import processor


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("fpu sse2 avx2 avx512f avx512_bf16", "AMD EPYC (AVX-512)"),
        ("fpu sse2 avx avx2", "AMD EPYC (AVX2)"),
        ("fpu sse2", "AMD EPYC"),
    ],
)
def test_processors_of_one_name_are_told_apart(tmp_path: Path, flags: str, name: str) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: {flags}\n")
    assert processor(info) == name


def test_a_system_that_tells_nothing_has_a_name_too(tmp_path: Path) -> None:
    assert processor(tmp_path / "none")
