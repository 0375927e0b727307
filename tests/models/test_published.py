"""Published weights: what MATLAB's arrays mean, against scipy; and files that are not them."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat
from scipy.signal import correlate2d

from acutance.errors import UserError
from acutance.image.colour import bt601_studio_luma
from acutance.image.resize import resize
from acutance.models.lapsrn import LapSRN
from acutance.models.luma import to_luma
from acutance.models.published import provenance, read_published
from acutance.models.scn import SCN

from .matlab import (
    lapsrn_file,
    lapsrn_params,
    scn_file,
    scn_model,
    structs,
    vdsr_file,
    vdsr_layers,
)

LR = np.random.default_rng(9).random((6, 5, 3))


def luma_of(network: torch.nn.Module) -> np.ndarray:
    """What a network makes of LR, luma alone."""
    with torch.no_grad():
        sr = network.eval()(torch.from_numpy(LR).permute(2, 0, 1)[None].float())
    return to_luma(sr)[0, 0].double().numpy()


def convolve(x_CHW: np.ndarray, filters: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """MatConvNet's convolution with as much padding as keeps the size; filters (h, w, in, out)."""
    return np.stack(
        [
            sum(correlate2d(x, filters[:, :, i, o], mode="same") for i, x in enumerate(x_CHW)) + b
            for o, b in enumerate(bias.ravel())
        ]
    )


def upsample(x_CHW: np.ndarray, filters: np.ndarray, crop: tuple[int, int]) -> np.ndarray:
    """MatConvNet's transposed convolution: each sample stamps its filter (h, w, out, in)."""
    side = filters.shape[0]
    height, width = (2 * (n - 1) + side for n in x_CHW.shape[1:])
    out = np.zeros((filters.shape[2], height, width))
    for i, plane in enumerate(x_CHW):
        for (y, x), value in np.ndenumerate(plane):
            window = out[:, 2 * y : 2 * y + side, 2 * x : 2 * x + side]
            window += value * filters[:, :, :, i].transpose(2, 0, 1)
    top, bottom = crop
    return out[:, top : height - bottom, top : width - bottom]


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.2 * x)


@pytest.mark.parametrize("scale", [2, 4])
def test_lapsrn_computes_what_its_file_says(tmp_path: Path, scale: int) -> None:
    p = lapsrn_params(scale)
    network = read_published("lapsrn", [lapsrn_file(tmp_path / "a.mat", p)], scale=None)
    assert isinstance(network, LapSRN)
    assert (network.config.scale, network.config.depth, network.config.channels) == (scale, 2, 6)
    image = bt601_studio_luma(LR)[None]
    x = leaky(convolve(image, p["input_conv_f"], p["input_conv_b"]))
    for level in range(scale.bit_length() - 1, 0, -1):
        n = f"level{level}_"
        for i in (1, 2):
            x = leaky(convolve(x, p[f"{n}conv{i}_f"], p[f"{n}conv{i}_b"]))
        up = upsample(x, p[f"{n}upconv_f"], (0, 1))
        x = leaky(up + p[f"{n}upconv_b"].reshape(-1, 1, 1))
        image = upsample(image, p[f"{n}img_up_f"], (1, 1))
        image = image + convolve(x, p[f"{n}residual_conv_f"], p[f"{n}residual_conv_b"])
    np.testing.assert_allclose(luma_of(network), image[0], atol=1e-5)


def test_vdsr_computes_what_its_file_says(tmp_path: Path) -> None:
    weights, biases = vdsr_layers()
    path = vdsr_file(tmp_path / "a.mat", weights, biases)
    network = read_published("vdsr", [path], scale=2)
    bicubic = resize(bt601_studio_luma(LR), 12, 10)[None]
    x = bicubic
    for i in range(20):
        x = convolve(x, weights[i], biases[i])
        x = np.maximum(x, 0) if i < 19 else x
    np.testing.assert_allclose(luma_of(network), (bicubic + x)[0], atol=1e-5)
    assert np.abs(x).max() > 1e-3
    assert read_published("vdsr", [path], scale=3).scale == 3


def test_scn_computes_what_its_file_says(tmp_path: Path) -> None:
    """Layer by layer as matrices of pixels, filters down the columns."""
    m = scn_model()
    network = read_published("scn", [scn_file(tmp_path / "a.mat", m)], scale=2)
    assert isinstance(network, SCN)
    wide = np.pad(resize(bt601_studio_luma(LR), 12, 10), 6, mode="symmetric")

    def windows(side: int) -> np.ndarray:
        """``(H', W', side^2)``, a window's pixels downwards first."""
        view = np.lib.stride_tricks.sliding_window_view(wide, (side, side))
        return view.transpose(0, 1, 3, 2).reshape(*view.shape[:2], side**2)

    def shrink(a: np.ndarray) -> np.ndarray:
        return np.sign(a) * np.maximum(np.abs(a) - 1, 0)

    features = windows(9) @ m["conv"]
    drive = features / np.linalg.norm(features, axis=2, keepdims=True) @ m["wd"]
    patch = shrink(drive + shrink(drive) @ m["usd1"]) @ m["ud"]
    contrast = np.linalg.norm(windows(9) @ m["diffms"], axis=2, keepdims=True)
    patch *= 1.1 * contrast / np.linalg.norm(patch, axis=2, keepdims=True) * m["addp"].ravel()
    expected = (windows(13) @ m["mean2"])[..., 0]
    height, width = expected.shape
    for i in range(25):  # patch pixels row by row, as MatConvNet's order of the last layer has it
        top, left = 4 - i // 5, 4 - i % 5
        expected = expected + patch[top : top + height, left : left + width, i]
    np.testing.assert_allclose(luma_of(network), expected, atol=2e-5)


