"""PyTorch on CUDA, MPS or the CPU."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.models.weights import Weights

KINDS = ("cpu", "cuda", "mps", "xpu")
"""Kinds of devices that PyTorch computes on."""


class TorchBackend:
    """The card's safetensors file, run by PyTorch in fp32.

    Args:
        card_path: the model's card.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...
        threads: CPU threads; all by default.
        weights: take these instead of the file's.
    """

    def __init__(
        self,
        card_path: Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        weights: Weights | None = None,
    ) -> None:
        if device.partition(":")[0] not in KINDS:
            raise UserError(f"device '{device}' cannot be used here; try --device cpu")
        try:
            import torch
        except ImportError as error:
            raise UserError(
                f"{'torch-' if device == 'cpu' else ''}{device} needs PyTorch: "
                "pip install 'acutance[train]', or --device cpu"
            ) from error
        from acutance.models.checkpoint import load_network

        if threads:
            torch.set_num_threads(threads)
        try:
            self._device = torch.device(device)
            self._network, _ = load_network(card_path, self._device)
            if weights is not None:
                self._network.load_state_dict({k: torch.tensor(w) for k, w in weights.items()})
        except (RuntimeError, AssertionError) as error:
            raise UserError(f"device '{device}' cannot be used here; try --device cpu") from error
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.name = f"PyTorch fp32 {device}"

    def run(self, lr_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """One tile."""
        import torch

        with torch.inference_mode():
            lr = torch.from_numpy(np.ascontiguousarray(lr_NCHW)).to(self._device)
            try:
                sr = self._network(lr.contiguous(memory_format=torch.channels_last))
            except torch.OutOfMemoryError as error:
                raise UserError(f"{self.name} has too little memory: give less --memory") from error
            return np.asarray(sr.float().cpu().numpy(), dtype=np.float32)
