"""Export: three files that agree, or none; and what becomes of files that do not."""

import dataclasses
import hashlib
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import acutance.inference.export
from acutance.errors import UserError
from acutance.inference.backends.openvino import OpenVINOBackend
from acutance.inference.export import check_export, export, write_onnx
from acutance.inference.upscaler import Upscaler
from acutance.models.card import Card, file_entry, read_card, write_card
from acutance.models.checkpoint import load_network
from acutance.models.generator import Generator

SUFFIXES = ("json", "onnx", "safetensors")


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    """A model whose files can be spoilt."""
    shutil.copytree(small.parent, tmp_path / "model")
    return tmp_path / "model" / small.name


def self_contained(card_path: Path, path: Path) -> None:
    """The model's graph with its weights inside, as models were exported once."""
    onnx.save(onnx.load(card_path.with_suffix(".onnx")), path)


@pytest.fixture
def quick(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that takes graph and weights of the first one: tracing takes seconds."""

    def write(path: Path, network: torch.nn.Module, *, multiple: int, weights: Path) -> None:
        self_contained(small, path)

    monkeypatch.setattr(acutance.inference.export, "write_onnx", write)


def test_three_files_and_nothing_else(small: Path) -> None:
    assert {path.name for path in small.parent.iterdir()} == {f"small.{s}" for s in SUFFIXES}
    for path in small.parent.iterdir():
        assert path.stat().st_mode & 0o444 == 0o444  # everyone may read a model


def test_the_tracer_says_nothing_of_what_is_not_needed(
    tmp_path: Path, network: Generator, card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="torch.onnx")  # other tests may have changed it
    export(network, card, tmp_path)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert logging.getLogger("torch.onnx").level == logging.WARNING


def test_the_card_tells_the_hashes(small: Path, card: Card) -> None:
    found = read_card(small)
    assert dataclasses.replace(found, files={}) == card
    for kind in ("onnx", "safetensors"):
        data = small.with_suffix(f".{kind}").read_bytes()
        entry = found.files[kind]
        assert entry.name == f"small.{kind}"
        assert entry.sha256 == hashlib.sha256(data).hexdigest()
        assert entry.bytes == len(data)


@pytest.mark.parametrize("shape", [(4, 4), (8, 12), (36, 20), (64, 64)])
def test_the_graph_agrees_with_the_network(small: Path, shape: tuple[int, int]) -> None:
    network, card = load_network(small)
    backend = OpenVINOBackend(card, small.parent, precision="fp32")
    lr = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = network(lr).numpy()
    np.testing.assert_allclose(backend.run(lr.numpy()), expected, atol=1e-5)


def test_weights_are_the_networks_in_sixteen_bits(small: Path, network: Generator) -> None:
    stored = load_file(small.with_suffix(".safetensors"))
    assert {p.dtype for p in stored.values()} == {torch.float16}
    for name, parameter in network.named_parameters():
        assert torch.equal(stored[name], parameter.half())


def test_the_graph_points_to_the_weights_and_holds_bicubic_itself(small: Path) -> None:
    model = onnx.load(small.with_suffix(".onnx"), load_external_data=False)
    inside, outside = 0, {}
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            outside[tensor.name] = tensor
        elif tensor.data_type == onnx.TensorProto.FLOAT:
            inside += int(np.prod(tensor.dims))
    assert 0 <= inside - 2**2 * 5 * 5 < 10  # the filters of x2, and single numbers
    stored = load_file(small.with_suffix(".safetensors"))
    assert outside.keys() <= stored.keys()  # the tracer drops biases that are zero
    assert {name for name in stored if name.endswith("weight")} <= outside.keys()
    assert small.with_suffix(".onnx").stat().st_size < 40_000
    onnx.load_external_data_for_model(model, str(small.parent))
    for tensor in model.graph.initializer:
        if tensor.name in stored:  # read by ONNX itself, not by the offsets of ours
            np.testing.assert_array_equal(
                onnx.numpy_helper.to_array(tensor), stored[tensor.name].numpy()
            )
    assert [i.name for i in model.graph.input] == ["lr"]
    assert [o.name for o in model.graph.output] == ["sr"]


def test_a_graph_with_its_weights_inside_needs_no_other_file(copy: Path) -> None:
    """Cards from before the graph pointed to the weights."""
    lr = np.random.default_rng(0).random((20, 24, 3), dtype=np.float32)
    expected = Upscaler(copy, device="cpu", precision="fp32").upscale_float(lr)
    self_contained(copy, copy.with_suffix(".onnx"))
    entry = dataclasses.asdict(file_entry(copy.with_suffix(".onnx")))
    del entry["needs"]
    values = json.loads(copy.read_text())
    values["files"]["onnx"] = entry
    copy.write_text(json.dumps(values))
    copy.with_suffix(".safetensors").unlink()
    found = Upscaler(copy, device="cpu", precision="fp32").upscale_float(lr)
    np.testing.assert_array_equal(found, expected)


def test_the_network_is_rounded_to_what_is_stored(
    quick: None, tmp_path: Path, network: Generator, card: Card
) -> None:
    exact = network.head.weight.detach().clone()
    export(network, card, tmp_path)
    assert not torch.equal(network.head.weight, exact)
    assert torch.equal(network.head.weight, exact.half().float())


def test_existing_files_stay_unless_asked(
    quick: None, tmp_path: Path, network: Generator, card: Card
) -> None:
    for suffix in SUFFIXES:
        path = tmp_path / f"small.{suffix}"
        path.write_bytes(b"precious")
        with pytest.raises(UserError, match=rf"small\.{suffix} exists: give --overwrite"):
            export(network, card, tmp_path)
        assert path.read_bytes() == b"precious"
        assert list(tmp_path.iterdir()) == [path]
        path.unlink()
    (tmp_path / "small.json").write_bytes(b"old")
    path = export(network, card, tmp_path, overwrite=True)
    assert read_card(path).name == "small"
    assert Upscaler(path, device="cpu").scale == 2


@pytest.mark.parametrize("name", ["", "..", "../evil", "/evil", "a/b"])
def test_a_name_is_no_way_out_of_the_folder(
    quick: None, tmp_path: Path, network: Generator, card: Card, name: str
) -> None:
    with pytest.raises(UserError, match="cannot name files: give a --name without a folder"):
        export(network, dataclasses.replace(card, name=name), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_differs_is_refused_and_nothing_is_written(
    quick: None, tmp_path: Path, other_network: Generator, card: Card
) -> None:
    """The graph is the first network's, the weights are another's."""
    with pytest.raises(UserError, match="export refused: the ONNX differs from PyTorch by"):
        export(other_network, card, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_nothing_is_written(
    tmp_path: Path, network: Generator, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr(acutance.inference.export, "save_network", full)
    with pytest.raises(UserError, match=r"cannot write to .*No space left.*check free space"):
        export(network, card, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_export_leaves_the_old_model(
    quick: None, copy: Path, other_network: Generator, card: Card
) -> None:
    before = {path.name: path.read_bytes() for path in copy.parent.iterdir()}
    with pytest.raises(UserError, match="export refused"):
        export(other_network, card, copy.parent, overwrite=True)
    assert {path.name: path.read_bytes() for path in copy.parent.iterdir()} == before


def test_invalid_weights_are_refused(
    quick: None, tmp_path: Path, network: Generator, card: Card
) -> None:
    with torch.no_grad():
        network.head.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(UserError, match="export refused"):
        export(network, card, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_a_file_is_refused(
    quick: None, tmp_path: Path, network: Generator, card: Card
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(UserError, match="is not a folder"):
        export(network, card, tmp_path / "file" / "folder")


def test_checking_tells_the_largest_difference(small: Path) -> None:
    network, card = load_network(small)
    assert 0 <= check_export(network, card, small.parent) < 1e-5


def test_without_onnx_it_says_what_to_install(
    tmp_path: Path, network: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(UserError, match=r"pip install 'acutance\[train\]'"):
        write_onnx(tmp_path / "a.onnx", network, multiple=4, weights=tmp_path / "a.safetensors")


# Files that are not what the card says


@pytest.mark.parametrize(
    ("device", "kind"), [("cpu", "onnx"), ("cpu", "safetensors"), ("torch-cpu", "safetensors")]
)
@pytest.mark.parametrize("damage", ["changed", "truncated", "empty", "missing"])
def test_damaged_files_are_refused(copy: Path, device: str, kind: str, damage: str) -> None:
    path = copy.with_suffix(f".{kind}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    spoilt = {"changed": bytes(data), "truncated": bytes(data[: len(data) // 2]), "empty": b""}
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(spoilt[damage])
    with pytest.raises(UserError, match=r"is missing|does not match its card") as caught:
        Upscaler(copy, device=device)
    assert path.name in str(caught.value)


def with_true_hash(card_path: Path, kind: str) -> None:
    """Let the card vouch for a file that it should not have."""
    card = read_card(card_path)
    needs = card.files[kind].needs
    entry = file_entry(card_path.with_suffix(f".{kind}"), needs=needs)
    write_card(card_path, dataclasses.replace(card, files={**card.files, kind: entry}))


@pytest.mark.parametrize("data", [b"", b"no model", b"\x08\x01" + bytes(1000)])
@pytest.mark.parametrize(
    ("device", "kind"), [("cpu", "onnx"), ("cpu", "safetensors"), ("torch-cpu", "safetensors")]
)
def test_files_that_are_no_weights_are_refused(
    copy: Path, device: str, kind: str, data: bytes
) -> None:
    copy.with_suffix(f".{kind}").write_bytes(data)
    with_true_hash(copy, kind)
    with pytest.raises(UserError, match=r"small\.(onnx|safetensors)") as caught:
        Upscaler(copy, device=device)(np.zeros((8, 8, 3), np.uint8))
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(copy: Path) -> None:
    save_file({"tail.weight": torch.zeros(3, 3)}, copy.with_suffix(".safetensors"))
    with_true_hash(copy, "safetensors")
    with pytest.raises(UserError, match="does not hold the weights of 'generator'"):
        Upscaler(copy, device="torch-cpu")


def test_renamed_weights_are_not_found(copy: Path) -> None:
    """Renamed in the card too: the graph has its own pointer."""
    renamed = copy.with_name("other.safetensors")
    copy.with_suffix(".safetensors").rename(renamed)
    with pytest.raises(UserError, match=r"small\.safetensors is missing"):
        Upscaler(copy, device="cpu")
    card = read_card(copy)
    write_card(
        copy,
        dataclasses.replace(card, files={**card.files, "safetensors": file_entry(renamed)}),
    )
    with pytest.raises(UserError, match=r"small\.onnx cannot be read .* under their own names"):
        Upscaler(copy, device="cpu")


def graph(path: Path, *nodes: onnx.NodeProto, weights: np.ndarray) -> None:
    """A file with one convolution's weights, ``w``."""
    shape = [1, weights.shape[1], "h", "w"]
    inputs = [onnx.helper.make_tensor_value_info("lr", onnx.TensorProto.FLOAT, shape)]
    outputs = [onnx.helper.make_tensor_value_info("sr", onnx.TensorProto.FLOAT, None)]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            list(nodes), "foreign", inputs, outputs, [onnx.numpy_helper.from_array(weights, "w")]
        ),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
        ir_version=10,
    )
    onnx.save(model, path)


