"""The GAN stage: plays the game, resumes to the bit, warns, and ships by its rule."""

import dataclasses
import json
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from acutance.data.datasets import is_held_out
from acutance.errors import UserError
from acutance.image.decode import decode_rgb8
from acutance.image.encode import write_rgb8
from acutance.metrics.dists import STAGES
from acutance.recipes.catalogue import command, recipe
from acutance.training import run_folder
from acutance.training.config import LossPhase, PatchPhase, TrainConfig
from acutance.training.distributed import Processes
from acutance.training.ema import ExponentialMovingAverage
from acutance.training.gan import guards
from acutance.training.gan.config import GanConfig
from acutance.training.gan.frontier import Floors, best, frontier, perception
from acutance.training.gan.perception import perceptual_loss
from acutance.training.gan.stage import GanStage, new_opponent, perceptual_side, shown_side
from acutance.training.gan.step import gan_step
from acutance.training.loop import Stopped
from acutance.training.state import Counters, TrainState
from acutance.training.train import train

EVERYTHING = GanConfig(
    channels=4,
    discriminator_rate=1e-3,
    adversarial=0.05,
    ramp=0.0,
    matching=0.1,
    artefacts=1.0,
    consistency=1.0,
    checkerboard=0.1,
    r1=0.1,
)

CONFIG = TrainConfig(
    recipe="gan-x4",
    size="tiny",
    scale=2,
    steps=8,
    patches=(PatchPhase(until=1.0, patch=16, batch=2),),
    losses=(LossPhase(until=1.0, content="l1"),),
    warmup=0.0,
    copies=(),
    precision="fp32",
    log_minutes=0.0,
    checkpoint_minutes=60.0,
    validations=4,
    gan=EVERYTHING,
)


def quiet(_line: str) -> None:
    pass


def run_once(photos: Path, run: Path, config: TrainConfig = CONFIG, **more: Any) -> Path:
    return train(config, data=photos, run=run, threads=1, **{"report": quiet, **more})


