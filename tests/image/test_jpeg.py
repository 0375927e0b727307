"""JPEG in files and in pixels: libjpeg, through libvips, is what made both."""

from pathlib import Path

import numpy as np
import pytest
import pyvips

from acutance.image.jpeg import Compression, file_quality, find_compression, luma, steps, transform


def scene(height: int = 120, width: int = 136, seed: int = 0) -> np.ndarray:
    """Discs with soft texture, as photos have it: 8-bit RGB away from black and white."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    image = np.full((height, width, 3), 120.0)
    for _ in range(15):
        distance = np.hypot(y - random.uniform(0, height), x - random.uniform(0, width))
        cover = (random.uniform(5, 30) - distance + 0.5).clip(0, 1)[:, :, None]
        image += cover * (random.uniform(60, 190, 3) - image)
    texture = random.normal(0, 1, (height + 8, width + 8))
    for axis in (0, 1):
        texture = sum(np.roll(texture, k, axis) for k in range(4)) / 2
    return np.rint(image + 6 * texture[4:-4, 4:-4, None]).clip(3, 252).astype(np.uint8)


def saved(image: np.ndarray, quality: int, **options: object) -> np.ndarray:
    """Through a JPEG and back."""
    data = pyvips.Image.new_from_array(image).jpegsave_buffer(Q=quality, **options)
    return pyvips.Image.jpegload_buffer(data).numpy()


def found(image: np.ndarray) -> Compression | None:
    return find_compression([image.astype(np.float32)])


# In files


@pytest.mark.parametrize("quality", [1, 10, 25, 49, 50, 75, 90, 95, 99, 100])
def test_a_files_quality_is_the_one_it_was_saved_with(tmp_path: Path, quality: int) -> None:
    path = tmp_path / "a.jpg"
    pyvips.Image.new_from_array(scene()).jpegsave(str(path), Q=quality)
    # Below 13 most steps are the largest that there is, 255, and little tells them apart.
    assert file_quality(path) == pytest.approx(quality, abs=2 if quality < 13 else 0)


def test_what_stands_before_the_tables_is_skipped(tmp_path: Path) -> None:
    """Profile, EXIF, XMP; and a progressive file has them too."""
    image = pyvips.Image.new_from_array(scene()).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", bytes(range(256)) * 300)
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"\xff\xdb\x00\x43" * 500)
    image.jpegsave(str(tmp_path / "a.jpg"), Q=63, interlace=True)
    assert file_quality(tmp_path / "a.jpg") == 63


def test_other_files_have_no_quality(tmp_path: Path) -> None:
    whole = pyvips.Image.new_from_array(scene()).jpegsave_buffer(Q=63)
    for i, data in enumerate(
        (b"", b"\xff\xd8", whole[:30], b"\x89PNG" + whole, b"\xff\xd8\xff\xd9")
    ):
        (tmp_path / f"{i}.jpg").write_bytes(data)
        assert file_quality(tmp_path / f"{i}.jpg") is None
    assert file_quality(tmp_path / "none.jpg") is None


# In pixels


def test_the_transform_is_scipys() -> None:
    from scipy.fft import dctn

    block = np.random.default_rng(0).random((3, 8, 8), dtype=np.float32)
    expected = dctn(block, axes=(1, 2), norm="ortho")
    np.testing.assert_allclose(transform(block), expected, atol=1e-5)


@pytest.mark.parametrize("quality", [30, 50, 71, 85, 92, 96])
@pytest.mark.parametrize("subsample", ["on", "off"])
def test_a_jpeg_is_found_in_its_pixels(quality: int, subsample: str) -> None:
    picture = saved(scene(), quality, subsample_mode=subsample)
    assert found(picture) == Compression(quality, 0, 0)


@pytest.mark.parametrize(("rows", "columns"), [(1, 0), (3, 6), (0, 7)])
def test_it_is_found_after_a_cut(rows: int, columns: int) -> None:
    picture = saved(scene(), 80)[rows:, columns:]
    assert found(picture) == Compression(80, -rows % 8, -columns % 8)


def test_it_is_found_in_gray_and_in_several_crops() -> None:
    gray = np.repeat(luma(scene().astype(np.float32)).round().astype(np.uint8)[:, :, None], 3, 2)
    assert found(saved(gray, 60)) == Compression(60, 0, 0)
    picture = saved(scene(), 60).astype(np.float32)
    assert find_compression([picture[:64], picture[64:, 40:]]) == Compression(60, 0, 0)


def test_the_coarser_of_two_is_found() -> None:
    for qualities in ((50, 93), (93, 50)):
        last = found(saved(saved(scene(), qualities[0]), qualities[1]))
        assert last is not None
        assert last.quality == pytest.approx(50, abs=1)


def noisy(image: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 5, image.shape)
    return (image + noise).round().clip(0, 255).astype(np.uint8)


def reduced(image: np.ndarray) -> np.ndarray:
    return pyvips.Image.new_from_array(image).resize(0.7).numpy()


def flat(image: np.ndarray) -> np.ndarray:
    return np.full_like(image, 90)


def white(image: np.ndarray) -> np.ndarray:
    return np.full_like(image, 255)


@pytest.mark.parametrize("change", [None, noisy, reduced, flat, white])
def test_none_is_found_where_there_is_none(change) -> None:  # type: ignore[no-untyped-def]
    assert found(change(scene()) if change else scene()) is None


def test_none_is_found_after_a_change_of_size() -> None:
    assert found(reduced(saved(scene(), 60))) is None


def test_pictures_that_are_too_small_hold_nothing() -> None:
    for height, width in ((1, 1), (1, 40), (7, 8), (8, 8), (15, 15)):
        assert found(scene(40, 40)[:height, :width]) is None


def test_steps_are_at_most_one_byte() -> None:
    assert steps(1).max() == 255
    assert steps(100).max() == 1
