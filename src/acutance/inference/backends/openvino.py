"""OpenVINO on the CPU: the default. Needs no PyTorch."""

import functools
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.models.card import Card
from acutance.models.weights import Weights

PRECISIONS = ("auto", "fp32", "bf16")

WORTH_BF16 = 1.2
"""How many times faster than fp32 bf16 must be for its coarser numbers to be worth it."""


class OpenVINOBackend:
    """The card's ONNX file, compiled for the processor.

    Args:
        card: the model.
        folder: where the card's files lie.
        threads: CPU threads; all by default.
        precision: ``auto`` takes what the card asks for; where it leaves that open, bf16 where the
            processor multiplies it and is faster for it, else fp32.
        weights: take these instead of the file's.
    """

    def __init__(
        self,
        card: Card,
        folder: Path,
        *,
        threads: int | None = None,
        precision: str = "auto",
        weights: Weights | None = None,
    ) -> None:
        import openvino as ov
        from openvino import frontend

        precision = card.precision if precision == "auto" else precision
        if precision not in PRECISIONS:
            raise UserError(
                f"unknown precision '{precision}': choose one of {', '.join(PRECISIONS)}"
            )
        core = ov.Core()
        self._precision = fastest_precision() if precision == "auto" else precision
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        path = folder / card.files["onnx"].name
        try:
            # core.read_model offers a damaged file to every other reader too, and they print.
            reader = frontend.FrontEndManager().load_by_framework("onnx")
            model = reader.convert(reader.load(str(path)))
        except (
            RuntimeError,
            frontend.GeneralFailure,
            frontend.InitializationFailure,
            frontend.NotImplementedFailure,
            frontend.OpConversionFailure,
            frontend.OpValidationFailure,
        ) as error:
            raise UserError(
                f"{path} cannot be read as a model; get it anew, its files under their own names"
            ) from error
        if weights is not None:
            _replace(model, weights, path)
        self._core, self._settings, self._path = core, settings, path
        self._parts = _parts(model) if self._precision == "bf16" else [(model, "f32")]
        self._compiled: dict[tuple[int, ...], list[Any]] = {}
        self._lock = threading.Lock()
        self.name = f"OpenVINO {self._precision} CPU"

    def run(self, lr_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """One tile; a model is compiled once for each shape, and the last one is kept.

        What is compiled holds one tile at a time: threads take turns.
        """
        with self._lock:
            return self._run(lr_NCHW)

    def _run(self, lr_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        shape = lr_NCHW.shape
        try:
            if shape not in self._compiled:
                self._compiled = {}  # before the next one takes its memory
                self._compiled = {shape: [self._compile(*part, shape) for part in self._parts]}
            lr_NCHW = np.ascontiguousarray(lr_NCHW)
            result, *more = (part(lr_NCHW)[0] for part in self._compiled[shape])
            for addend in more:
                result = result + addend
        except RuntimeError as error:
            raise UserError(
                f"{self._path} cannot compute a tile of {shape[3]} x {shape[2]} pixels: "
                "get it anew, or give less --memory"
            ) from error
        return np.asarray(result, dtype=np.float32)

    def _compile(self, model: Any, precision: str, shape: tuple[int, ...]) -> Any:
        model.reshape(list(shape))
        settings = {**self._settings, "INFERENCE_PRECISION_HINT": precision}
        return self._core.compile_model(model, "CPU", settings)


@functools.cache
def fastest_precision() -> str:
    """``bf16`` where the processor multiplies it and that pays, else ``fp32``.

    Some processors multiply bf16 more slowly than fp32: half as fast on an Intel Xeon with
    AVX512-BF16 but without AMX. So a convolution like base's is timed, in a tenth of a second.
    """
    import openvino as ov
    from openvino import opset13

    core = ov.Core()
    if not _multiplies_bf16(core):
        return "fp32"
    tile = np.zeros((1, 48, 64, 64), np.float32)
    parameter = opset13.parameter(tile.shape, np.float32)
    kernel = opset13.constant(np.zeros((48, 48, 3, 3), np.float32))
    deep = parameter  # several, since bf16 pays for converting what comes in and goes out
    for _ in range(4):
        deep = opset13.convolution(deep, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    model = ov.Model([deep], [parameter])
    seconds = {}
    for precision, hint in (("fp32", "f32"), ("bf16", "bf16")):
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": 1,
            "INFERENCE_PRECISION_HINT": hint,
        }
        compiled = core.compile_model(model, "CPU", settings)
        compiled(tile)
        seconds[precision] = min(_timed(compiled, tile) for _ in range(5))
    return "bf16" if seconds["bf16"] * WORTH_BF16 < seconds["fp32"] else "fp32"


def _multiplies_bf16(core: Any) -> bool:
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _timed(compiled: Any, tile: NDArray[np.float32]) -> float:
    start = time.perf_counter()
    compiled(tile)
    return time.perf_counter() - start


def _replace(model: Any, weights: Weights, path: Path) -> None:
    """Give a graph other weights; its constants have the names of the safetensors file.

    Raises UserError for a graph that does not name all of them: from before it pointed to that
    file, or one that the exporter computed a part of.
    """
    from openvino import opset13

    constants = {
        op.get_friendly_name(): op for op in model.get_ops() if op.get_type_name() == "Constant"
    }
    # The exporter leaves out what is zero: biases of a network that was hardly trained.
    wanted = {name: w for name, w in weights.items() if name in constants or w.any()}
    if not wanted.keys() <= constants.keys():
        raise UserError(
            f"{path} does not tell its weights apart, so they cannot be blended: export it again"
        )
    for name, array in wanted.items():
        constants[name].output(0).replace(opset13.constant(array).output(0))


def _parts(model: Any) -> list[tuple[Any, str]]:
    """What to compute in which arithmetic where bf16 is wanted; the parts' results are added.

    ``G(x) = Bicubic(x) + DNN(x)``: the larger addend, the DNN, in bf16. The bicubic stays in fp32,
    and so does the sum: bf16 has 8 significant bits, so smooth skies would get steps of up to two
    8-bit levels, and a graph that is compiled as a whole keeps no convolution out of bf16.
    """
    import openvino as ov

    results = model.get_results()
    if len(results) != 1 or results[0].input_value(0).get_node().get_type_name() != "Add":
        return [(model, "bf16")]
    addends = []
    for index in range(2):
        copy = model.clone()
        total = copy.get_results()[0].input_value(0).get_node()
        addends.append(ov.Model([total.input_value(index)], copy.get_parameters()))
    addends.sort(key=lambda addend: len(addend.get_ops()))
    return [(addends[0], "f32"), (addends[1], "bf16")]
