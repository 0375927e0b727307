"""Weights that the authors of VDSR, LapSRN and SCN published, as networks of the catalogue.

All are MATLAB files: of MatConvNet (LapSRN) or converted for it (VDSR, SCN). MatConvNet correlates,
as PyTorch does, and stores filters as (height, width, in, out), transposed ones as (height, width,
out, in), so one transposition serves both. Nothing in such a file is code.
"""

import hashlib
import itertools
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from acutance.errors import UserError
from acutance.models.lapsrn import SLOPE, LapSRN, LapSRNConfig, Level
from acutance.models.scn import FIELD, PATCH, SCN, SCNConfig, detail_filters, mean_filter
from acutance.models.vdsr import VDSR, VDSRConfig

SOURCES = {
    "1d845a3efdca8848968df9e216931419e3b1122373a233d612b4f599985e6367": (
        "LapSRN_x4.mat of github.com/phoenix104104/LapSRN"
    ),
    "a887221465fe22ebda8ad5963cf812db807e7a9aa8e9d9453aee60e237af5e10": (
        "LapSRN_x8.mat of github.com/phoenix104104/LapSRN"
    ),
    "f613166660840af1a2ca47e31b0337b951e7c4e094364f6135a16d81a55c323c": (
        "VDSR_Official.mat of github.com/huangzehao/caffe-vdsr"
    ),
    "c76ea5bc21198cef577e40bb2406ab4254c68dea808489aeaf807e041ad9c5cf": (
        "weights_srnet_x2_52.mat of github.com/huangzehao/SCN_Matlab"
    ),
}
"""SHA-256 of the files whose origin is known."""


VDSR_MOST = 4
"""Beyond, its published weights give no more than bicubic."""


class _Unfit(Exception):  # noqa: N818 - becomes a UserError that names the file
    """What a file lacks or has otherwise; the end of a sentence about it."""


@dataclass(frozen=True)
class Published:
    """How the files of one network are read."""

    read: Callable[[dict[str, Any], int | None], nn.Module]
    """The variables of all files, and the scale wished for, to the network."""
    paper: str
    """Where the network is from."""


def read_published(network: str, files: Sequence[Path], *, scale: int | None) -> nn.Module:
    """A network with published weights.

    Args:
        network: key of ``PUBLISHED``.
        files: the MATLAB files. SCN has several; the others hold nothing but products of the one
            with ``model`` and are not needed, the rest have one.
        scale: upscaling factor; None takes the file's own, which only LapSRN's has.

    Raises:
        UserError: scipy is missing; a file is missing, damaged or not this network's.
    """
    if network not in PUBLISHED:
        raise UserError(f"no weights of '{network}' are known: choose one of {listed()}")
    variables: dict[str, Any] = {}
    for path in files:
        for name, value in _load(path).items():
            if name in variables:
                raise UserError(f"several files hold '{name}': give those of one network")
            variables[name] = value
    try:
        return PUBLISHED[network].read(variables, scale)
    except _Unfit as error:
        names = ", ".join(path.name for path in files)
        raise UserError(f"{names} cannot be read as {network}: {error}") from error


def listed() -> str:
    """The networks whose published weights can be read."""
    return ", ".join(PUBLISHED)


def provenance(network: str, files: Sequence[Path]) -> dict[str, Any]:
    """Where weights came from, for a card: paper, and each file's name, size, hash and source."""
    entries = []
    for path in files:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        source = SOURCES.get(digest, "unknown: not one of the files that the authors published")
        entries.append({"name": path.name, "bytes": len(data), "sha256": digest, "source": source})
    return {"imported": PUBLISHED[network].paper, "weights": entries}


