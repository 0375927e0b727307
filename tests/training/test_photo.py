"""Training for photos: clean and degraded patches with their strength, measured separately."""

import dataclasses
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from acutance.data.datasets import Pair, Photos, load_photos, to_uint8
from acutance.data.pairs import load_training_data
from acutance.errors import UserError
from acutance.image.decode import decode_rgb8
from acutance.image.encode import write_rgb8
from acutance.image.resize import LANCZOS3, resize
from acutance.models.generator import Generator, GeneratorConfig
from acutance.recipes.photo import GAN
from acutance.training import run_folder
from acutance.training.config import LossPhase, PatchPhase, TrainConfig
from acutance.training.loop import Stopped
from acutance.training.samplers import MixedSampler, build_sampler
from acutance.training.train import train
from acutance.training.validation import hold_out, validate

CONFIG = TrainConfig(
    recipe="photo-x2",
    size="tiny",
    scale=2,
    steps=6,
    patches=(PatchPhase(until=0.5, patch=8, batch=4), PatchPhase(until=1.0, patch=12, batch=4)),
    losses=(LossPhase(until=1.0, content="l1"),),
    copies=(),
    degradations="degraded",
    pool=4,
    crop_every=2,
    precision="fp32",
    log_minutes=0.0,
    validate_minutes=60.0,
    checkpoint_minutes=60.0,
)


def quiet(_line: str) -> None:
    pass


@pytest.fixture(scope="module")
def loaded(photos: Path) -> Photos:
    return load_photos(photos, scale=2, smallest_lr=12, copies=())


