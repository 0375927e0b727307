"""``acutance upscale``: what a person does with it, and what they do wrong."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import pyvips

import acutance.inference.blend
import acutance.inference.models
from acutance.inference.export import export
from acutance.models.card import file_entry
from acutance.models.describe import describe
from acutance.models.generator import Generator, GeneratorConfig
from acutance.models.weights import read_weights, write_weights

from .conftest import Run, one_line, write_photo


def size(path: Path) -> tuple[int, int]:
    image = pyvips.Image.new_from_file(str(path))
    return image.width, image.height


def test_a_photo_gets_a_larger_one_beside_it(acutance: Run, photo: Path) -> None:
    result = acutance("upscale", photo, "--threads", 1)
    assert result.status == 0
    assert size(photo.with_name("a photo_x4.png")) == (120, 80)
    assert "30 x 20 -> 120 x 80" in result.out
    assert "base-x4" in result.out
    assert "MiB" in result.out


def test_the_summary_as_json(acutance: Run, photo: Path, model: Path) -> None:
    result = acutance("upscale", photo, "--model", model, "--json", "--scale", 2)
    done = json.loads(result.out)["done"]
    assert done[0]["upscaled"] == [60, 40]
    assert done[0]["model"] == "tiny-x2"
    assert done[0]["seconds"] >= 0
    assert done[0]["peak_memory_mib"] > 0


def test_best_is_another_picture_and_says_so(acutance: Run, photo: Path, model: Path) -> None:
    plain, best = photo.with_name("plain.png"), photo.with_name("best.png")
    acutance("upscale", photo, "--model", model, "-o", plain)
    result = acutance("upscale", photo, "--model", model, "--best", "-o", best, "--json")
    assert "self-ensemble" in json.loads(result.out)["done"][0]["engine"]
    a, b = (pyvips.Image.new_from_file(str(p)) for p in (plain, best))
    assert 0 < (a - b).abs().max() < 60  # other by rounding and turning, not another picture


def test_best_leaves_a_model_alone_that_turns_along(acutance: Run, photo: Path) -> None:
    result = acutance("upscale", photo, "--model", "base-x4", "--best", "--json")
    assert "self-ensemble" not in json.loads(result.out)["done"][0]["engine"]


@pytest.fixture
def pair(model: Path, tmp_path: Path) -> Path:
    """The model, and beside it one that adds detail: the same weights, a little larger."""
    folder = tmp_path / "pair"
    folder.mkdir()
    for path in model.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = read_weights(folder / "tiny-x2.safetensors")
    other = folder / "tiny-gan-x2.safetensors"
    write_weights(other, {name: (array * 1.2).astype("float16") for name, array in weights.items()})
    card = json.loads(model.read_text())
    card |= {"name": "tiny-gan-x2", "kind": "gan", "detail_of": "tiny-x2"}
    card["files"] = {"safetensors": dataclasses.asdict(file_entry(other))}
    other.with_suffix(".json").write_text(json.dumps(card))
    return folder / model.name


def test_detail_is_a_mixture_of_two_models(acutance: Run, photo: Path, pair: Path) -> None:
    plain, mixed = photo.with_name("plain.png"), photo.with_name("mixed.png")
    acutance("upscale", photo, "--model", pair, "-o", plain)
    result = acutance("upscale", photo, "--model", pair, "--detail", 0.5, "-o", mixed)
    assert ", tiny-x2 + 0.5 tiny-gan-x2, " in result.out
    a, b = (pyvips.Image.new_from_file(str(p)) for p in (plain, mixed))
    assert (a - b).abs().max() > 0


def test_no_detail_to_add_is_one_line(acutance: Run, photo: Path, model: Path) -> None:
    result = acutance("upscale", photo, "--model", model, "--detail", 0.5)
    assert result.status == 1
    assert "no GAN model adds detail to 'tiny-x2': leave out --detail" in one_line(result)
    result = acutance("upscale", photo, "--scale", 3, "--detail", 0.5)
    assert "leave out --detail, or choose --scale 2 or 4" in one_line(result)
    result = acutance("upscale", photo, "--model", model, "--detail", 2)
    assert "detail must be 0 to 1, not 2" in one_line(result)


def test_a_blend_upscales_as_detail_does(
    acutance: Run, photo: Path, pair: Path, tmp_path: Path
) -> None:
    arguments = ("blend", pair, pair.with_name("tiny-gan-x2.json"), "--detail", 0.5)
    assert acutance(*arguments, "--out", tmp_path / "out").status == 0
    blended = tmp_path / "out" / "tiny-x2-detail-0.5.json"
    pictures = []
    for i, options in enumerate((["--model", pair, "--detail", 0.5], ["--model", blended])):
        target = photo.with_name(f"{i}.png")
        assert acutance("upscale", photo, *options, "-o", target).status == 0
        pictures.append(pyvips.Image.new_from_file(str(target)))
    assert (pictures[0] - pictures[1]).abs().max() == 0
    again = acutance(*arguments, "--out", tmp_path / "out")
    assert "exists: give --overwrite" in one_line(again)


def test_an_ensemble_upscales_as_the_mean_of_its_members(
    acutance: Run, photo: Path, pair: Path, tmp_path: Path
) -> None:
    members = (pair, pair.with_name("tiny-gan-x2.json"))
    arguments = ("ensemble", *members, "--out", tmp_path, "--name", "two")
    assert "'bicubic' and 'gan' are no ensemble" in one_line(acutance(*arguments))
    members[1].write_text(members[1].read_text().replace('"gan"', '"bicubic"'))
    assert acutance(*arguments).status == 0
    pictures = []
    for model in (tmp_path / "two.json", *members):
        target = photo.with_name(f"{model.stem}.png")
        options = ("--model", model, "-o", target, "--device", "torch-cpu")
        assert acutance("upscale", photo, *options).status == 0
        pictures.append(pyvips.Image.new_from_file(str(target)).cast("float"))
    assert (pictures[1] - pictures[2]).abs().max() > 2
    assert (pictures[0] - (pictures[1] + pictures[2]) / 2).abs().max() <= 1
    assert "exists: give --overwrite" in one_line(acutance(*arguments))
    assert "at least two members" in one_line(acutance("ensemble", pair, "--out", tmp_path))


@pytest.fixture(scope="session")
def photo_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of an untrained model with a strength plane: bicubic."""
    config = GeneratorConfig(scale=2, channels=(8,), down_blocks=(1,), up_blocks=(), strength=True)
    network = Generator(config)
    card = describe(network, key="generator", name="photo-x2")
    return export(network, card, tmp_path_factory.mktemp("photo"))


