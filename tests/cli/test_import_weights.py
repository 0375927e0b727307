"""``acutance import-weights``: from a MATLAB file to a model that upscales."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import pyvips
from scipy.io import savemat

from .conftest import Run, one_line

CHANNELS = 4


def lapsrn_file(path: Path) -> Path:
    """A LapSRN of one level and one convolution, as MatConvNet stores it."""
    random = np.random.default_rng(0)
    shapes = {
        "input_conv_f": (3, 3, 1, CHANNELS),
        "input_conv_b": (1, CHANNELS),
        "level1_conv1_f": (3, 3, CHANNELS, CHANNELS),
        "level1_conv1_b": (1, CHANNELS),
        "level1_upconv_f": (3, 3, CHANNELS, CHANNELS),
        "level1_upconv_b": (1, CHANNELS),
        "level1_residual_conv_f": (3, 3, CHANNELS, 1),
        "level1_residual_conv_b": (1, 1),
        "level1_img_up_f": (4, 4, 1, 1),
    }
    params = np.zeros((1, len(shapes)), dtype=[("name", object), ("value", object)])
    for i, (name, shape) in enumerate(shapes.items()):
        params[0, i]["name"] = name
        params[0, i]["value"] = 0.2 * random.standard_normal(shape).astype(np.float32)
    savemat(path, {"net": {"params": params, "layers": np.zeros((1, 0))}})
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lapsrn_file(tmp_path_factory.mktemp("published") / "LapSRN.mat")


def test_a_file_becomes_a_model(acutance: Run, published: Path, photo: Path) -> None:
    out = photo.parent.parent / "models"
    result = acutance("import-weights", published, "--network", "lapsrn", "--out", out)
    assert result.status == 0, result.err
    assert {path.name for path in out.iterdir()} == {
        f"lapsrn-x2.{suffix}" for suffix in ("json", "onnx", "safetensors")
    }
    card = json.loads((out / "lapsrn-x2.json").read_text())
    (entry,) = card["training"]["weights"]
    assert entry["name"] == "LapSRN.mat"
    assert entry["sha256"] == hashlib.sha256(published.read_bytes()).hexdigest()
    assert "CVPR 2017" in card["training"]["imported"]
    assert card["licence"] != "Apache-2.0"
    pictures = []
    for device in ("cpu", "torch-cpu"):
        target = out / f"{device}.png"
        words = ("--model", out / "lapsrn-x2.json", "--device", device, "-o", target)
        upscaled = acutance("upscale", photo, *words)
        assert upscaled.status == 0, upscaled.err
        pictures.append(pyvips.Image.new_from_file(str(target)).numpy().astype(int))
    assert pictures[0].shape == (40, 60, 3)
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
    again = acutance("import-weights", published, "--network", "lapsrn", "--out", out)
    assert "--overwrite" in one_line(again)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--network", "vdsr", "--scale", "4"], "cannot be read as vdsr: it has no model.weight"),
        (["--network", "scn", "--scale", "4"], "cannot be read as scn: it has no model.conv"),
        (["--network", "lapsrn", "--scale", "4"], "upscale by 2, not by 4"),
    ],
)
def test_files_of_another_network_are_one_line(
    acutance: Run, published: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    out = tmp_path / "models"
    result = acutance("import-weights", published, *arguments, "--out", out)
    assert result.status == 1
    assert message in one_line(result)
    assert not out.exists()


def test_damaged_and_missing_files_are_one_line(
    acutance: Run, published: Path, tmp_path: Path
) -> None:
    (tmp_path / "half.mat").write_bytes(published.read_bytes()[:400])
    for name, message in (("half.mat", "not a MATLAB file"), ("none.mat", "no such file")):
        words = ("--network", "lapsrn", "--out", tmp_path / "models")
        result = acutance("import-weights", tmp_path / name, *words)
        assert result.status == 1
        assert message in one_line(result)
    assert not (tmp_path / "models").exists()


def test_without_a_file(acutance: Run, tmp_path: Path) -> None:
    result = acutance("import-weights", "--network", "scn", "--scale", 2, "--out", tmp_path / "m")
    assert result.status == 2
    assert "give the file" in one_line(result)