def test_a_graph_of_another_scale_is_refused(copy: Path) -> None:
    node = onnx.helper.make_node("Conv", ["lr", "w"], ["sr"])
    graph(copy.with_suffix(".onnx"), node, weights=np.ones((3, 3, 1, 1), np.float32))
    with_true_hash(copy, "onnx")
    with pytest.raises(UserError, match="does not upscale by 2 as its card says"):
        Upscaler(copy, device="cpu")(np.zeros((8, 8, 3), np.uint8))


def test_a_graph_that_takes_no_colour_is_refused(copy: Path) -> None:
    node = onnx.helper.make_node("Conv", ["lr", "w"], ["sr"])
    graph(copy.with_suffix(".onnx"), node, weights=np.ones((3, 7, 1, 1), np.float32))
    with_true_hash(copy, "onnx")
    with pytest.raises(UserError, match=r"small\.onnx cannot compute a tile"):
        Upscaler(copy, device="cpu")(np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"name": "a"}'])
def test_what_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match="is not a model card of acutance"):
        Upscaler(tmp_path / "a.json")


def test_a_card_of_a_newer_version_is_refused(copy: Path) -> None:
    values = json.loads(copy.read_text())
    copy.write_text(json.dumps({**values, "network": "newer"}))
    with pytest.raises(UserError, match="may need a newer version"):
        Upscaler(copy, device="torch-cpu")


def test_no_path_of_this_machine_is_in_a_model_file(small: Path) -> None:
    for path in small.parent.iterdir():
        data = path.read_bytes()
        assert b".py" not in data, path
        assert str(Path.cwd()).encode() not in data, path
