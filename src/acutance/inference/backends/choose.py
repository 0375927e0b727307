"""Which engine runs a model: OpenVINO on the CPU, PyTorch elsewhere."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from acutance.inference.backends.openvino import OpenVINOBackend
from acutance.inference.backends.protocol import Backend
from acutance.inference.backends.torch import TorchBackend
from acutance.models.card import Card, check_file
from acutance.models.weights import Weights


def choose_backend(
    card: Card,
    card_path: Path,
    device: str,
    threads: int | None,
    precision: str,
    weights: Weights | None,
) -> Backend:
    """The engine for a device; files are checked against the card before they are used."""
    if device == "auto":
        device = "cuda" if _has_cuda() else "cpu"
    if device == "cpu":
        check_file(card, card_path.parent, "onnx")
        return OpenVINOBackend(
            card, card_path.parent, threads=threads, precision=precision, weights=weights
        )
    device = device.removeprefix("torch-")
    return TorchBackend(card_path, device=device, threads=threads, weights=weights)


def _has_cuda() -> bool:
    """Whether PyTorch is there and finds a GPU; PyTorch is imported only where a driver is."""
    if shutil.which("nvidia-smi") is None or find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())
