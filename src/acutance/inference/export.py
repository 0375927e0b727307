"""From a trained network to the three files that upscaling takes: safetensors, ONNX and card.

The weights are rounded to fp16 and stored once, in the safetensors file; arithmetic stays fp32. The
ONNX holds the graph: it points into the safetensors file by ONNX's external data, with casts behind
the weights that every runtime folds away when it loads.
"""

import contextlib
import dataclasses
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from acutance.errors import UserError
from acutance.image.files import make_folder
from acutance.inference.backends.openvino import OpenVINOBackend
from acutance.models.card import Card, file_entry, write_card
from acutance.models.checkpoint import save_network
from acutance.models.cost import channels_in
from acutance.models.weights import places, read_weights

TOLERANCE = 2e-4
"""Largest difference between ONNX and PyTorch that passes: a twentieth of an 8-bit step."""

OPSET = 18


class _Aligned(nn.Module):
    """What is traced: the network on inputs that are padded already."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, lr: Tensor) -> Tensor:
        result: Tensor = self.network.forward_aligned(lr)  # type: ignore[operator]
        return result


def export(network: nn.Module, card: Card, folder: Path, *, overwrite: bool = False) -> Path:
    """Write ``NAME.safetensors``, ``NAME.onnx`` and ``NAME.json``, and return the card's path.

    Args:
        network: has ``forward_aligned``; its parameters are rounded to fp16 in place.
        card: describes it; ``files`` is filled in here.
        folder: where the files go; made if missing.
        overwrite: replace files of that name.

    Raises:
        UserError: the files exist, the name cannot name them, or the ONNX does not compute what
            PyTorch does; then nothing is written.
    """
    if card.name in ("", ".", "..") or Path(card.name).name != card.name:
        raise UserError(f"'{card.name}' cannot name files: give a --name without a folder")
    targets = [folder / f"{card.name}{suffix}" for suffix in (".safetensors", ".onnx", ".json")]
    existing = [path for path in targets if path.exists()]
    if existing and not overwrite:
        raise UserError(f"{existing[0]} exists: give --overwrite to replace it, or another --name")
    network = network.to("cpu").float().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    make_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".acutance-", dir=folder) as name:
            partial = Path(name)
            weights, graph = partial / targets[0].name, partial / targets[1].name
            save_network(weights, network)
            write_onnx(graph, network, multiple=card.multiple, weights=weights)
            files = {
                "safetensors": file_entry(weights),
                "onnx": file_entry(graph, needs=("safetensors",)),
            }
            card = dataclasses.replace(card, files=files)
            write_card(partial / targets[2].name, card)
            check_export(network, card, partial)
            for path in targets:
                (partial / path.name).chmod(0o644)  # safetensors writes for its owner alone
                (partial / path.name).replace(path)
    except (OSError, SafetensorError) as error:  # the latter is how safetensors says it
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"cannot write to {folder}: {reason}; check free space and permissions"
        ) from error
    return targets[2]


def write_onnx(path: Path, network: nn.Module, *, multiple: int, weights: Path) -> None:
    """Trace ``forward_aligned`` with free height and width; ``path`` is beside ``weights``.

    Args:
        path: the graph.
        network: its parameters are what ``weights`` holds.
        multiple: height and width are multiples of this.
        weights: whole safetensors file with the network's parameters in fp16.
    """
    try:
        import onnx
    except ImportError as error:
        raise UserError("export needs ONNX: pip install 'acutance[train]'") from error

    # The bicubic branch mirrors two pixels; where no multiple promises them, the range does.
    sizes: list[Any] = [torch.export.Dim(axis, min=2) for axis in "hw"]
    if multiple > 1:
        sizes = [multiple * torch.export.Dim(axis) for axis in "hw"]
    with _without_warnings():
        program = torch.onnx.export(
            _Aligned(network).eval(),
            (torch.rand(1, channels_in(network), 8 * multiple, 10 * multiple),),
            input_names=["lr"],
            output_names=["sr"],
            dynamic_shapes={"lr": {2: sizes[0], 3: sizes[1]}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _point_to(weights, model)
    _forget_its_making(model)
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(path)  # by its path: only then it follows what is outside


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """The tracer warns of operators of torchvision that it lacks; no network here has them."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _point_to(weights: Path, model: Any) -> None:
    """Replace the initialisers that ``weights`` holds by pointers into it, named as there.

    What it does not hold stays inside: the fixed bicubic filters, and what the tracer computed.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    arrays, where = read_weights(weights), places(weights)
    casts = []
    for tensor in model.graph.initializer:
        name = tensor.name.removeprefix("network.")  # the attribute of ``_Aligned``
        if name not in arrays or not np.array_equal(numpy_helper.to_array(tensor), arrays[name]):
            continue
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
        outside = TensorProto(
            name=name,
            data_type=helper.np_dtype_to_tensor_dtype(arrays[name].dtype),
            dims=arrays[name].shape,
            data_location=TensorProto.EXTERNAL,
        )
        place = {
            "location": weights.name,
            "offset": where[name].offset,
            "length": where[name].length,
        }
        for key, value in place.items():
            outside.external_data.append(onnx.StringStringEntryProto(key=key, value=str(value)))
        tensor.CopyFrom(outside)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]


def _forget_its_making(model: Any) -> None:
    """Remove the exporter's stack traces: they hold the paths of the machine that made the file."""
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""


def check_export(network: nn.Module, card: Card, folder: Path) -> float:
    """Compare the ONNX in OpenVINO (fp32) with PyTorch on several sizes.

    Returns the largest difference; raises UserError when it exceeds ``TOLERANCE``.
    """
    backend = OpenVINOBackend(card, folder, precision="fp32")
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for height, width in ((8, 8), (12, 20), (32, 24)):
        # At least as many pixels, so that a picture is larger than its network's padding.
        size = (-(-pixels // card.multiple) * card.multiple for pixels in (height, width))
        lr = torch.rand((1, channels_in(network), *size), generator=generator)
        with torch.no_grad():
            expected = network(lr).numpy()
        found = backend.run(lr.numpy())
        if found.shape != expected.shape or not np.isfinite(found - expected).all():
            raise UserError(
                "export refused: the network gives invalid numbers, or the ONNX another size; "
                "export another checkpoint"
            )
        worst = max(worst, float(np.abs(found - expected).max()))
    if worst > TOLERANCE:
        raise UserError(
            f"export refused: the ONNX differs from PyTorch by {worst:.2g} (limit {TOLERANCE:g})"
        )
    return worst