def test_scn_needs_one_of_its_files_and_takes_the_rest(tmp_path: Path) -> None:
    path = scn_file(tmp_path / "a.mat", scn_model())
    savemat(tmp_path / "b.mat", {"conv_h1": np.ones((5, 5, 4))})
    network = read_published("scn", [path, tmp_path / "b.mat"], scale=8)
    assert network.scale == 8
    with pytest.raises(UserError, match=r"b\.mat cannot be read as scn: it has no model\.conv"):
        read_published("scn", [tmp_path / "b.mat"], scale=8)


def test_provenance_names_and_hashes_the_file(tmp_path: Path) -> None:
    path = scn_file(tmp_path / "a.mat", scn_model())
    (entry,) = provenance("scn", [path])["weights"]
    assert entry["name"] == "a.mat"
    assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert entry["bytes"] == path.stat().st_size
    assert "unknown" in entry["source"]


@pytest.mark.parametrize(
    "data", [b"", b"MATLAB 5.0", b"\x89HDF\r\n\x1a\n" + bytes(600), b"{}" * 99]
)
def test_damaged_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(data)
    with pytest.raises(UserError, match="not a MATLAB file"):
        read_published("lapsrn", [path], scale=None)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, kept: float) -> None:
    path = lapsrn_file(tmp_path / "a.mat", lapsrn_params())
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(UserError, match="not a MATLAB file"):
        read_published("lapsrn", [path], scale=None)


def test_what_lapsrn_lacks_is_said(tmp_path: Path) -> None:
    def refused(params: dict[str, np.ndarray], message: str, scale: int | None = None) -> None:
        path = lapsrn_file(tmp_path / "a.mat", params)
        with pytest.raises(UserError, match=rf"a\.mat cannot be read as lapsrn: .*{message}"):
            read_published("lapsrn", [path], scale=scale)

    p = lapsrn_params()
    refused({k: v for k, v in p.items() if k != "level1_conv2_b"}, "no level1_conv2_b")
    refused(
        {**p, "level1_conv1_f": p["level1_conv1_f"][:, :, :5]}, "is 3 x 3 x 5 x 6, not 3 x 3 x 6"
    )
    refused({**p, "level1_upconv_b": p["level1_upconv_b"] * np.nan}, "invalid numbers")
    refused({**p, "level1_extra_f": p["level1_upconv_b"]}, "more than a LapSRN: level1_extra_f")
    refused({"x": np.ones(2)}, "not those of a LapSRN")
    refused(p, "upscale by 2, not by 4", scale=4)
    refused(lapsrn_params(16), "scale must be one of")
    path = lapsrn_file(tmp_path / "a.mat", p, leak=0.1)
    with pytest.raises(UserError, match=r"slope 0\.1"):
        read_published("lapsrn", [path], scale=None)


def test_what_vdsr_lacks_is_said(tmp_path: Path) -> None:
    weights, biases = vdsr_layers()
    path = vdsr_file(tmp_path / "a.mat", weights[:19], biases[:19])
    with pytest.raises(UserError, match="19 layers, not 20"):
        read_published("vdsr", [path], scale=4)
    path = vdsr_file(tmp_path / "a.mat", [weights[1], *weights[1:]], biases)
    with pytest.raises(UserError, match=r"model\.weight\{1\} is 3 x 3 x 64 x 64"):
        read_published("vdsr", [path], scale=4)
    path = vdsr_file(tmp_path / "a.mat", weights, biases)
    with pytest.raises(UserError, match="give --scale"):
        read_published("vdsr", [path], scale=None)
    with pytest.raises(UserError, match="it was trained for x2, x3 and x4, not x5"):
        read_published("vdsr", [path], scale=5)
    with pytest.raises(UserError, match=r"no net\.params"):
        read_published("lapsrn", [path], scale=None)
    with pytest.raises(UserError, match=r"no model\.conv"):
        read_published("scn", [path], scale=4)


def test_what_scn_lacks_is_said(tmp_path: Path) -> None:
    def refused(changes: dict[str, object], message: str) -> None:
        path = scn_file(tmp_path / "a.mat", {**scn_model(), **changes})
        with pytest.raises(UserError, match=message):
            read_published("scn", [path], scale=4)

    model = scn_model()
    refused({"conv": model["conv"][:49]}, r"model\.conv is 49 x 30, not 81 x 30")
    refused({"ud": model["ud"].T}, r"model\.ud is 25 x 40, not 40 x 25")
    refused({"wd": "text"}, r"model\.wd does not hold numbers")
    refused({"wd": 3.0}, r"model\.wd")
    refused({"mean2": model["mean2"] * 2}, "mean2 is not the mean")
    refused({"diffms": model["diffms"][:, ::-1]}, "diffms is not a patch")


def test_other_wishes_are_refused(tmp_path: Path) -> None:
    path = scn_file(tmp_path / "a.mat", scn_model())
    with pytest.raises(UserError, match="choose one of vdsr, lapsrn, scn"):
        read_published("drcn", [path], scale=4)
    with pytest.raises(UserError, match="no such file"):
        read_published("scn", [tmp_path / "none.mat"], scale=4)
    with pytest.raises(UserError, match="several files hold 'model'"):
        read_published("scn", [path, scn_file(tmp_path / "b.mat", scn_model())], scale=4)
    savemat(tmp_path / "c.mat", {"net": structs({"params": 1})})
    with pytest.raises(UserError, match="cannot be read as lapsrn"):
        read_published("lapsrn", [tmp_path / "c.mat"], scale=None)


def test_without_scipy_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scn_file(tmp_path / "a.mat", scn_model())
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    with pytest.raises(UserError, match=r"pip install 'acutance\[train\]'"):
        read_published("scn", [path], scale=4)
