"""OpenVINO on the CPU: the default. Needs no PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.models.card import Card


class OpenVINOBackend:
    """The card's ONNX file, compiled for the processor.

    Args:
        card: the model.
        folder: where the card's files lie.
        threads: CPU threads; all by default.
        precision: ``auto`` takes bf16 where the processor multiplies it, else fp32.
    """

    def __init__(
        self, card: Card, folder: Path, *, threads: int | None = None, precision: str = "auto"
    ) -> None:
        import openvino as ov

        core = ov.Core()
        fast_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._precision = ("bf16" if fast_bf16 else "fp32") if precision == "auto" else precision
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": {"bf16": "bf16", "fp32": "f32"}[self._precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        path = folder / card.files["onnx"].name
        try:
            self._model = core.read_model(path)
        except RuntimeError as error:
            raise UserError(f"{path} cannot be read as a model; get it anew") from error
        self._core, self._settings = core, settings
        self._compiled: dict[tuple[int, ...], Any] = {}
        self.name = f"OpenVINO {self._precision} CPU"

    def run(self, lr_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """One tile; a model is compiled once for each shape, and the last one is kept."""
        shape = lr_NCHW.shape
        if shape not in self._compiled:
            self._model.reshape(list(shape))
            self._compiled = {shape: self._core.compile_model(self._model, "CPU", self._settings)}
        compiled = self._compiled[shape]
        return np.asarray(compiled(np.ascontiguousarray(lr_NCHW))[0], dtype=np.float32)
