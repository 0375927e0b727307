"""Ensembles: one model that averages the pictures of several."""

from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.errors import UserError
from acutance.inference.combine import export_ensemble
from acutance.inference.export import export
from acutance.inference.upscaler import Upscaler
from acutance.models.card import file_entry, read_card, write_card
from acutance.models.checkpoint import save_network
from acutance.models.describe import describe
from acutance.models.ensemble import Ensemble, EnsembleConfig
from acutance.models.generator import Generator, GeneratorConfig
from acutance.models.vdsr import VDSR, VDSRConfig

FLAT = GeneratorConfig(scale=2, channels=(8,), down_blocks=(1,), up_blocks=())
"""One level, where the member ``small`` has three."""
LR = np.random.default_rng(3).random((20, 32, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The other member."""
    torch.manual_seed(2)
    network = Generator(FLAT)
    torch.nn.init.normal_(network.tail.weight, std=0.05)
    card = describe(network, key="generator", name="flat", licence="CC0-1.0", mirrored=8)
    return export(network, card, tmp_path_factory.mktemp("flat"))


@pytest.fixture(scope="module")
def both(small: Path, flat: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_ensemble([small, flat], tmp_path_factory.mktemp("both"))


@pytest.mark.parametrize("device", ["cpu", "torch-cpu"])
def test_an_ensemble_gives_the_mean_of_its_members(
    small: Path, flat: Path, both: Path, device: str
) -> None:
    found, *members = (
        Upscaler(path, device=device, precision="fp32").upscale_float(LR)
        for path in (both, small, flat)
    )
    assert np.abs(members[0] - members[1]).max() > 0.01
    np.testing.assert_allclose(found, (members[0] + members[1]) / 2, atol=1e-5)


def test_tiles_do_not_show(both: Path) -> None:
    lr = np.random.default_rng(4).random((61, 53, 3), dtype=np.float32)
    whole, tiled = (
        Upscaler(both, device="cpu", precision="fp32", tile=tile).upscale_float(lr)
        for tile in (64, 16)
    )
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_bf16_leaves_the_bicubic_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    untrained = Ensemble(EnsembleConfig(members=(FLAT, FLAT)))  # its DNNs give nothing
    path = export(untrained, describe(untrained, key="ensemble", name="untrained"), tmp_path)
    fp32, bf16 = (
        Upscaler(path, device="cpu", precision=precision).upscale_float(LR)
        for precision in ("fp32", "bf16")
    )
    np.testing.assert_allclose(bf16, fp32, atol=1e-6)


def test_the_card_tells_shape_and_origin(both: Path, small: Path, flat: Path) -> None:
    card = read_card(both)
    assert (card.name, card.kind, card.network) == ("ensemble-x2", "bicubic", "ensemble")
    assert (card.scale, card.multiple, card.receptive_field) == (2, 4, 17)
    assert (card.feature_values, card.mirrored) == (80, 8)
    members = [read_card(path) for path in (small, flat)]
    assert card.parameters == sum(member.parameters for member in members)
    assert card.macs_per_lr_pixel == sum(member.macs_per_lr_pixel for member in members)
    assert card.licence == "Apache-2.0 and CC0-1.0"
    assert card.training["command"] == "acutance ensemble small flat --out DIR"
    assert [part["name"] for part in card.training["ensemble"]] == ["small", "flat"]
    assert card.training["ensemble"][0]["sha256"] == members[0].files["safetensors"].sha256
    assert Ensemble(EnsembleConfig(**card.config)).config.members[1] == FLAT


def test_any_size_is_padded_for_all_members() -> None:
    deep = GeneratorConfig(scale=2, channels=(8, 8), down_blocks=(0, 0), up_blocks=(0,))
    network = Ensemble(EnsembleConfig(members=(deep, FLAT)))
    assert network.config.multiple == 2
    with torch.no_grad():
        assert network(torch.rand(1, 3, 5, 7)).shape == (1, 3, 10, 14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 4}, "one scale"),
        ({"strength": True}, "take no strength"),
        ({"consistent": True}, "take no strength"),
        ({"bicubic": False}, "add to bicubic"),
    ],
)
def test_members_that_cannot_be_averaged(changes: dict[str, object], message: str) -> None:
    other = GeneratorConfig(**{**vars(FLAT), **changes})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        EnsembleConfig(members=(FLAT, other))


def test_one_model_is_no_ensemble_and_nothing_is_written(small: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least two members: choose other models"):
        export_ensemble([small], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_generators_are_members(small: Path, tmp_path: Path) -> None:
    network = VDSR(VDSRConfig(scale=2))
    weights, vdsr = tmp_path / "vdsr-x2.safetensors", tmp_path / "vdsr-x2.json"
    save_network(weights, network)
    files = {"safetensors": file_entry(weights)}
    write_card(vdsr, describe(network, key="vdsr", name="vdsr-x2", files=files))
    with pytest.raises(UserError, match="vdsr-x2 cannot be a member of an ensemble"):
        export_ensemble([small, vdsr], tmp_path / "out")