@pytest.fixture
def two_models(
    model: Path, photo_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """base-x2 and photo-x2 as if they shipped."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for path in (*model.parent.iterdir(), *photo_model.parent.iterdir()):
        (folder / path.name).write_bytes(path.read_bytes())
    card = json.loads((folder / "tiny-x2.json").read_text()) | {"name": "base-x2"}
    (folder / "base-x2.json").write_text(json.dumps(card))
    (folder / "tiny-x2.json").unlink()
    for module in (acutance.inference.models, acutance.inference.blend):
        monkeypatch.setattr(module, "weights_folder", lambda: folder)
    return folder


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with a clean PNG and a JPEG of it."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    image = pyvips.Image.sines(160, 120, hfreq=4, vfreq=3, uchar=True) * 0.7 + 40
    image = image.bandjoin([image, image]).cast("uchar").copy(interpretation="srgb")
    image.write_to_file(str(folder / "clean.png"))
    image.write_to_file(str(folder / "jpeg.jpg"), Q=70)
    return folder


def test_each_picture_gets_the_model_that_suits_it(
    acutance: Run, mixed: Path, two_models: Path
) -> None:
    result = acutance("upscale", mixed, "--scale", 2, "--json")
    clean, jpeg = json.loads(result.out)["done"]
    assert (clean["model"], clean["strength"]) == ("base-x2", None)
    assert clean["reason"] == "no noise or JPEG found"
    assert (jpeg["model"], jpeg["strength"]) == ("photo-x2", 0.5)
    assert jpeg["reason"] == "JPEG quality 70"
    result = acutance("upscale", mixed, "--scale", 2, "--overwrite")
    first, second = result.out.splitlines()
    assert ", base-x2 (no noise or JPEG found), OpenVINO " in first
    assert ", photo-x2 (JPEG quality 70, strength 0.50), OpenVINO " in second


def test_pictures_of_one_size_are_not_mixed_up(acutance: Run, model: Path, tmp_path: Path) -> None:
    """Each goes through a file without a name, which libvips could take for the one before."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for level in (60, 120, 180):
        image = (pyvips.Image.black(24, 16, bands=3) + level).cast("uchar")
        image.copy(interpretation="srgb").write_to_file(str(folder / f"{level}.png"))
    assert acutance("upscale", folder, "--model", model).status == 0
    for level in (60, 120, 180):
        upscaled = pyvips.Image.new_from_file(str(folder / f"{level}_x2.png"))
        assert upscaled.avg() == pytest.approx(level, abs=5)


def test_wishes_override_the_choice(acutance: Run, mixed: Path, two_models: Path) -> None:
    def models(*options: object) -> list[tuple[str, float | None, str]]:
        result = acutance("upscale", mixed, "--scale", 2, "--json", "--overwrite", *options)
        return [(d["model"], d["strength"], d["reason"]) for d in json.loads(result.out)["done"]]

    assert models("--denoise", 0.3) == 2 * [("photo-x2", 0.3, "by --denoise")]
    assert models("--denoise", 0) == 2 * [("base-x2", None, "by --denoise")]
    assert models("--model", "base-x2") == 2 * [("base-x2", None, "")]
    assert models("--model", "photo-x2") == [("photo-x2", 0.0, ""), ("photo-x2", 0.5, "")]


def test_denoising_that_cannot_be_is_one_line(acutance: Run, photo: Path, model: Path) -> None:
    result = acutance("upscale", photo, "--model", model, "--denoise", 0.5)
    assert result.status == 1
    assert "model 'tiny-x2' removes no noise: leave out --denoise" in one_line(result)
    result = acutance("upscale", photo, "--model", model, "--denoise", 3)
    assert "denoise must be 0 to 1, or auto, not 3" in one_line(result)
    result = acutance("upscale", photo, "--denoise", "much")
    assert (result.status, "--denoise" in one_line(result)) == (2, True)


def test_quiet_says_nothing(acutance: Run, photo: Path, model: Path) -> None:
    result = acutance("upscale", photo, "--model", model, "-q")
    assert (result.status, result.out, result.err) == (0, "", "")


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tiff"])
def test_format_decides_the_suffix(acutance: Run, photo: Path, model: Path, kind: str) -> None:
    assert acutance("upscale", photo, "--model", model, "--format", kind).status == 0
    assert size(photo.with_name(f"a photo_x2.{kind}")) == (60, 40)


def test_a_name_for_the_output_and_its_quality(
    acutance: Run, photo: Path, model: Path, tmp_path: Path
) -> None:
    for quality in (20, 95):
        target = tmp_path / "new folder" / f"{quality}.jpg"
        acutance("upscale", photo, "--model", model, "-o", target, "--quality", quality)
    small, large = (tmp_path / "new folder" / f"{q}.jpg" for q in (20, 95))
    assert small.stat().st_size < large.stat().st_size


def test_a_folder_with_bad_files_is_finished(
    acutance: Run, photo: Path, model: Path, tmp_path: Path
) -> None:
    folder, out = photo.parent, tmp_path / "out"
    (folder / "broken.png").write_bytes(photo.read_bytes()[:200])
    (folder / "empty.jpg").touch()
    (folder / "notes.txt").write_text("not an image, and not named as one")
    write_photo(folder / "z.png", 1)
    result = acutance("upscale", folder, "--model", model, "-o", out)
    assert result.status == 1
    assert sorted(p.name for p in out.iterdir()) == ["a photo_x2.png", "z_x2.png"]
    lines = result.err.strip().splitlines()
    assert lines[-1].startswith("2 done, 2 failed: ")
    assert "broken.png" in lines[-1]
    assert "empty.jpg" in lines[-1]
    assert "Traceback" not in result.err


def test_a_folder_again_leaves_its_own_outputs_alone(
    acutance: Run, photo: Path, model: Path
) -> None:
    assert acutance("upscale", photo.parent, "--model", model).status == 0
    for again in (photo.parent, photo.parent / "*.png"):
        result = acutance("upscale", again, "--model", model, "--overwrite")
        assert result.status == 0
        assert result.err.startswith("left out, as upscaled already")
    assert sorted(p.name for p in photo.parent.iterdir()) == ["a photo.png", "a photo_x2.png"]


def test_a_pattern_again_leaves_the_folder_for_its_outputs_alone(
    acutance: Run, photo: Path, model: Path
) -> None:
    out = photo.parent / "out"
    call = ("upscale", photo.parent / "**" / "*.png", "--model", model, "-o", out, "--overwrite")
    assert acutance(*call).status == 0
    result = acutance(*call)
    assert result.status == 0, result.err
    assert result.err.startswith("left out, as upscaled already")
    assert [p.name for p in out.iterdir()] == ["a photo_x2.png"]


def test_what_libvips_does_not_read_is_named(
    acutance: Run, photo: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acutance.image.decode.OTHER_SUFFIXES", (".bmp",))
    bmp = photo.with_name("old.BMP")
    bmp.write_bytes(b"BM")
    result = acutance("upscale", photo.parent, "--model", model)
    assert result.status == 0
    assert result.err == f"left out, as libvips reads no such files here: {bmp}\n"


def test_a_glob_that_the_shell_left_alone(acutance: Run, photo: Path, model: Path) -> None:
    write_photo(photo.with_name("b.png"), 1)
    assert acutance("upscale", photo.parent / "*.png", "--model", model).status == 0
    assert photo.with_name("b_x2.png").exists()


def test_nothing_is_overwritten_unless_told_so(acutance: Run, photo: Path, model: Path) -> None:
    target = photo.with_name("a photo_x2.png")
    target.write_text("precious")
    result = acutance("upscale", photo, "--model", model)
    assert result.status == 1
    assert "--overwrite" in one_line(result)
    assert target.read_text() == "precious"
    assert acutance("upscale", photo, "--model", model, "--overwrite").status == 0
    assert size(target) == (60, 40)


def test_an_image_of_the_same_call_is_never_a_target(
    acutance: Run, photo: Path, model: Path
) -> None:
    """Not even with --overwrite, nor is an image done twice under two names."""
    other = write_photo(photo.with_name("a photo_x2.png"), 1)
    before = other.read_bytes()
    result = acutance("upscale", photo, other, "--model", model, "--overwrite")
    assert result.status == 1
    assert "is one of the images to upscale" in result.err
    assert other.read_bytes() == before
    other.unlink()
    photo.with_name("a photo_x2_x2.png").unlink()
    twice = acutance("upscale", photo, photo.parent / "." / photo.name, "--model", model)
    assert twice.status == 0
    assert len(twice.out.splitlines()) == 1


def test_a_slash_names_a_folder(acutance: Run, photo: Path, model: Path, tmp_path: Path) -> None:
    assert acutance("upscale", photo, "--model", model, "-o", f"{tmp_path}/2024.05/").status == 0
    assert size(tmp_path / "2024.05" / "a photo_x2.png") == (60, 40)


def test_a_name_that_is_not_utf8_stops_no_other(acutance: Run, photo: Path, model: Path) -> None:
    try:
        odd = photo.with_name(os.fsdecode(b"caf\xe9.png"))
        odd.write_bytes(photo.read_bytes())
    except OSError:  # a file system that takes no such name
        pytest.skip("this file system takes UTF-8 names alone")
    result = acutance("upscale", photo.parent, "--model", model)
    assert result.status == 1
    assert "1 done, 1 failed" in result.err
    assert "is not UTF-8: rename it" in result.err


def test_two_sources_of_one_target(acutance: Run, photo: Path, model: Path) -> None:
    other = write_photo(photo.parent / "other" / photo.name, 1)
    out = photo.parent / "out"
    out.mkdir()
    result = acutance("upscale", photo, other, "--model", model, "-o", out)
    assert result.status == 1
    assert "would both become" in result.err


def test_one_target_in_two_spellings(acutance: Run, photo: Path, model: Path) -> None:
    twin = photo.with_suffix(".webp")
    pyvips.Image.new_from_file(str(photo)).write_to_file(str(twin))
    link = photo.parent / "elsewhere"
    link.symlink_to(photo.parent)
    result = acutance("upscale", photo, link / twin.name, "--model", model, "--overwrite")
    assert result.status == 1
    assert "would both become" in result.err


def test_of_a_file_and_its_link_the_file_is_done(acutance: Run, photo: Path, model: Path) -> None:
    photo.with_name("A link.png").symlink_to(photo)
    result = acutance("upscale", photo.parent, "--model", model)
    assert result.out.startswith(str(photo.with_name("a photo_x2.png")))
    assert len(result.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "5"], "no model upscales by 5"),
        (["--scale", "0"], "scale must be positive"),
        (["--model", "nonsense"], "unknown model 'nonsense'"),
        (["--format", "bmp"], "unknown format 'bmp'"),
        (["--quality", "0"], "quality must be 1 to 100"),
        (["--device", "nonsense"], "nonsense"),
        (["--threads", "0"], "threads must be at least 1"),
        (["--memory", "1"], "memory"),
        (["--tile", "0"], "tile"),
        (["--pixel-limit", "0.0001"], "over the limit"),
        (["-o", "x.gif"], "cannot write 'x.gif'"),
        (["-o", "/dev/null/x.png"], "/dev/null"),
    ],
)
def test_wrong_wishes_are_one_line(
    acutance: Run, photo: Path, arguments: list[str], message: str
) -> None:
    result = acutance("upscale", photo, *arguments)
    assert result.status == 1
    assert message in one_line(result)
    assert sorted(p.name for p in photo.parent.iterdir()) == ["a photo.png"]


