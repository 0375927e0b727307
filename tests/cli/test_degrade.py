"""``acutance degrade``: pairs that anyone can make again."""

import json
from pathlib import Path

import numpy as np
import pytest
import pyvips

from acutance.image.encode import write_rgb8
from acutance.image.resize import resize
from acutance.metrics.protocol import PROTOCOLS, measure

from .conftest import Run, one_line, write_photo


def pixels(path: Path) -> np.ndarray:
    return np.asarray(pyvips.Image.new_from_file(str(path)).numpy())


def parameters(folder: Path) -> dict[str, dict[str, object]]:
    lines = (folder / "degradations.jsonl").read_text().splitlines()
    return {entry["name"]: entry for entry in map(json.loads, lines)}


def test_pairs_do_not_depend_on_what_else_is_there(acutance: Run, photo: Path) -> None:
    alone, together = photo.parents[1] / "alone", photo.parents[1] / "together"
    result = acutance("degrade", photo, "-o", alone, "--scale", 4, "--preset", "degraded")
    assert result.status == 0, result.err
    assert "1 pairs" in result.out
    assert pixels(alone / "LR" / "a photo.png").shape == (5, 7, 3)
    hr = pixels(alone / "HR" / "a photo.png")
    assert np.array_equal(hr, pixels(photo)[:, :28])
    write_photo(photo.parent / "0.png", 1)
    result = acutance("degrade", photo.parent, "-o", together, "--preset", "degraded", "-q")
    assert result.status == 0, result.err
    assert result.out == ""
    for folder in ("LR", "HR"):
        assert (together / folder / "a photo.png").read_bytes() == (
            alone / folder / "a photo.png"
        ).read_bytes()
    assert parameters(together)["a photo"] == parameters(alone)["a photo"]
    assert list(parameters(together)) == ["0", "a photo"]
    entry = parameters(alone)["a photo"]
    assert entry["seed"] == 0
    assert entry["preset"] == "degraded"
    assert 0 < entry["strength"] <= 1  # type: ignore[operator]


def test_another_seed_is_another_picture(acutance: Run, photo: Path) -> None:
    made = []
    for seed in (0, 1):
        out = photo.parents[1] / str(seed)
        acutance("degrade", photo, "-o", out, "--preset", "degraded", "--seed", seed, "--scale", 2)
        made.append(pixels(out / "LR" / "a photo.png"))
    assert not np.array_equal(*made)


