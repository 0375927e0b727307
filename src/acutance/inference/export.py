"""From a trained network to the three files that upscaling takes: safetensors, ONNX and card.

The weights are rounded to fp16 first, so both files hold the same numbers; arithmetic stays fp32.
The ONNX stores fp16 weights behind casts that every runtime folds away when it loads.
"""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from acutance.errors import UserError
from acutance.image.io import make_folder
from acutance.inference.backends.openvino import OpenVINOBackend
from acutance.models.card import Card, file_entry, write_card
from acutance.models.checkpoint import save_network
from acutance.models.cost import channels_in

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
        UserError: the files exist, or the ONNX does not compute what PyTorch does; then nothing is
            written.
    """
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
            write_onnx(graph, network, multiple=card.multiple)
            card = dataclasses.replace(
                card, files={"safetensors": file_entry(weights), "onnx": file_entry(graph)}
            )
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


def write_onnx(path: Path, network: nn.Module, *, multiple: int) -> None:
    """Trace ``forward_aligned`` with free height and width, and store its weights as fp16."""
    try:
        import onnx
    except ImportError as error:
        raise UserError("export needs ONNX: pip install 'acutance[train]'") from error

    # The bicubic branch mirrors two pixels; where no multiple promises them, the range does.
    sizes: list[Any] = [torch.export.Dim(axis, min=2) for axis in "hw"]
    if multiple > 1:
        sizes = [multiple * torch.export.Dim(axis) for axis in "hw"]
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
    _store_as_fp16(model)
    _forget_its_making(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _store_as_fp16(model: Any) -> None:
    """Replace the convolutions' fp32 weights by fp16 ones with a cast behind each.

    Only weights that fp16 holds exactly are replaced: the fixed bicubic filters stay fp32.
    """
    import onnx
    from onnx import helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if values.size < 64 or not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.fp16"))
        casts.append(
            helper.make_node(
                "Cast", [f"{name}.fp16"], [name], name=f"{name}.cast", to=onnx.TensorProto.FLOAT
            )
        )
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
