"""OpenVINO on the CPU: the default. Needs no PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.models.card import Card

PRECISIONS = ("auto", "fp32", "bf16")


class OpenVINOBackend:
    """The card's ONNX file, compiled for the processor.

    Args:
        card: the model.
        folder: where the card's files lie.
        threads: CPU threads; all by default.
        precision: ``auto`` takes what the card asks for; where it leaves that open, bf16 where the
            processor multiplies it, else fp32.
    """

    def __init__(
        self, card: Card, folder: Path, *, threads: int | None = None, precision: str = "auto"
    ) -> None:
        import openvino as ov
        from openvino import frontend

        precision = card.precision if precision == "auto" else precision
        if precision not in PRECISIONS:
            raise UserError(
                f"unknown precision '{precision}': choose one of {', '.join(PRECISIONS)}"
            )
        core = ov.Core()
        fast_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._precision = ("bf16" if fast_bf16 else "fp32") if precision == "auto" else precision
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if self._precision == "bf16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        path = folder / card.files["onnx"].name
        try:
            # core.read_model offers a damaged file to every other reader too, and they print.
            reader = frontend.FrontEndManager().load_by_framework("onnx")
            self._model = reader.convert(reader.load(str(path)))
        except (
            RuntimeError,
            frontend.GeneralFailure,
            frontend.InitializationFailure,
            frontend.NotImplementedFailure,
            frontend.OpConversionFailure,
            frontend.OpValidationFailure,
        ) as error:
            raise UserError(f"{path} cannot be read as a model; get it anew") from error
        self._core, self._settings, self._path = core, settings, path
        self._compiled: dict[tuple[int, ...], Any] = {}
        self.name = f"OpenVINO {self._precision} CPU"

    def run(self, lr_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """One tile; a model is compiled once for each shape, and the last one is kept."""
        shape = lr_NCHW.shape
        try:
            if shape not in self._compiled:
                self._compiled = {}  # before the next one takes its memory
                self._model.reshape(list(shape))
                compiled = self._core.compile_model(self._model, "CPU", self._settings)
                self._compiled = {shape: compiled}
            result = self._compiled[shape](np.ascontiguousarray(lr_NCHW))[0]
        except RuntimeError as error:
            raise UserError(
                f"{self._path} cannot compute a tile of {shape[3]} x {shape[2]} pixels: "
                "get it anew, or give less --memory"
            ) from error
        return np.asarray(result, dtype=np.float32)
