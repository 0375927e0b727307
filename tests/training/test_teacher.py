"""Learning from a stronger model's output."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from acutance.data.datasets import Photos, make_pair
from acutance.errors import UserError
from acutance.inference.export import export
from acutance.models.describe import describe
from acutance.models.generator import Generator, GeneratorConfig
from acutance.training.distributed import processes
from acutance.training.ema import ExponentialMovingAverage
from acutance.training.lessons import taught
from acutance.training.run_folder import load_teacher
from acutance.training.state import Counters, TrainState
from acutance.training.step import PixelStage
from acutance.training.train import train

from .test_loop import CONFIG, quiet


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of an untrained x2 model, bicubic but for a tail that shifts its colours."""
    config = GeneratorConfig(scale=2, channels=(8,), down_blocks=(1,), up_blocks=())
    network = Generator(config)
    with torch.no_grad():
        network.tail.bias.fill_(0.25)
    card = describe(network, key="generator", name="teacher-x2")
    return export(network, card, tmp_path_factory.mktemp("teacher"))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_is_learned_is_between_photo_and_teacher(teacher: Path, share: float) -> None:
    config = CONFIG.override({"teacher": str(teacher), "teacher_share": str(share)})
    network = Generator(GeneratorConfig(scale=2, channels=(8,), down_blocks=(1,), up_blocks=()))
    state = TrainState(
        network=network,
        ema=ExponentialMovingAverage(network, 0.9),
        optimiser=torch.optim.AdamW(network.parameters()),
        generator=torch.Generator(),
        counters=Counters(),
    )
    cpu = torch.device("cpu")
    with processes(cpu) as together:
        stage = PixelStage(
            config,
            state,
            device=cpu,
            dtype=torch.float32,
            forward=lambda lr: [network(lr)],
            together=together,
        )
    gray_lr, gray_hr = torch.full((1, 3, 20, 20), 0.5), torch.full((1, 3, 40, 40), 0.5)
    seen: list[torch.Tensor] = []

    def criterion(outputs: list[torch.Tensor], hr: torch.Tensor, **_: object) -> torch.Tensor:
        seen.append(hr)
        return outputs[0].mean()

    stage.criterion = criterion  # type: ignore[assignment]
    stage.step((gray_lr, gray_hr), progress=0.5, factor=1.0)
    torch.testing.assert_close(seen[0], gray_hr + 0.25 * share)


def test_a_run_takes_its_teacher_by_card(teacher: Path, photos: Path, tmp_path: Path) -> None:
    config = CONFIG.override({"teacher": str(teacher), "steps": "2"})
    run = train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)
    assert (run / "ema.safetensors").exists()


def test_a_teacher_of_another_scale_is_refused(teacher: Path) -> None:
    with pytest.raises(UserError, match="does not upscale clean pictures by 4"):
        load_teacher(str(teacher), scale=4)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_teacher_asked_once_is_a_part_of_every_photo(teacher: Path, share: float) -> None:
    config = CONFIG.override(
        {"teacher": str(teacher), "teacher_once": "true", "teacher_share": str(share)}
    )
    gray = np.full((40, 48, 3), 100, np.uint8)
    photos = Photos([make_pair("x", gray, 2)], [])
    (pair,) = taught(config, photos, device=torch.device("cpu"), dtype=torch.float32).train
    assert pair.hr.shape == gray.shape
    assert np.abs(pair.hr - (100 + share * 0.25 * 255)).max() <= 0.5
    assert (pair.lr == 100).all()


def test_a_run_asks_its_teacher_once(teacher: Path, photos: Path, tmp_path: Path) -> None:
    """The teacher is bicubic and a shift of colours; learned alone, it is found in the tail."""
    config = CONFIG.override(
        {"teacher": str(teacher), "teacher_once": "true", "teacher_share": "1", "steps": "40"}
    )
    said: list[str] = []
    taught = train(config, data=photos, run=tmp_path / "taught", threads=1, report=said.append)
    alone = CONFIG.override({"steps": "40"})
    other = train(alone, data=photos, run=tmp_path / "other", threads=1, report=quiet)
    bias, other_bias = (
        load_file(run / "ema.safetensors")["tail.bias"].mean() for run in (taught, other)
    )
    assert bias > other_bias + 0.01
    assert f"{teacher} upscales the photos first" in said


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teacher_once": "true"}, "asks a teacher"),
        (
            {"teacher": "base-x2", "teacher_once": "true", "recoloured": "0.5"},
            "own colours",
        ),
        ({"teacher": "base-x2", "degradations": "photo"}, "teaches clean pictures"),
    ],
)
def test_what_no_teacher_can_do_is_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CONFIG.override(settings)


def test_a_teacher_is_not_asked_once_of_pairs(teacher: Path) -> None:
    config = CONFIG.override({"teacher": str(teacher), "teacher_once": "true"})
    with pytest.raises(UserError, match="these are pairs"):
        taught(config, Photos([], [], paired=True), device=torch.device("cpu"), dtype=torch.float32)
