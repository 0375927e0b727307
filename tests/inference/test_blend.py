"""Weights between a faithful and a detailed model; no GAN is trained here."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import acutance.inference.export
from acutance.errors import UserError
from acutance.inference.blend import blend, detailed_model
from acutance.inference.combine import export_blend
from acutance.inference.upscaler import Upscaler
from acutance.models.card import Card, file_entry, read_card, write_card
from acutance.models.checkpoint import load_network
from acutance.models.weights import Weights, read_weights, write_weights

LR = np.random.default_rng(5).random((21, 34, 3), dtype=np.float32)


def add_detailed(
    faithful: Path,
    name: str = "small-gan",
    change: Callable[[Weights], Weights] = lambda weights: weights,
    **facts: object,
) -> Path:
    """Put a card with other weights beside a faithful model's; its graph is not needed."""
    card = read_card(faithful)
    random = np.random.default_rng(1)
    weights = {
        key: (array * (1 + random.normal(0, 0.3, array.shape))).astype(array.dtype)
        for key, array in read_weights(faithful.with_suffix(".safetensors")).items()
    }
    path = faithful.with_name(f"{name}.safetensors")
    write_weights(path, change(weights))
    values: dict[str, object] = {"detail_of": card.name, "kind": "gan", **facts}
    other = dataclasses.replace(
        card,
        name=name,
        files={"safetensors": file_entry(path)},
        **values,  # type: ignore[arg-type]
    )
    write_card(path.with_suffix(".json"), other)
    return path.with_suffix(".json")


@pytest.fixture
def faithful(small: Path, tmp_path: Path) -> Path:
    """A model in a folder to add to."""
    shutil.copytree(small.parent, tmp_path / "model")
    return tmp_path / "model" / small.name


@pytest.fixture
def detailed(faithful: Path) -> Path:
    return add_detailed(faithful)


def by_pytorch(faithful: Path, detailed: Path, detail: float) -> np.ndarray:
    """The blend, from the networks' own parameters in float64."""
    network, _ = load_network(faithful)
    other, _ = load_network(detailed)
    with torch.no_grad():
        for p, q in zip(network.parameters(), other.parameters(), strict=True):
            p.copy_(((1 - detail) * p.double() + detail * q.double()).half())
        # Mirrored by 8, and up to a multiple of 4.
        around = np.pad(LR, ((8, 11), (8, 10), (0, 0)), mode="symmetric")
        sr = network(torch.from_numpy(around).permute(2, 0, 1)[None])
    return sr[0, :, 16 : 16 + 2 * 21, 16 : 16 + 2 * 34].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("device", ["cpu", "torch-cpu"])
@pytest.mark.parametrize("detail", [0.25, 0.5, 1])
def test_a_blend_is_the_network_between(
    faithful: Path, detailed: Path, device: str, detail: float
) -> None:
    upscaler = Upscaler(faithful, device=device, precision="fp32", detail=detail)
    expected = by_pytorch(faithful, detailed, detail)
    np.testing.assert_allclose(upscaler.upscale_float(LR), expected, atol=1e-4)
    plain = Upscaler(faithful, device=device, precision="fp32").upscale_float(LR)
    assert np.abs(plain - expected).max() > 0.01
    names = {0.25: "small + 0.25 small-gan", 0.5: "small + 0.5 small-gan", 1: "small-gan"}
    assert upscaler.name == names[detail]


def test_the_ends_are_the_models_themselves(faithful: Path, detailed: Path) -> None:
    for detail, path in ((0, faithful), (1, detailed)):
        expected = read_weights(path.with_suffix(".safetensors"))
        found = blend(faithful, detailed, detail).weights
        assert found.keys() == expected.keys()
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])
    assert blend(faithful, detailed, 0).weights["head.weight"].dtype == np.float16


def test_what_lies_between_is_mirrored_as_the_detailed_one(faithful: Path, detailed: Path) -> None:
    write_card(faithful, dataclasses.replace(read_card(faithful), mirrored=0))
    for detail, border in ((0, 0), (0.25, 8), (1, 8)):
        assert Upscaler(faithful, device="cpu", detail=detail).card.mirrored == border
    assert Upscaler(detailed, device="torch-cpu").card.mirrored == 8


def test_without_detail_no_other_model_is_asked_for(faithful: Path) -> None:
    assert Upscaler(faithful, device="cpu").name == "small"
    assert read_card(faithful).detail_of == ""


def test_bf16_blends_too(faithful: Path, detailed: Path) -> None:
    found = Upscaler(faithful, device="cpu", precision="bf16", detail=0.5).upscale_float(LR)
    np.testing.assert_allclose(found, by_pytorch(faithful, detailed, 0.5), atol=0.03)


@pytest.mark.parametrize("detail", [-0.1, 1.5, float("nan")])
def test_detail_is_a_share(faithful: Path, detailed: Path, detail: float) -> None:
    with pytest.raises(UserError, match="detail must be 0 to 1, not"):
        Upscaler(faithful, device="cpu", detail=detail)
    with pytest.raises(UserError, match="detail must be 0 to 1, not"):
        blend(faithful, detailed, detail)


# Which model belongs to which