def _load(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file; structs become objects with attributes."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise UserError("MATLAB files need scipy: pip install 'acutance[train]'") from error
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    try:
        values = loadmat(str(path), struct_as_record=False, squeeze_me=True)
    except Exception as error:  # whatever a damaged file makes scipy stumble over
        raise UserError(
            f"{path} is not a MATLAB file that can be read (version 7 or older); get it anew"
        ) from error
    return {key: value for key, value in values.items() if not key.startswith("__")}


def _read_vdsr(variables: dict[str, Any], scale: int | None) -> VDSR:
    """``model.weight`` and ``model.bias``, one entry a layer; x2 to x4 as in training."""
    if _needed(scale) > VDSR_MOST:
        raise _Unfit(f"it was trained for x2, x3 and x4, not x{scale}")
    model = variables.get("model")
    weights, biases = (
        list(np.atleast_1d(_field(model, "model", name))) for name in ("weight", "bias")
    )
    if len(weights) != 20 or len(biases) != 20:
        raise _Unfit(f"it holds {len(weights)} layers, not 20")
    network = VDSR(_configured(VDSRConfig, scale=_needed(scale)))
    for i, conv in enumerate(network.convs):
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        _fill(conv.weight, weights[i], f"model.weight{{{i + 1}}}")
        _fill(conv.bias, biases[i], f"model.bias{{{i + 1}}}")
    return network


def _read_lapsrn(variables: dict[str, Any], scale: int | None) -> LapSRN:
    """A network of MatConvNet's DagNN: named parameters, levels counted down to 1."""
    net = variables.get("net")
    params: dict[str, Any] = {
        str(getattr(p, "name", "")): getattr(p, "value", None)
        for p in np.atleast_1d(_field(net, "net", "params"))
    }
    levels = _count(params, "level{}_residual_conv_f")
    depth = _count(params, "level1_conv{}_f")
    if not levels or not depth:
        raise _Unfit("its parameters are not those of a LapSRN")
    if scale not in (None, 2**levels):
        raise _Unfit(f"its {levels} levels upscale by {2**levels}, not by {scale}")
    for layer in np.atleast_1d(_field(net, "net", "layers")):
        leak = getattr(getattr(layer, "block", None), "leak", None)
        if leak is not None and not np.isclose(leak, SLOPE):
            raise _Unfit(f"its leaky ReLU has the slope {leak}, not {SLOPE}")
    channels = np.size(params.get("input_conv_b", ()))
    network = LapSRN(_configured(LapSRNConfig, scale=2**levels, depth=depth, channels=channels))
    used = set()

    def fill(target: Tensor | None, name: str) -> None:
        assert target is not None
        used.add(name)
        _fill(target, params.get(name), name)

    fill(network.head.weight, "input_conv_f")
    fill(network.head.bias, "input_conv_b")
    for level, number in zip(network.levels, range(levels, 0, -1), strict=True):
        assert isinstance(level, Level)
        for i, conv in enumerate(level.convs, start=1):
            assert isinstance(conv, nn.Conv2d)
            fill(conv.weight, f"level{number}_conv{i}_f")
            fill(conv.bias, f"level{number}_conv{i}_b")
        fill(level.up_features.weight, f"level{number}_upconv_f")
        fill(level.up_features.bias, f"level{number}_upconv_b")
        fill(level.residual.weight, f"level{number}_residual_conv_f")
        fill(level.residual.bias, f"level{number}_residual_conv_b")
        fill(level.up_image.weight, f"level{number}_img_up_f")
    if len(params) != len(used):
        others = ", ".join(sorted(set(params) - used)[:3])
        raise _Unfit(f"it holds more than a LapSRN: {others}")
    return network


def _read_scn(variables: dict[str, Any], scale: int | None) -> SCN:
    """``model`` with a matrix a layer; a filter is a column of pixels, downwards first."""
    names = ("conv", "wd", "usd1", "ud", "addp", "mean2", "diffms")
    model = {n: _numbers(_field(variables.get("model"), "model", n), f"model.{n}") for n in names}
    shapes = {n: model[n].shape for n in names}
    side, pixels = FIELD**2, PATCH**2
    features, atoms = shapes["conv"][-1:], shapes["wd"][-1:]
    expected = {
        **{"conv": (side, *features), "wd": (*features, *atoms), "usd1": (*atoms, *atoms)},
        **{"ud": (*atoms, pixels), "addp": (pixels,), "diffms": (side, pixels)},
        "mean2": ((FIELD + PATCH - 1) ** 2,),
    }
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise _Unfit(f"model.{name} is {_by(shapes[name])}, not {_by(shape)}")
    _check_fixed_filters(model["mean2"], model["diffms"])
    network = SCN(
        _configured(SCNConfig, scale=_needed(scale), features=features[0], atoms=atoms[0])
    )
    filters = model["conv"].reshape(FIELD, FIELD, *features, order="F")
    _fill(network.H.weight, filters, "model.conv")
    for layer, name in ((network.W, "wd"), (network.S, "usd1"), (network.D, "ud")):
        _fill(layer.weight, model[name], f"model.{name}")
    _fill(network.G, model["addp"], "model.addp")
    return network


def _check_fixed_filters(mean: NDArray[np.float32], details: NDArray[np.float32]) -> None:
    """The file's mean and details are those that the network computes; it pads them by zeros."""
    wide = FIELD + PATCH - 1
    inner = (wide - FIELD) // 2
    found = mean.reshape(wide, wide)[inner:-inner, inner:-inner]
    if not np.allclose(found, mean_filter()[0, 0].numpy(), atol=1e-6):
        raise _Unfit("model.mean2 is not the mean of a patch's surroundings")
    margin = (FIELD - PATCH) // 2
    found = details.reshape(FIELD, FIELD, PATCH, PATCH, order="F")[margin:-margin, margin:-margin]
    ours = detail_filters().numpy().reshape(PATCH, PATCH, PATCH, PATCH).transpose(2, 3, 0, 1)
    if not np.allclose(found, ours, atol=1e-6):
        raise _Unfit("model.diffms is not a patch without its mean")


def _configured(config: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return config(**arguments)
    except ValueError as error:
        raise _Unfit(str(error)) from error


def _needed(scale: int | None) -> int:
    if scale is None:
        raise _Unfit("its weights serve several scales; give --scale")
    return scale


def _field(struct: Any, struct_name: str, name: str) -> Any:
    """A struct's field, or an _Unfit that says what is missing."""
    if not hasattr(struct, name):
        raise _Unfit(f"it has no {struct_name}.{name}")
    return getattr(struct, name)


def _count(names: Container[str], pattern: str) -> int:
    """How many of the names that a pattern makes of 1, 2, 3, .. are there in a row."""
    return next(i for i in itertools.count() if pattern.format(i + 1) not in names)


def _numbers(value: Any, name: str) -> NDArray[np.float32]:
    try:
        numbers = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise _Unfit(f"{name} does not hold numbers") from error
    if not np.isfinite(numbers).all():
        raise _Unfit(f"{name} holds invalid numbers")
    return numbers


@torch.no_grad()
def _fill(target: Tensor | None, value: Any, name: str) -> None:
    """Copy MATLAB's array into a parameter; axes of length 1 do not count, MATLAB drops them."""
    assert target is not None
    if value is None:
        raise _Unfit(f"it has no {name}")
    numbers = _numbers(value, name)
    as_stored = target.permute(2, 3, 1, 0) if target.ndim == 4 else target
    if numbers.squeeze().shape != as_stored.squeeze().shape:
        raise _Unfit(f"{name} is {_by(numbers.shape)}, not {_by(as_stored.shape)}")
    as_stored.copy_(torch.from_numpy(numbers.reshape(as_stored.shape).copy()))


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a single number"


PUBLISHED = {
    "vdsr": Published(_read_vdsr, "Kim, Lee and Lee, CVPR 2016"),
    "lapsrn": Published(_read_lapsrn, "Lai, Huang, Ahuja and Yang, CVPR 2017"),
    "scn": Published(_read_scn, "Wang, Liu, Yang, Han and Huang, ICCV 2015"),
}
"""The networks whose published weights can be read."""