def test_nothing_is_overwritten_and_one_bad_file_stops_no_other(acutance: Run, photo: Path) -> None:
    out = photo.parents[1] / "out"
    (photo.parent / "bad.png").write_bytes(b"no picture")
    result = acutance("degrade", photo.parent, "-o", out)
    assert result.status == 1
    assert "bad.png" in result.err
    assert "1 done, 1 failed" in result.err
    (photo.parent / "bad.png").unlink()
    before = (out / "degradations.jsonl").read_text()
    refused = acutance("degrade", photo, "-o", out, "--seed", 5)
    assert refused.status == 1
    assert "--overwrite" in one_line(refused)
    assert (out / "degradations.jsonl").read_text() == before
    other = write_photo(photo.parent / "other.png", 3)
    assert acutance("degrade", other, "-o", out).status == 0  # the folder grows
    assert list(parameters(out)) == ["a photo", "other"]
    assert acutance("degrade", photo, "-o", out, "--seed", 5, "--overwrite").status == 0
    assert parameters(out)["a photo"]["seed"] == 5


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_pair_comes_whole_or_not_at_all(
    acutance: Run, photo: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    out = photo.parents[1] / "out"
    other = write_photo(photo.parent / "other.png", 3)
    assert acutance("degrade", photo, "-o", out).status == 0
    kept = parameters(out)

    def write(path: Path, image: np.ndarray) -> None:
        if path.parent.name == "LR":
            raise failure
        write_rgb8(path, image)

    monkeypatch.setattr("acutance.image.encode.write_rgb8", write)
    result = acutance("degrade", other, "-o", out)
    assert result.status == (130 if isinstance(failure, KeyboardInterrupt) else 1)
    assert one_line(result).startswith("acutance: ")
    assert [path.name for path in out.rglob("*.png")] == ["a photo.png"] * 2
    assert parameters(out) == kept


def test_names_that_look_upscaled_and_hidden_files(acutance: Run, photo: Path) -> None:
    write_photo(photo.parent / "a photo_x2.png", 1)
    (photo.parent / "._a photo.png").write_bytes(b"what macOS leaves beside a file")
    result = acutance("degrade", photo.parent, "-o", photo.parents[1] / "out")
    assert result.status == 0, result.err
    assert "2 pairs" in result.out


def test_a_photo_is_never_its_own_target(acutance: Run, photo: Path) -> None:
    original = write_photo(photo.parents[1] / "pairs" / "HR" / "p.png", 4)
    before = original.read_bytes()
    result = acutance("degrade", original.parent, "-o", photo.parents[1] / "pairs", "--overwrite")
    assert result.status == 1
    assert "is one of the images to degrade: give another --output" in one_line(result)
    assert original.read_bytes() == before


def test_two_photos_of_one_name(acutance: Run, photo: Path) -> None:
    twin = photo.with_suffix(".jpg")
    pyvips.Image.new_from_file(str(photo)).write_to_file(str(twin))
    result = acutance("degrade", photo.parent, "-o", photo.parents[1] / "out")
    assert result.status == 1
    assert "would both become" in result.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere.png", "-o", "out"], 1, "no such file: nowhere.png"),
        (["*.nothing", "-o", "out"], 1, "no files match"),
        (["x.png", "-o", "out", "--preset", "mine"], 1, "unknown preset 'mine'"),
        (["x.png", "-o", "out", "--scale", "0"], 1, "scale must be positive"),
        (["x.png"], 2, "give a folder with -o"),
        (["x.png", "-o", ""], 2, "give a folder with -o"),
        (["-o", "out"], 2, "no input"),
    ],
)
def test_wrong_wishes_are_one_line(
    acutance: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = acutance("degrade", *arguments)
    assert result.status == status
    assert message in one_line(result)
    assert list(tmp_path.iterdir()) == []


def test_photos_too_small_and_foreign_lines(acutance: Run, photo: Path, tmp_path: Path) -> None:
    assert "too small" in one_line(acutance("degrade", photo, "-o", tmp_path / "o", "--scale", 32))
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "degradations.jsonl").write_text("[]\n")
    assert "another --output" in one_line(acutance("degrade", photo, "-o", tmp_path / "p"))


def test_evaluate_measures_on_the_pictures_that_degrade_writes(
    acutance: Run, tmp_path: Path
) -> None:
    """Bicubic's PSNR, from the files."""
    source = write_photo(tmp_path / "set" / "a.png")
    image = pyvips.Image.new_from_file(str(source)).copy_memory().resize(2)
    image.write_to_file(str(source))
    flags = ("--scale", 2, "--seed", 3)
    acutance("degrade", source, "-o", tmp_path / "pairs", "--preset", "degraded", *flags)
    words = ("evaluate", "--data", tmp_path / "set", "--model", "none", "--format", "json")
    words = (*words, "--protocol", "standard", "--quiet", *flags)
    found = json.loads(acutance(*words, "--degrade", "degraded").out)
    assert found["protocol"] == "standard-degraded-seed3"
    line = next(line for line in found["lines"] if line["method"] == "bicubic")
    lr, hr = (pixels(tmp_path / "pairs" / kind / "a.png") for kind in ("LR", "HR"))
    sr = resize(lr / 255, hr.shape[0], hr.shape[1])
    expected = measure(sr, hr, scale=2, protocol=PROTOCOLS["standard"]).psnr
    assert line["psnr"] == pytest.approx(expected, abs=1e-4)
    plain = json.loads(acutance(*words).out)["lines"]
    assert plain[0]["psnr"] > line["psnr"] + 0.1
    assert "unknown preset 'rain'" in one_line(acutance(*words, "--degrade", "rain"))
