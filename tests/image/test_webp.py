"""What a file says of lossy codecs other than JPEG."""

import struct
from pathlib import Path

import numpy as np
import pytest
import pyvips

from acutance.image.heif import is_heif
from acutance.image.webp import file_quality


def picture(*, alpha: bool = False) -> pyvips.Image:
    y, x = np.mgrid[:96, :128]
    image = np.stack([120 + 50 * np.sin(x / 9), 110 + 40 * np.cos(y / 7), 100 + x / 2, 2 * x], 2)
    noisy = image + np.random.default_rng(0).normal(0, 4, image.shape)
    return pyvips.Image.new_from_array(noisy.clip(0, 255).astype(np.uint8)[:, :, : 3 + alpha])


@pytest.mark.parametrize("effort", [0, 6])
@pytest.mark.parametrize("alpha", [False, True])
def test_the_quality_is_what_it_was_saved_with(tmp_path: Path, alpha: bool, effort: int) -> None:
    path = tmp_path / "a.webp"
    for quality in (0, 20, 40, 60, 75, 90, 98, 100):
        picture(alpha=alpha).webpsave(str(path), Q=quality, effort=effort)
        assert file_quality(path) == pytest.approx(quality, abs=2)


def test_behind_other_chunks_it_is_found_and_of_odd_length_too(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    picture().webpsave(str(path), Q=75)
    data, quality = path.read_bytes(), file_quality(path)
    chunk = b"XMP " + struct.pack("<I", 3) + b"abc\0"
    path.write_bytes(data[:12] + chunk + data[12:])
    assert quality is not None
    assert file_quality(path) == quality


def test_other_files_have_none(tmp_path: Path) -> None:
    picture().webpsave(str(tmp_path / "lossless.webp"), lossless=True)
    picture().jpegsave(str(tmp_path / "a.jpg"))
    picture().pngsave(str(tmp_path / "a.png"))
    picture().webpsave(str(tmp_path / "whole.webp"))
    data = (tmp_path / "whole.webp").read_bytes()
    for size in (0, 3, 11, 12, 16, 20):
        (tmp_path / f"cut{size}.webp").write_bytes(data[:size])
    pages = picture().join(picture().invert(), "vertical").copy()
    pages.set_type(pyvips.GValue.gint_type, "page-height", 96)
    pages.webpsave(str(tmp_path / "animation.webp"))
    (tmp_path / "whole.webp").unlink()
    found = {path.name: file_quality(path) for path in tmp_path.iterdir()}
    assert len(found) == 10
    assert not {name: quality for name, quality in found.items() if quality is not None}
    assert file_quality(tmp_path / "missing.webp") is None


def test_a_file_cut_off_within_the_header_has_some_quality_or_none(tmp_path: Path) -> None:
    picture().webpsave(str(tmp_path / "whole.webp"))
    data = (tmp_path / "whole.webp").read_bytes()
    for size in range(20, 60):
        (tmp_path / "cut.webp").write_bytes(data[:size])
        assert file_quality(tmp_path / "cut.webp") in (None, *range(101))


def test_avif_is_told_by_its_first_box(tmp_path: Path) -> None:
    picture().heifsave(str(tmp_path / "renamed.png"), compression="av1", effort=0)
    picture().webpsave(str(tmp_path / "a.avif"))
    (tmp_path / "empty.avif").touch()
    assert is_heif(tmp_path / "renamed.png")
    assert not any(is_heif(tmp_path / name) for name in ("a.avif", "empty.avif", "missing.avif"))
