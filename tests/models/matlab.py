"""MATLAB files as VDSR, LapSRN and SCN were published, with random numbers in them."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat


def structs(*entries: dict[str, Any]) -> np.ndarray:
    """A struct array."""
    names = list(entries[0])
    array = np.zeros((1, len(entries)), dtype=[(name, object) for name in names])
    for i, entry in enumerate(entries):
        for name in names:
            array[0, i][name] = entry[name]
    return array


def cells(*values: np.ndarray) -> np.ndarray:
    """A cell array."""
    array = np.empty((1, len(values)), dtype=object)
    for i, value in enumerate(values):
        array[0, i] = value
    return array


def lapsrn_params(scale: int = 2, depth: int = 2, channels: int = 6) -> dict[str, np.ndarray]:
    """Named parameters: filters are (height, width, in, out), transposed (.., out, in)."""
    random, n = np.random.default_rng(0), channels
    shapes: dict[str, tuple[int, ...]] = {"input_conv_f": (3, 3, 1, n), "input_conv_b": (n, 1)}
    for level in range(scale.bit_length() - 1, 0, -1):
        for i in range(1, depth + 1):
            shapes[f"level{level}_conv{i}_f"] = (3, 3, n, n)
            shapes[f"level{level}_conv{i}_b"] = (1, n)
        shapes[f"level{level}_upconv_f"] = (3, 3, n, n)
        shapes[f"level{level}_upconv_b"] = (1, n)
        shapes[f"level{level}_residual_conv_f"] = (3, 3, n, 1)
        shapes[f"level{level}_residual_conv_b"] = (1, 1)
        shapes[f"level{level}_img_up_f"] = (4, 4, 1, 1)
    return {k: 0.2 * random.standard_normal(s).astype(np.float32) for k, s in shapes.items()}


def lapsrn_file(path: Path, params: dict[str, np.ndarray], *, leak: float = 0.2) -> Path:
    """A network of MatConvNet's DagNN."""
    relu = {"name": "input_relu", "type": "dagnn.ReLU", "block": {"leak": leak}}
    net = {
        "params": structs(*({"name": k, "value": v} for k, v in params.items())),
        "layers": structs(relu, {"name": "sum", "type": "dagnn.Sum", "block": np.zeros((0, 0))}),
    }
    savemat(path, {"net": net})
    return path


def vdsr_layers() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Twenty filters (height, width, in, out) and biases."""
    random = np.random.default_rng(1)
    widths = [1, *[64] * 19, 1]
    weights = [
        0.05 * random.standard_normal((3, 3, widths[i], widths[i + 1])).astype(np.float32)
        for i in range(20)
    ]
    biases = [
        0.01 * random.standard_normal((widths[i + 1], 1)).astype(np.float32) for i in range(20)
    ]
    return weights, biases


def vdsr_file(path: Path, weights: list[np.ndarray], biases: list[np.ndarray]) -> Path:
    savemat(path, {"model": {"weight": cells(*weights), "bias": cells(*biases)}})
    return path


def scn_model(features: int = 30, atoms: int = 40) -> dict[str, np.ndarray]:
    """Matrices a layer; filters are columns, pixels downwards first."""
    random = np.random.default_rng(2)
    box = np.outer(np.convolve(np.ones(5), np.ones(5)), np.convolve(np.ones(5), np.ones(5))) / 625
    details = np.zeros((9, 9, 25))
    for i in range(25):
        details[2:7, 2:7, i] = -1 / 25
        details[2 + i % 5, 2 + i // 5, i] += 1
    return {
        "conv": random.standard_normal((81, features)),
        "wd": 4 * random.standard_normal((features, atoms)),
        "usd1": 0.3 * random.standard_normal((atoms, atoms)),
        "ud": random.standard_normal((atoms, 25)),
        "addp": random.random((25, 1)) / 25,
        "mean2": np.pad(box, 2).reshape(169, 1, order="F"),
        "diffms": details.reshape(81, 25, order="F"),
    }


def scn_file(path: Path, model: dict[str, np.ndarray]) -> Path:
    savemat(path, {"model": model})
    return path