def log(run: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def assert_same_files(a: Path, b: Path) -> None:
    for name in (run_folder.LAST, run_folder.EMA):
        first, second = load_file(a / name), load_file(b / name)
        assert first.keys() == second.keys()
        for key in first:
            assert torch.equal(first[key], second[key]), key


@pytest.fixture(scope="module")
def photos(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual photos; the held-out one thrice as wide, so that NIQE can judge it."""
    folder = tmp_path_factory.mktemp("photos")
    for path in photos.iterdir():
        image = decode_rgb8(path.read_bytes(), path.name)
        wide = np.concatenate([image, image[:, ::-1], 255 - image], 1)
        write_rgb8(folder / path.name, wide if is_held_out(path.name) else image)
    return folder


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_once(photos, tmp_path_factory.mktemp("gan") / "whole")


def test_a_run_plays_the_game_and_can_be_exported(whole: Path) -> None:
    steps = log(whole, "train")
    assert len(steps) == 8
    parts = {"content", "adversarial", "consistency", "checkerboard", "matching", "artefacts"}
    for line in steps:
        assert parts | {"d_loss", "d_real", "d_fake"} <= line.keys()
        assert line["loss"] == pytest.approx(sum(line[part] for part in parts), rel=1e-4)
    stored = load_file(whole / run_folder.LAST)
    assert any(key.startswith("opponent.trunk") for key in stored)
    assert any(key.startswith("opponent_optimiser.exp_avg.") for key in stored)
    _, card = run_folder.load_run(whole)
    assert (card.name, card.kind) == ("gan-tiny-x2", "bicubic, GAN")
    assert card.training["shipped"] in card.training["frontier"]


def test_validations_come_at_even_shares_with_sheets(whole: Path) -> None:
    assert [line["step"] for line in log(whole, "validation")] == [0, 2, 4, 6, 8]
    sheet = run_folder.sheet(whole, 8)
    page = decode_rgb8(sheet.read_bytes(), sheet.name)
    assert page.shape == (256, 4 * 260 - 4, 3)  # one photo: bicubic, the start, now, the photo
    photo = next(iter((whole / "samples").glob("*/hr.png")))
    hr = decode_rgb8(photo.read_bytes(), photo.name)[:, 40:296]
    assert np.array_equal(page[: hr.shape[0], 780 : 780 + hr.shape[1]], hr)


@pytest.mark.parametrize("stop_at", [3, 4])  # 4: where a validation is due
def test_a_stopped_run_resumes_to_the_same_bits(
    photos: Path, tmp_path: Path, whole: Path, stop_at: int
) -> None:
    def terminate(line: str) -> None:
        if f"step {stop_at} " in line and "loss" in line:
            signal.raise_signal(signal.SIGTERM)

    run = tmp_path / "run"
    with pytest.raises(Stopped, match="--resume"):
        run_once(photos, run, report=terminate)
    run_once(photos, run, resume=True)
    assert_same_files(run, whole)
    assert [line["step"] for line in log(run, "validation")] == [0, 2, 4, 6, 8]
    told = [json.loads((r / "run.json").read_text()) for r in (run, whole)]
    assert told[0]["frontier"] == told[1]["frontier"]
    assert told[0]["shipped"] == told[1]["shipped"]


def test_a_seed_decides_everything(photos: Path, tmp_path: Path, whole: Path) -> None:
    assert_same_files(run_once(photos, tmp_path / "same"), whole)
    other = run_once(photos, tmp_path / "other", dataclasses.replace(CONFIG, seed=1))
    first, second = (load_file(r / run_folder.LAST) for r in (other, whole))
    name = "opponent.trunk.last.parametrizations.weight.original"
    assert not torch.equal(first[name], second[name])


def test_a_checkpoint_without_a_discriminator_is_refused(photos: Path, tmp_path: Path) -> None:
    pixels = dataclasses.replace(CONFIG, gan=None, steps=2)
    run = run_once(photos, tmp_path / "run", pixels)
    with pytest.raises(UserError, match="cannot resume"):
        run_once(photos, run, CONFIG, resume=True)


def test_without_held_out_photos_the_last_average_ships(photos: Path, tmp_path: Path) -> None:
    some = tmp_path / "photos"
    some.mkdir()
    for path in photos.iterdir():
        if not is_held_out(path.name):
            (some / path.name).write_bytes(path.read_bytes())
    lines: list[str] = []
    run = run_once(some, tmp_path / "run", report=lines.append)
    warning = "no photo is held out: nothing is validated and the last weights ship"
    assert any(warning in line for line in lines)
    assert json.loads((run / "run.json").read_text())["alarms"] == [f"step 0: {warning}"]
    average = {k[4:]: v for k, v in load_file(run / run_folder.LAST).items() if k[:4] == "ema."}
    shipped = load_file(run / run_folder.EMA)
    assert all(torch.equal(shipped[key], average[key]) for key in average)


def a_state() -> tuple[TrainState, tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    network = run_folder.new_network(CONFIG)
    state = TrainState(
        network=network,
        ema=ExponentialMovingAverage(network, 0.9),
        optimiser=torch.optim.AdamW(network.parameters(), lr=1e-3),
        generator=torch.Generator().manual_seed(0),
        counters=Counters(),
        opponent=new_opponent(CONFIG, torch.device("cpu")),
    )
    return state, (torch.rand(2, 3, 16, 16), torch.rand(2, 3, 32, 32))


def step(
    state: TrainState,
    batch: tuple[Tensor, Tensor],
    terms: Callable[[Tensor], dict[str, Tensor]],
    *,
    penalty: Callable[[Tensor], Tensor] | None = None,
) -> Any:
    assert state.opponent is not None
    return gan_step(
        state,
        batch,
        lambda sr, _batch: terms(sr),
        penalty,
        rates=(1e-3, 1e-3),
        dtype=torch.float32,
        clip_norm=1.0,
        forward=lambda lr: [state.network(lr)],
        judge=state.opponent.network,
    )


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def changed(network: nn.Module, before: dict[str, Tensor]) -> bool:
    return any(not torch.equal(p, before[name]) for name, p in network.named_parameters())


def test_each_side_moves_only_in_its_own_turn() -> None:
    state, batch = a_state()
    assert state.opponent is not None
    discriminator = state.opponent.network
    seen = {}

    def terms(sr: Tensor) -> dict[str, Tensor]:
        logits, _ = discriminator(sr)
        assert not any(p.requires_grad for p in discriminator.parameters())
        seen["logits"] = logits.detach()
        return {"adversarial": nn.functional.softplus(-logits).mean()}

    before = weights(state.network), weights(discriminator)
    step(state, batch, terms)
    assert changed(state.network, before[0])
    assert changed(discriminator, before[1])
    assert all(p.grad is not None for p in discriminator.parameters())
    assert state.counters.skipped == 0


def test_the_schedule_anneals_both_sides() -> None:
    state, batch = a_state()
    assert state.opponent is not None
    stage = GanStage(
        dataclasses.replace(CONFIG, learning_rate=4e-4),
        state,
        device=torch.device("cpu"),
        dtype=torch.float32,
        forward=lambda lr: [state.network(lr)],
        together=Processes(),
    )
    stage.step(batch, progress=0.5, factor=0.25)
    assert state.optimiser.param_groups[0]["lr"] == pytest.approx(1e-4)
    assert state.opponent.optimiser.param_groups[0]["lr"] == pytest.approx(2.5e-4)


def test_nan_in_the_generator_skips_it_alone() -> None:
    state, batch = a_state()
    assert state.opponent is not None
    before, average = weights(state.network), dict(state.ema.average)
    average = {k: v.clone() for k, v in average.items()}
    opponent = weights(state.opponent.network)
    result = step(state, batch, lambda sr: {"content": sr.mean() * float("nan")})
    assert not changed(state.network, before)
    assert all(torch.equal(state.ema.average[k], v) for k, v in average.items())
    assert changed(state.opponent.network, opponent)
    assert state.counters.skipped == 1
    assert result.terms["left_out"].item() == 1


def test_nan_in_the_discriminator_skips_it_alone() -> None:
    state, batch = a_state()
    assert state.opponent is not None
    discriminator = state.opponent.network
    before, opponent = weights(state.network), weights(discriminator)
    step(
        state,
        batch,
        lambda sr: {"content": (sr - batch[1]).abs().mean()},
        penalty=lambda hr: discriminator(hr)[0].mean() * float("nan"),
    )
    assert changed(state.network, before)
    assert not changed(state.opponent.network, opponent)
    assert state.counters.skipped == 1


def test_a_run_that_gives_no_finite_gradients_ends_and_says_so(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acutance.training.loop.MOST_SKIPS", 3)
    monkeypatch.setattr(
        GanStage, "_terms", lambda self, sr, batch, progress: {"content": sr.mean() * float("nan")}
    )
    lines: list[str] = []
    with pytest.raises(UserError, match="diverged"):
        run_once(photos, tmp_path / "run", report=lines.append)
    assert any(line.startswith("alarm") and "not finite" in line for line in lines)


FINE = {"left_out": 0.0, "d_real": 0.6, "d_fake": 0.4}
FLOORS = Floors(psnr=25.0, lr_psnr=45.0, checkerboard=1.0)
POINT = {"step": 1, "psnr": 26.0, "lr_psnr": 50.0, "drift": 0.2, "lpips": 0.2}


def test_alarms_of_steps() -> None:
    assert guards.of_steps(FINE) == {}
    assert guards.of_steps({**FINE, "d_real": 0.99, "d_fake": 0.01}).keys() == {"saturated"}
    assert guards.of_steps({**FINE, "left_out": 0.1}).keys() == {"left_out"}


@pytest.mark.parametrize(
    ("key", "value"), [("psnr", 24.9), ("lr_psnr", 44.9), ("drift", 1.6), ("checkerboard", 1.1)]
)
def test_alarms_of_validations(key: str, value: float) -> None:
    assert guards.of_validation(POINT, FLOORS, POINT) == {}
    assert guards.of_validation({**POINT, key: value}, FLOORS, POINT).keys() == {key}


def test_an_alarm_rings_where_lr_psnr_falls_far_above_its_floor() -> None:
    """Photo models have no floor: noise that their inputs have is not to come back."""
    floors = dataclasses.replace(FLOORS, lr_psnr=0.0)
    for lost, rings in ((5.9, False), (6.1, True)):
        now = {**POINT, "lr_psnr": POINT["lr_psnr"] - lost}
        assert ("lr_psnr" in guards.of_validation(now, floors, POINT)) == rings


def test_an_alarm_rings_once_until_it_has_passed() -> None:
    alarms = guards.Alarms()
    kinds = ("saturated",)
    assert alarms.new({"saturated": "text"}, kinds) == ["text"]
    assert alarms.new({"saturated": "text"}, kinds) == []
    assert alarms.new({"drift": "colours"}, ("drift",)) == ["colours"]  # of another source
    assert alarms.new({"saturated": "text"}, kinds) == []
    assert alarms.new({}, kinds) == []
    assert alarms.new({"saturated": "text"}, kinds) == ["text"]


def test_colour_drift_is_of_the_worst_colour() -> None:
    lr = np.full((8, 8, 3), 100, np.uint8)
    sr = np.full((16, 16, 3), 100, np.uint8)
    sr[..., 2] = 97
    assert guards.colour_drift(sr, lr) == pytest.approx(3.0)


def test_a_collapse_is_said_logged_and_does_not_ship(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator that learns to paint everything red."""

    def red(self: GanStage, sr: Tensor, batch: Any, progress: float) -> dict[str, Tensor]:
        target = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
        return {"content": (sr - target).square().mean()}

    monkeypatch.setattr(GanStage, "_terms", red)
    lines: list[str] = []
    config = dataclasses.replace(CONFIG, learning_rate=0.02, ema=0.5, steps=12, anneal=0.0)
    run = run_once(photos, tmp_path / "run", config, report=lines.append)
    text = "\n".join(line for line in lines if line.startswith("alarm"))
    for word in ("colours drift", "LR-PSNR is", "below its floor"):
        assert word in text
    assert len(log(run, "alarm")) == text.count("alarm")
    told = json.loads((run / "run.json").read_text())
    assert len(told["alarms"]) == text.count("alarm")
    assert told["shipped"]["step"] == 0
    network, _ = run_folder.load_run(run)
    lr = torch.rand(1, 3, 8, 8)
    start = run_folder.new_network(config)  # untrained: bicubic
    assert torch.allclose(network(lr), start(lr), atol=1e-5)


def point(step: int, psnr: float, lpips: float, lr_psnr: float = 50.0) -> dict[str, float]:
    return {"step": step, "psnr": psnr, "lpips": lpips, "lr_psnr": lr_psnr}


def test_the_most_lifelike_point_above_the_floors_ships() -> None:
    points = [
        point(0, 28.0, 0.30),
        point(1, 26.0, 0.20),
        point(2, 24.9, 0.10),  # below the floor of PSNR
        point(3, 26.0, 0.15, lr_psnr=44.0),  # below the floor of LR-PSNR
        point(4, 25.5, 0.19),
        point(5, 25.4, 0.21),
        {**point(6, 26.0, 0.15), "checkerboard": 1.2},  # dots
    ]
    assert best(points, FLOORS)["step"] == 4
    assert best(points[2:4], FLOORS)["step"] == 2  # none holds them: the least that is missing
    assert [p["step"] for p in frontier([points[i] for i in (0, 1, 4, 5)])] == [0, 1, 4]


def test_no_point_of_the_frontier_is_beaten_and_every_other_is() -> None:
    random = np.random.default_rng(0)
    points = [point(i, *pair) for i, pair in enumerate(random.uniform(0, 1, (50, 2)))]
    chosen = frontier(points)

    def beaten(p: dict[str, float]) -> bool:
        return any(
            q["psnr"] >= p["psnr"] and q["lpips"] <= p["lpips"] and q is not p for q in points
        )

    assert [p["step"] for p in points if not beaten(p)] == sorted(p["step"] for p in chosen)


def test_niqe_judges_where_lpips_is_missing() -> None:
    assert perception({"lpips": 0.2, "niqe": 5.0}) == 0.2
    assert perception({"niqe": 5.0}) == 5.0


def vgg16(folder: Path) -> Path:
    """VGG16's first three stages with random weights."""
    shapes = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128)}
    shapes |= {10: (256, 128), 12: (256, 256), 14: (256, 256)}
    generator = torch.Generator().manual_seed(0)
    stored = {}
    for layer in (layer for stage in STAGES[:3] for layer in stage):
        out, channels = shapes[layer]
        weight = torch.randn(out, channels, 3, 3, generator=generator)
        stored[f"features.{layer}.weight"] = weight * (2 / (9 * channels)) ** 0.5
        stored[f"features.{layer}.bias"] = torch.zeros(out)
    save_file(stored, folder / "vgg16.safetensors")
    return folder