@pytest.fixture(scope="module")
def uninterrupted(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    return train(CONFIG, data=photos, run=run, threads=1, report=quiet)


def sampler(loaded: Photos, **changes: object) -> MixedSampler:
    config = CONFIG.override({key: json.dumps(value) for key, value in changes.items()})
    made = build_sampler(config, loaded, torch.device("cpu"))
    assert isinstance(made, MixedSampler)
    return made


def test_a_batch_has_clean_patches_of_strength_0_and_degraded_ones_of_their_own(
    loaded: Photos,
) -> None:
    mixed = sampler(loaded, jitter=0.0, pool=16)
    lr, hr = mixed.batch(20, 12, torch.Generator().manual_seed(0))
    assert lr.shape == (20, 4, 12, 12)
    assert hr.shape == (20, 3, 24, 24)
    assert lr.is_contiguous(memory_format=torch.channels_last)
    strengths = lr[:, 3].flatten(1)
    assert (strengths == strengths[:, :1]).all()
    assert (strengths[:6, 0] == 0).all()  # 30 % of 20
    assert (strengths[6:, 0] > 0.05).all()
    for i in range(20):
        reduced = resize(hr[i].permute(1, 2, 0).numpy().astype(np.float64), 12, 12)
        error = np.abs(reduced - lr[i, :3].permute(1, 2, 0).numpy())[2:-2, 2:-2].max() * 255
        assert (error < 0.6) == (i < 6)  # only rounding separates clean patches from the bicubic


def test_the_strength_is_told_a_little_wrong(loaded: Photos) -> None:
    lr, _ = sampler(loaded, jitter=0.1, clean_share=1.0).batch(400, 8, torch.Generator())
    told = lr[:, 3, 0, 0]
    assert 0.4 < (told == 0).float().mean() < 0.6
    assert told.max() < 0.5
    assert told[told > 0].std() == pytest.approx(0.06, abs=0.02)  # of a half-normal: 0.6 * 0.1


def test_a_batch_follows_from_the_seed_and_the_step_alone(loaded: Photos) -> None:
    first = sampler(loaded)
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        state = generator.get_state()
        expected = first.batch(4, 8, generator)
    resumed = build_sampler(CONFIG, loaded, torch.device("cpu"), step=4)
    generator.set_state(state)
    found = resumed.batch(4, 8, generator, lambda rows: rows)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    fresh = sampler(loaded)
    generator.set_state(state)
    assert not torch.equal(fresh.batch(4, 8, generator)[0], found[0])  # its pool is older


def test_processes_share_a_batch(loaded: Photos) -> None:
    whole, _ = sampler(loaded).batch(10, 8, torch.Generator().manual_seed(1))
    parts = [
        sampler(loaded).batch(10, 8, torch.Generator().manual_seed(1), lambda x, r=rank: x[r::2])[0]
        for rank in range(2)
    ]
    assert [len(part) for part in parts] == [5, 5]
    key = [tensor.sum().item() for tensor in whole]
    together = [tensor.sum().item() for part in parts for tensor in part]
    assert sorted(key) == pytest.approx(sorted(together))


def test_a_stopped_run_goes_on_to_the_same_weights(
    photos: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    run = tmp_path / "run"

    def terminate_at_step_3(line: str) -> None:
        if "step 3 " in line:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped):
        train(CONFIG, data=photos, run=run, threads=1, report=terminate_at_step_3)
    train(CONFIG, data=photos, run=run, resume=True, threads=1, report=quiet)
    first, second = (load_file(folder / run_folder.LAST) for folder in (run, uninterrupted))
    for name in first:
        assert torch.equal(first[name], second[name]), name


def test_a_run_becomes_a_photo_model(uninterrupted: Path) -> None:
    network, card = run_folder.load_run(uninterrupted)
    assert (card.name, card.kind) == ("photo-tiny-x2", "photo")
    assert network(torch.rand(1, 4, 9, 7)).shape == (1, 3, 18, 14)


def test_a_photo_model_starts_as_the_model_without_strength(photos: Path, tmp_path: Path) -> None:
    plain = CONFIG.override({"degradations": "null", "learning_rate": "0.01"})
    start = train(plain, data=photos, run=tmp_path / "plain", threads=1, report=quiet)
    lines: list[str] = []
    config = CONFIG.override(
        {"start": json.dumps(str(start)), "steps": "1", "learning_rate": "0.0"}
    )
    run = train(config, data=photos, run=tmp_path / "run", threads=1, report=lines.append)
    assert "fresh" not in lines[0]
    before, _ = run_folder.load_run(start)
    after, _ = run_folder.load_run(run)
    lr = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        assert (before(lr) - before.bicubic(lr)).abs().max() > 1e-3  # it has learned something
        for strength in (0.0, 1.0):
            found = after(torch.cat([lr, torch.full((1, 1, 8, 8), strength)], dim=1))
            torch.testing.assert_close(found, before(lr))


def test_a_gan_goes_on_from_a_photo_model(
    photos: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    lines: list[str] = []
    config = CONFIG.override(
        {"steps": "2", "start": json.dumps(str(uninterrupted)), "recipe": "gan-photo-x2"}
    )
    config = dataclasses.replace(
        config,
        patches=(PatchPhase(until=1.0, patch=16, batch=4),),
        gan=dataclasses.replace(GAN, perceptual_weight=0.0, channels=8),
    )
    run = train(config, data=photos, run=tmp_path / "run", threads=1, report=lines.append)
    assert "fresh" not in lines[0]
    network, card = run_folder.load_run(run)
    assert (card.name, card.kind) == ("gan-photo-tiny-x2", "photo, GAN")
    assert (card.detail_of, card.mirrored) == ("photo-tiny-x2", 8)
    assert network(torch.rand(1, 4, 8, 8)).shape == (1, 3, 16, 16)


def test_validation_measures_clean_and_degraded_apart(
    photos: Path, uninterrupted: Path, loaded: Photos
) -> None:
    lines = [json.loads(line) for line in (uninterrupted / "log.jsonl").read_text().splitlines()]
    last = next(line for line in reversed(lines) if line["kind"] == "validation")
    assert last["psnr"] == pytest.approx((last["psnr_clean"] + last["psnr_degraded"]) / 2)
    assert last["psnr_degraded"] < last["psnr_clean"] - 1
    assert len(list((uninterrupted / "samples").glob("*-degraded/lr.png"))) == 1
    network = Generator(GeneratorConfig(scale=2, strength=True))  # untrained: bicubic
    weights = dict(network.named_parameters())
    held_out = hold_out(loaded.held_out, scale=2, degraded=True)
    parts = validate(network, weights, held_out, 2).parts
    plain = Generator(GeneratorConfig(scale=2))
    clean = hold_out(loaded.held_out, scale=2, degraded=False)
    assert validate(plain, dict(plain.named_parameters()), clean, 2).psnr == parts["psnr_clean"]


def test_the_degraded_half_is_the_same_for_every_run(loaded: Photos) -> None:
    """Stored result: a change of the pipeline would make validations incomparable."""
    hr = np.repeat(np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))[:, :, None], 3, axis=2)
    held = hold_out([Pair("any.png", hr, hr[::2, ::2])], scale=2, degraded=True)
    assert [h.part for h in held] == ["degraded", "clean"]
    assert held[0].name == "any-degraded.png"
    assert held[0].strength == pytest.approx(0.3711, abs=1e-4)
    again = hold_out([Pair("any.png", hr, hr[::2, ::2])], scale=2, degraded=True)
    assert np.array_equal(held[0].lr, again[0].lr)
    assert not np.array_equal(held[0].lr, held[1].lr)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("pool", "0", "'pool' must be at least 1"),
        ("clean_share", "1.5", "'clean_share' must lie between 0 and 1"),
    ],
)
def test_settings_that_no_run_can_do_are_refused(key: str, value: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        CONFIG.override({key: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"degradations": "rain"}, "unknown preset 'rain'"),
        ({"network": "vdsr", "size": "paper"}, "vdsr takes no strength"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    settings: dict[str, str], message: str, photos: Path, tmp_path: Path
) -> None:
    config = CONFIG.override(settings)
    with pytest.raises(UserError, match=message):
        train(config, data=photos, run=tmp_path / "run", threads=1, report=quiet)


@pytest.fixture(scope="module")
def pairs(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs as a person has them: the photos, and others made of them by a soft reduction."""
    folder = tmp_path_factory.mktemp("pairs")
    for kind in ("lr", "hr"):
        (folder / kind).mkdir()
    for path in photos.iterdir():
        hr = decode_rgb8(path.read_bytes(), path.name)
        write_rgb8(folder / "hr" / path.name, hr)
        soft = resize(hr.astype(np.float32), hr.shape[0] // 2, hr.shape[1] // 2, kernel=LANCZOS3)
        write_rgb8(folder / "lr" / f"{path.stem}.png", to_uint8(0.5 * soft + 20))
    return folder


def test_own_pairs_are_what_a_plain_recipe_trains_on(pairs: Path, tmp_path: Path) -> None:
    """The LR is darker: no bicubic, but a few steps, learns to undo that."""
    lines: list[str] = []
    config = CONFIG.override(
        {"degradations": "null", "steps": "120", "learning_rate": "0.01", "ema": "0.9"}
    )
    run = train(config, data=pairs, run=tmp_path / "run", threads=1, report=lines.append)
    assert lines[0].startswith("7 pairs to train on, 1 held out; left out: 0 too small;")
    summary = run_folder.read_summary(run)
    assert (summary["paired"], summary["misaligned"]) == (True, 0)
    start = train(
        config.override({"steps": "1", "learning_rate": "0.0"}),
        data=pairs,
        run=tmp_path / "bicubic",
        threads=1,
        report=quiet,
    )
    bicubic = run_folder.read_summary(start)["validation_psnr"][-1]
    assert summary["validation_psnr"][-1] > bicubic + 3


def test_own_pairs_stand_in_for_the_degraded_patches_of_a_photo_recipe(pairs: Path) -> None:
    loaded = load_training_data(pairs, scale=2, smallest_lr=12, copies=())
    mixed = build_sampler(CONFIG.override({"jitter": "0"}), loaded, torch.device("cpu"))
    lr, hr = mixed.batch(20, 12, torch.Generator().manual_seed(0), lambda rows: rows)
    means = [batch.mean(dim=(2, 3)).mean(dim=1) * 255 for batch in (lr[:, :3], hr)]
    torch.testing.assert_close(means[0][:6], means[1][:6], atol=3.0, rtol=0)
    torch.testing.assert_close(means[0][6:], 0.5 * means[1][6:] + 20, atol=3.0, rtol=0)
    assert (lr[:6, 3] == 0).all()
    known = {round(pair.strength, 4) for pair in loaded.train if pair.strength is not None}
    assert {round(told, 4) for told in lr[6:, 3, 0, 0].tolist()} <= known
    held_out = hold_out(loaded.held_out, scale=2, degraded=True)
    assert held_out[0].strength == loaded.held_out[0].strength
    assert np.array_equal(held_out[0].lr, loaded.held_out[0].lr)
    assert held_out[1].lr.mean() == pytest.approx(held_out[1].hr.mean(), abs=1)
