"""Finding a model, and what ships: every card true to its files."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from acutance.errors import UserError
from acutance.inference.models import (
    default_model,
    find_card,
    shipped,
    weights_folder,
)
from acutance.models.card import check_file, read_card
from acutance.models.catalogue import build
from acutance.models.checkpoint import load_network
from acutance.models.cost import parameter_count

SHIPPED = sorted(path.stem for path in weights_folder().glob("*.json"))


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    """A card whose files can be spoilt."""
    shutil.copytree(small.parent, tmp_path / "model")
    return tmp_path / "model" / small.name


def test_by_name() -> None:
    assert find_card("base-x4") == weights_folder() / "base-x4.json"


def test_by_path_folder_and_weights(small: Path) -> None:
    for given in (small, small.parent, small.with_suffix(".safetensors")):
        assert find_card(str(given)) == small


def test_a_name_is_the_shipped_model_and_a_path_the_folder(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(small.parent, tmp_path / "base-x4")
    monkeypatch.chdir(tmp_path)
    assert find_card("base-x4") == weights_folder() / "base-x4.json"
    assert find_card("./base-x4").resolve() == tmp_path / "base-x4" / small.name


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(UserError, match="unknown model 'base-x5': choose one of") as caught:
        find_card("base-x5")
    for name in SHIPPED:
        assert name in str(caught.value)


def test_a_folder_must_hold_one_card(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds 0 \.json files; name the model's card"):
        find_card(str(tmp_path))
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(UserError, match=r"holds 2 \.json files"):
        find_card(str(tmp_path))


def test_the_default_model_has_the_scale() -> None:
    for scale in {card.scale for card in shipped().values()}:
        assert read_card(find_card(default_model(scale))).scale == scale
    with pytest.raises(UserError, match=r"no model upscales by 7: choose one of .*4"):
        default_model(7)


# One file of a card


@pytest.mark.parametrize("kind", ["onnx", "safetensors"])
def test_a_whole_file_passes(small: Path, kind: str) -> None:
    assert check_file(read_card(small), small.parent, kind) == small.with_suffix(f".{kind}")


@pytest.mark.parametrize("kind", ["onnx", "safetensors"])
def test_a_changed_file_is_found_out(copy: Path, kind: str) -> None:
    path = copy.with_suffix(f".{kind}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="does not match its card: it is damaged or was changed"):
        check_file(read_card(copy), copy.parent, kind)


def test_a_missing_file_is_named(copy: Path) -> None:
    copy.with_suffix(".onnx").unlink()
    with pytest.raises(UserError, match=r"small\.onnx is missing: keep a model's files"):
        check_file(read_card(copy), copy.parent, "onnx")


def test_a_card_without_the_file_says_so(copy: Path) -> None:
    card = dataclasses.replace(read_card(copy), files={})
    with pytest.raises(UserError, match="model 'small' has no onnx file; export it again"):
        check_file(card, copy.parent, "onnx")


# What ships


def test_the_names_are_the_files() -> None:
    assert "base-x4" in SHIPPED
    assert {name: card.name for name, card in shipped().items()} == {n: n for n in SHIPPED}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_whole(name: str) -> None:
    path = find_card(name)
    card = read_card(path)
    assert sorted(card.files) == ["onnx", "safetensors"]
    for kind, entry in card.files.items():
        assert check_file(card, path.parent, kind).stat().st_size == entry.bytes
        assert entry.name == f"{name}.{kind}"
    assert card.licence == "Apache-2.0"
    assert card.training["command"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_card_describes_its_network(name: str) -> None:
    card = read_card(find_card(name))
    config = build(card.network, card.config).config
    assert (card.scale, card.multiple) == (config.scale, config.multiple)
    assert card.receptive_field == config.receptive_field
    assert card.mirrored == (8 if card.detail_of else 0)
    network, _ = load_network(find_card(name))
    assert parameter_count(network) == card.parameters


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_card_names_no_place_of_its_making(name: str) -> None:
    """Cards go to everyone: no paths of the machine where a model was trained."""
    text = json.dumps(dataclasses.asdict(read_card(find_card(name))))
    for place in ("/home/", "/root/", "/tmp/", "/work/"):
        assert place not in text


def test_nothing_else_ships() -> None:
    expected = {f"{n}.{s}" for n in SHIPPED for s in ("json", "onnx", "safetensors")}
    found = {path.name for path in weights_folder().iterdir() if path.is_file()}
    assert found - {"__init__.py"} == expected


def figures(name: str, protocol: str, pictures: str = "all") -> dict[str, float]:
    found: dict[str, float] = shipped()[name].metrics[protocol][pictures]
    return found


@pytest.mark.parametrize("name", ["base-x4", "lean-x4"])
def test_x4_is_past_the_2017_system(name: str) -> None:
    found = figures(name, "poster2017")
    assert found["psnr"] >= 27.63
    assert found["ssim"] >= 0.7432
    assert found["hfeni"] >= 2.2634


def test_x8_is_past_the_2017_system() -> None:
    found = figures("base-x8", "poster2017")
    assert found["psnr"] >= 24.90
    assert found["ssim"] >= 0.611
    assert found["hfeni"] >= 0.8954


def test_base_at_x4_is_equivariant_and_ahead_of_what_it_was() -> None:
    assert shipped()["base-x4"].equivariant
    assert figures("base-x4", "poster2017")["psnr"] >= 27.76
    assert figures("base-x4", "poster2017")["hfeni"] >= 2.41
    assert (
        figures("base-x4", "poster2017")["psnr"] > figures("lean-x4", "poster2017")["psnr"] + 0.08
    )


def test_the_gan_is_crisp_and_true_to_its_input() -> None:
    found = figures("gan-x4", "standard", "BSDS100")
    assert found["lpips"] <= 0.18
    assert found["psnr"] >= 25.5
    assert found["lr_psnr"] >= 45
    assert found["checkerboard"] <= 0


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_photo_models_leave_clean_pictures_alone(scale: int) -> None:
    clean = figures(f"photo-x{scale}", "poster2017-denoise0")
    assert clean["psnr"] >= figures(f"base-x{scale}", "poster2017")["psnr"] - 0.3