def test_inputs_that_are_none(acutance: Run, tmp_path: Path) -> None:
    assert "no such file" in one_line(acutance("upscale", tmp_path / "none.png"))
    assert "no images in folder" in one_line(acutance("upscale", tmp_path))
    assert "an input is empty" in one_line(acutance("upscale", ""))
    assert "no files match" in one_line(acutance("upscale", tmp_path / "*.png"))
    (tmp_path / "text.png").write_text("hello")
    assert "not an image" in one_line(acutance("upscale", tmp_path / "text.png"))


def test_a_damaged_model_is_one_line(
    acutance: Run, photo: Path, model: Path, tmp_path: Path
) -> None:
    for path in model.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    onnx = tmp_path / "tiny-x2.onnx"
    onnx.write_bytes(onnx.read_bytes()[:-9])
    result = acutance("upscale", photo, "--model", tmp_path / "tiny-x2.json")
    assert result.status == 1
    assert "does not match its card" in one_line(result)
    assert "not a model card" in one_line(acutance("upscale", photo, "--model", photo))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["upscale"], "no input"),
        (["upscale", "a.png", "--nonsense"], "unknown option: --nonsense"),
        (["upscale", "a.png", "--scal", "2"], "Did you mean --scale"),
        (["upscale", "a.png", "--quality", "high"], 'unable to convert "high" into int'),
        (
            ["upscale", "a.png", "--scale"],
            "--scale requires an argument; `acutance upscale --help`",
        ),
        (["models", "of", "mine"], "nothing takes of mine; `acutance models --help`"),
        (["nonsense"], 'unknown command "nonsense". Available commands: upscale, '),
        (["train"], "--data requires an argument"),
        (["upscale", "a.png", "-o", ""], "the output is empty: give a file or a folder"),
        (["upscale", "a.png", "--model", "base-x4", "--scale", "2"], "upscales by 4, not by 2"),
        (["upscale", "a.png", "b.png", "-o", "c.png"], "cannot go into one file c.png"),
        (["upscale", "a.png", "-o", "c.png", "--format", "jpg"], "does not fit the name c.png"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    acutance: Run, arguments: list[str], message: str
) -> None:
    result = acutance(*arguments)
    assert result.status == 2
    assert message in one_line(result)
    assert result.out == ""