def test_a_perceptual_loss_by_path(photos: Path, tmp_path: Path) -> None:
    gan = dataclasses.replace(
        GanConfig(channels=4),
        backbones=str(vgg16(tmp_path)),
        perceptual="vgg16",
        perceptual_weight=0.1,
        perceptual_crop=38,
        perceptual_zoom=0.5,
    )
    config = dataclasses.replace(CONFIG, steps=2, gan=gan)
    config = config.override({"patches": '[{"until": 1, "patch": 20, "batch": 1}]'})
    with pytest.raises(Stopped):
        run_once(photos, tmp_path / "run", config, report=_stop_after_a_step)
    run = run_once(photos, tmp_path / "run", config, resume=True)
    assert all(line["perceptual"] > 0 for line in log(run, "train"))
    assert_same_files(run, run_once(photos, tmp_path / "again", config))


@pytest.mark.parametrize(
    ("wished", "patch", "side"),
    [(124, 128, 124), (124, 64, 61), (35, 40, 35), (124, 36, 35), (124, 30, 30)],
)
def test_the_perceptual_loss_has_room_for_every_stride(wished: int, patch: int, side: int) -> None:
    """At x2 patches have 64 pixels: seen whole, AlexNet's stride of 4 always fell on the same."""
    assert perceptual_side(wished, patch) == side