def test_the_card_tells_whose_detail_it_is(faithful: Path, detailed: Path) -> None:
    add_detailed(faithful, "of-another", detail_of="another")
    (faithful.parent / "notes.json").write_text("no card")
    assert detailed_model(faithful) == detailed


def test_a_model_without_a_detailed_one_says_so(faithful: Path) -> None:
    with pytest.raises(UserError, match=r"no GAN model adds detail to 'small': leave out --detail"):
        Upscaler(faithful, device="cpu", detail=0.5)


def test_two_detailed_models_are_named(faithful: Path, detailed: Path) -> None:
    add_detailed(faithful, "b-gan")
    with pytest.raises(UserError, match=r"several models .* \(b-gan, small-gan\): keep one"):
        detailed_model(faithful)


def test_either_model_names_the_pair(faithful: Path, detailed: Path) -> None:
    both = [Upscaler(path, device="torch-cpu", detail=0.5) for path in (faithful, detailed)]
    np.testing.assert_array_equal(*(upscaler.upscale_float(LR) for upscaler in both))
    assert both[0].name == both[1].name == "small + 0.5 small-gan"


def test_a_detailed_model_alone_names_what_is_missing(faithful: Path, detailed: Path) -> None:
    faithful.unlink()
    with pytest.raises(UserError, match="adds detail to 'small', which is not beside it: give bo"):
        Upscaler(detailed, device="torch-cpu", detail=0.5)


def test_models_that_have_nothing_in_common_are_not_blended(faithful: Path) -> None:
    """The same function with its channels in another order: what lies between is no picture."""

    def reorder(weights: Weights) -> Weights:
        return {name: np.flip(array, 0).copy() for name, array in weights.items()}

    other = add_detailed(faithful, change=reorder)
    with pytest.raises(UserError, match="as neither was trained from the other"):
        blend(faithful, other, 0.5)
    with pytest.raises(UserError, match="as neither was trained from the other"):
        Upscaler(faithful, device="torch-cpu", detail=0.5)


# What cannot be blended


def narrower(weights: Weights) -> Weights:
    return {**weights, "head.weight": weights["head.weight"][:4]}


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"network": "vdsr"}, "network"),
        ({"scale": 4}, "scale"),
        ({"config": {"skips": False}}, "configuration"),
        ({"config": {"slope": 0.1}}, "configuration"),
        ({"change": narrower}, "weights"),
    ],
)
def test_other_networks_are_refused(faithful: Path, facts: dict[str, object], what: str) -> None:
    add_detailed(faithful, **facts)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=f"cannot be blended, as they differ in {what}: take"):
        Upscaler(faithful, device="cpu", detail=0.5)


def test_settings_that_one_card_does_not_know_are_no_difference(faithful: Path) -> None:
    config = {k: v for k, v in read_card(faithful).config.items() if k != "residuals"}
    add_detailed(faithful, config=config)
    assert Upscaler(faithful, device="cpu", detail=0.5).name == "small + 0.5 small-gan"


@pytest.mark.parametrize("data", [b"", b"\x10" + bytes(40)])
def test_damaged_weights_are_refused(faithful: Path, detailed: Path, data: bytes) -> None:
    path = detailed.with_suffix(".safetensors")
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"small-gan\.safetensors does not match its card"):
        Upscaler(faithful, device="cpu", detail=0.5)
    card = read_card(detailed)
    write_card(detailed, dataclasses.replace(card, files={"safetensors": file_entry(path)}))
    with pytest.raises(UserError, match=r"small-gan\.safetensors cannot be read as weights"):
        Upscaler(faithful, device="cpu", detail=0.5)


def test_a_graph_with_its_weights_inside_cannot_be_blended(faithful: Path, detailed: Path) -> None:
    path = faithful.with_suffix(".onnx")
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name == "head.weight":
            tensor.name = "w"
    for node in model.graph.node:
        node.input[:] = ["w" if name == "head.weight" else name for name in node.input]
    path.unlink()
    onnx.save(model, path)
    card = read_card(faithful)
    write_card(faithful, dataclasses.replace(card, files={**card.files, "onnx": file_entry(path)}))
    assert Upscaler(faithful, device="cpu").scale == 2
    with pytest.raises(UserError, match=r"does not tell its weights apart.*export it again"):
        Upscaler(faithful, device="cpu", detail=0.5)


# A blend as a model


def test_a_blend_becomes_a_model(
    faithful: Path, detailed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, network: torch.nn.Module, *, multiple: int, weights: Path) -> None:
        shutil.copy(faithful.with_suffix(".onnx"), path)  # tracing takes seconds

    monkeypatch.setattr(acutance.inference.export, "write_onnx", write)
    write_card(faithful, dataclasses.replace(read_card(faithful), mirrored=0))
    path = export_blend(faithful, detailed, 0.5, tmp_path / "out", name="small")
    card: Card = read_card(path)
    assert (card.kind, card.detail_of, card.metrics) == ("gan", "", {})
    assert (card.mirrored, card.training["blend"]) == (8, "small + 0.5 small-gan")
    assert [part["name"] for part in card.training["of"]] == ["small", "small-gan"]
    found = Upscaler(path, device="cpu", precision="fp32").upscale_float(LR)
    expected = Upscaler(faithful, device="cpu", precision="fp32", detail=0.5).upscale_float(LR)
    np.testing.assert_array_equal(found, expected)