def test_the_program_itself(photo: Path, model: Path) -> None:
    """As installed: exit status and streams of the real process."""
    command = [sys.executable, "-m", "acutance", "upscale", "--model", str(model)]
    good = subprocess.run([*command, str(photo)], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert good.stdout.count("\n") == 1
    bad = subprocess.run([*command, "none.png"], capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert bad.stderr.strip().startswith("acutance: no such file")
    assert bad.stdout == ""


def test_the_dial_needs_no_pytorch(photo: Path) -> None:
    """With the models that ship, where PyTorch cannot be imported."""
    blocked = "import sys; sys.modules['torch'] = None; from acutance.cli.main import main; main()"
    arguments = ("upscale", str(photo), "--detail", "0.5", "--scale", "4")
    command = [sys.executable, "-c", blocked, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "base-x4 + 0.5 gan-x4" in run.stdout


def test_a_name_that_the_terminal_cannot_show(photo: Path, model: Path) -> None:
    named = photo.rename(photo.with_name("caf\u00e9 \u6771.png"))
    command = [sys.executable, "-m", "acutance", "upscale", "--model", str(model)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run([*command, str(named)], capture_output=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert rb"caf\xe9 \u6771_x2.png: 30 x 20 -> 60 x 40" in run.stdout


def test_numbers_that_are_no_size_are_one_line(acutance: Run, photo: Path) -> None:
    for flag, value in (("--memory", "-5"), ("--memory", "0"), ("--pixel-limit", "nan")):
        result = acutance("upscale", photo, flag, value)
        assert result.status == 1
        assert flag.lstrip("-") in one_line(result)
    assert acutance("upscale", photo, "--pixel-limit", "inf").status == 0


def test_a_name_that_is_too_long_is_one_line(acutance: Run, photo: Path) -> None:
    assert "too long" in one_line(acutance("upscale", "a" * 300 + ".png"))


def test_the_summary_stays_one_line_on_a_terminal(photo: Path, model: Path, tmp_path: Path) -> None:
    """The bar is drawn on a terminal of 40 columns; standard output is a file all the same."""
    pty = pytest.importorskip("pty")
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "acutance", "upscale", "--model", str(model)]
    with (tmp_path / "out.txt").open("w") as out:
        status = subprocess.run(
            [*command, str(photo)],
            stdout=out,
            stderr=terminal,
            env={**os.environ, "COLUMNS": "40", "TERM": "xterm"},
            check=False,
        ).returncode
    os.close(terminal)
    drawn = os.read(controller, 100_000).decode()
    os.close(controller)
    assert status == 0
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(str(photo.with_name("a photo_x2.png")))
    assert photo.name in drawn


def test_no_bar_where_there_is_no_terminal(acutance: Run, photo: Path, model: Path) -> None:
    result = acutance("upscale", photo, "--model", model)
    assert (result.status, result.err) == (0, "")


STOPPED = """
import os, signal, sys
from acutance.cli.main import main
from acutance.inference.tiled import TiledNetwork
number, run = int(sys.argv.pop()), TiledNetwork._through
def stop(*arguments):
    os.kill(os.getpid(), number)
    return run(*arguments)
TiledNetwork._through = stop
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_kill_leaves_nothing_half_written(photo: Path, model: Path, number: int) -> None:
    """While tiles are computed, which takes nearly all of the time."""
    arguments = ["upscale", str(photo), "--model", str(model), str(int(number))]
    command = [sys.executable, "-c", STOPPED, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    expected = {signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGKILL: -signal.SIGKILL}
    assert result.returncode == expected[signal.Signals(number)]
    assert "Traceback" not in result.stderr
    assert [path.name for path in photo.parent.iterdir()] == ["a photo.png"]


EARLY = """
import sys
from acutance.__main__ import main
class Interrupted:
    def find_spec(self, name, *rest):
        if name.startswith("acutance.cli"):
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
main()
"""


def test_an_interrupt_while_the_program_loads_shows_no_traceback() -> None:
    command = [sys.executable, "-c", EARLY, "models"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (130, "acutance: interrupted before it began\n")


@pytest.mark.parametrize(
    "values",
    [
        {"multiple": 0},
        {"scale": "2"},
        {"receptive_field": -1},
        {"mirrored": -8},
        {"mirrored": "8"},
        {"config": []},
        {"config": {"channels": []}},
    ],
)
def test_a_damaged_card_is_one_line(
    acutance: Run, photo: Path, model: Path, values: dict[str, object]
) -> None:
    card = json.loads(model.read_text()) | values
    damaged = model.with_name("damaged.card")
    damaged.write_text(json.dumps(card))
    result = acutance("upscale", photo, "--model", damaged)
    damaged.unlink()
    assert result.status == 1
    assert next(iter(values)) in one_line(result)


def test_a_foreign_file_with_its_own_hash_is_one_line(photo: Path, model: Path) -> None:
    """Of another process, as OpenVINO's readers print what they do not understand."""
    foreign = model.with_name("foreign.onnx")
    foreign.write_bytes(bytes(range(256)) * 20)
    card = json.loads(model.read_text())
    card["files"]["onnx"] = dataclasses.asdict(file_entry(foreign))
    path = model.with_name("foreign.card")
    path.write_text(json.dumps(card))
    command = [sys.executable, "-m", "acutance", "upscale", "--model", str(path)]
    result = subprocess.run([*command, str(photo)], capture_output=True, text=True, check=False)
    path.unlink()
    foreign.unlink()
    assert result.returncode == 1
    assert result.stderr.startswith("acutance: ")
    assert "cannot be read as a model" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_output_may_be_called_out_as_in_training(
    acutance: Run, photo: Path, model: Path
) -> None:
    target = photo.with_name("other.png")
    assert acutance("upscale", photo, "--model", model, "--out", target).status == 0
    assert size(target) == (60, 40)