@pytest.mark.parametrize(
    ("crop", "zoom", "chance", "side"),
    [(100, 0.0, 0.9, 100), (100, 0.3, 0.0, 70), (100, 0.3, 0.5, 100), (40, 0.5, 0.0, 35)],
)
def test_the_perceptual_loss_sees_at_a_random_size(
    crop: int, zoom: float, chance: float, side: int
) -> None:
    assert shown_side(crop, zoom, chance) == side


def _stop_after_a_step(line: str) -> None:
    if "step 1 " in line and "loss" in line:
        signal.raise_signal(signal.SIGTERM)


def test_a_missing_backbone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gan\.backbones must name a folder with vgg16"):
        perceptual_loss("vgg16", tmp_path, torch.device("cpu"))


def test_without_a_backbone_the_loss_is_left_out_and_said(photos: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    gan = dataclasses.replace(EVERYTHING, perceptual_weight=0.5)
    config = dataclasses.replace(CONFIG, gan=gan, steps=1)
    run = run_once(photos, tmp_path / "run", config, report=lines.append)
    assert "no perceptual loss: --set gan.backbones=FOLDER" in "\n".join(lines)
    assert "perceptual" not in log(run, "train")[0]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("gan.adversarial", "-1", "'gan.adversarial' must not be negative"),
        ("gan.ramp", "2", "'gan.ramp' must lie between 0 and 1"),
        ("gan.channels", "0", "'gan.channels' must be at least 1"),
        ("gan.perceptual_crop", "20", "at least 35 pixels"),
        ("gan.perceptual_zoom", "0.6", "must be at most 0.5"),
        ("gan.discriminator", "vit", "must be one of patch, unet"),
        ("patches", '[{"until": 1, "patch": 4, "batch": 1}]', "at least 5 LR pixels, not 4"),
        ("gan.lambda", "1", "unknown setting 'gan.lambda': choose one of adversarial"),
        ("validations", "0", "'validations' must be at least 1"),
    ],
)
def test_wrong_settings_are_refused(key: str, value: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        recipe("gan-x4").override({key: value})


def test_the_unet_takes_patches_that_it_can_halve() -> None:
    unet = {"gan.discriminator": "unet"}
    assert recipe("gan-x4").override(unet).gan is not None
    with pytest.raises(UserError, match=r"patch \* 4 must be a multiple of 8, not \[132\]"):
        recipe("gan-x4").override(unet | {"patches": '[{"until": 1, "patch": 33, "batch": 1}]'})


def test_a_game_against_a_unet(photos: Path, tmp_path: Path) -> None:
    gan = dataclasses.replace(EVERYTHING, discriminator="unet")
    run = run_once(photos, tmp_path / "run", dataclasses.replace(CONFIG, gan=gan, steps=2))
    assert all(math.isfinite(line["loss"]) for line in log(run, "train"))
    assert any(key.startswith("opponent.trunk.fuse") for key in load_file(run / run_folder.LAST))


def test_floors_that_change_on_a_resume_leave_the_card_true() -> None:
    """The card names the point whose weights are in the file, not what new floors would choose."""
    state, _ = a_state()
    start = {"step": 0, "psnr": 28.0, "lr_psnr": 60.0, "lpips": 0.3}
    crisp = {"step": 1, "psnr": 25.0, "lr_psnr": 60.0, "lpips": 0.1}
    fair = {"step": 2, "psnr": 26.5, "lr_psnr": 60.0, "lpips": 0.2}
    state.counters.points, state.counters.chosen = [start, crisp, fair], 1
    gan = dataclasses.replace(EVERYTHING, most_lost=2.0)  # a floor of 26 dB now
    stage = GanStage(
        dataclasses.replace(CONFIG, gan=gan),
        state,
        device=torch.device("cpu"),
        dtype=torch.float32,
        forward=lambda lr: [state.network(lr)],
        together=Processes(),
    )
    assert stage.summary()["shipped"] == crisp


def test_a_pixel_run_has_no_part_gan() -> None:
    with pytest.raises(UserError, match=r"unknown setting 'gan\.adversarial'"):
        recipe("base-x4").override({"gan.adversarial": "1"})


def test_the_command_of_the_card_tells_what_differs_but_no_folder() -> None:
    config = recipe("gan-x4").override({"gan.backbones": "/home/me", "gan.adversarial": "0.25"})
    told = command(config)
    assert "--set gan.backbones=DIR" in told
    assert "--set gan.adversarial=0.25" in told
    assert "/home/me" not in told
    assert told.count("--set") == 2


def test_every_setting_of_the_part_is_documented() -> None:
    source = Path(guards.__file__).with_name("config.py").read_text()
    for field in dataclasses.fields(GanConfig):
        after = source.split(f"\n    {field.name}:", 1)[1]
        assert after.split("\n    " + '"""', 1)[0].count("\n    ") <= 1, field.name


def test_a_resumed_run_tells_what_was_changed_and_a_later_one_where_it_comes_from(
    photos: Path, tmp_path: Path
) -> None:
    run = run_once(photos, tmp_path / "run", dataclasses.replace(CONFIG, steps=2))
    longer = CONFIG.override({"steps": "3", "gan.adversarial": "0.2"})
    run_once(photos, run, longer, resume=True)
    told = json.loads((run / "run.json").read_text())
    assert told["changes"] == [
        "from step 2: steps=3, was 2",
        "from step 2: gan.adversarial=0.2, was 0.05",
    ]
    config = dataclasses.replace(CONFIG, steps=1, start=str(run))
    later = run_once(photos, tmp_path / "later", config)
    before = json.loads((later / "run.json").read_text())["before"]
    assert before["changes"] == told["changes"]
    assert before["steps"] == 3
    run_once(photos, later, dataclasses.replace(config, steps=2), resume=True)
    assert json.loads((later / "run.json").read_text())["before"] == before
    assert str(tmp_path) not in command(config)


def test_the_recipe_goes_on_from_the_shipped_model(photos: Path, tmp_path: Path) -> None:
    settings = {"max_minutes": "null", "steps": "1", "copies": "[]", "validations": "1"}
    config = recipe("gan-x4").override(
        {**settings, "patches": '[{"until": 1, "patch": 16, "batch": 1}]'}
    )
    lines: list[str] = []
    run = run_once(photos, tmp_path / "run", config, report=lines.append)
    assert lines[0] == "started from base-x4"  # every weight fits
    assert [line["step"] for line in log(run, "validation")] == [0, 1]
    _, card = run_folder.load_run(run)
    assert (card.name, card.kind) == ("gan-x4", "bicubic, GAN")
