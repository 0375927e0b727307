"""What photo models are told, and which model a picture gets."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import pyvips

import acutance.inference.blend
import acutance.inference.models
from acutance.data.degradation_pipeline import PRESETS, degrade, draw, generator_for
from acutance.errors import UserError
from acutance.image.decode import open_picture
from acutance.image.encode import write_rgb8
from acutance.inference.choice import Choice, candidates, choose_model
from acutance.inference.export import export
from acutance.inference.source import ArraySource, PictureSource
from acutance.inference.strength import CROP, MOST_CROPS, Estimate, estimate, sample
from acutance.inference.upscaler import Upscaler
from acutance.models.card import read_card, write_card
from acutance.models.describe import describe
from acutance.models.generator import Generator, GeneratorConfig


def scene(height: int = 160, width: int = 200, noise: float = 0) -> np.ndarray:
    """A soft picture away from black and white."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([120 + 50 * np.sin(x / 9), 110 + 40 * np.cos(y / 7), 100 + (x + y) / 8], 2)
    image += np.random.default_rng(0).normal(0, noise, image.shape) if noise else 0
    return image.round().clip(0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    data = pyvips.Image.new_from_array(image).jpegsave_buffer(Q=quality)
    return pyvips.Image.jpegload_buffer(data).numpy()


# The estimate


@pytest.mark.parametrize(
    ("found", "strength", "words"),
    [
        (Estimate(None, 0.0), 0.0, "no noise or JPEG found"),
        (Estimate(70, 0.0), 0.5, "JPEG quality 70"),
        (Estimate(None, 6.0), 0.5, "noise 6"),
        (Estimate(70, 6.0), 0.5**0.5, "JPEG quality 70 and noise 6"),
        (Estimate(5, 12.0), 1.0, "JPEG quality 5 and noise 12"),
        (Estimate(None, 0.0, webp=50), 13 / 60, "WebP quality 50"),
        (Estimate(70, 0.0, webp=90), 0.5, "JPEG quality 70 and WebP quality 90"),
        (
            Estimate(None, 6.0, avif=True),
            (0.5**2 + (7 / 60) ** 2) ** 0.5,
            "AVIF or HEIC and noise 6",
        ),
    ],
)
def test_strength_is_that_of_the_training_pictures(
    found: Estimate, strength: float, words: str
) -> None:
    assert found.strength == pytest.approx(strength)
    assert str(found) == words


def test_arrays_of_every_kind_are_estimated() -> None:
    picture = jpeg(scene(noise=4), 60)
    gray = jpeg(scene(noise=4)[:, :, :1].repeat(3, 2), 60)[:, :, :1]
    opaque = np.full_like(gray, 255)
    kinds = [
        picture,
        picture.astype(np.uint16) * 257,
        (picture / 255).astype(np.float32),
        gray,
        gray[:, :, 0],
        np.concatenate([gray, opaque], 2),
        np.concatenate([picture, opaque], 2),
    ]
    for image in kinds:
        assert estimate(ArraySource(image)).quality == 60, image.shape
    assert estimate(ArraySource(scene())) == Estimate(None, 0.0)


def test_a_files_tables_and_its_pixels_count(tmp_path: Path) -> None:
    """Of a picture that was saved twice the coarser one."""
    was = pyvips.Image.new_from_array(jpeg(scene(noise=4), 45)).copy(interpretation="srgb")
    was.jpegsave(str(tmp_path / "twice.jpg"), Q=96)
    was.pngsave(str(tmp_path / "was.png"))
    pyvips.Image.new_from_array(scene()).jpegsave(str(tmp_path / "once.jpg"), Q=99)
    qualities = {}
    for path in tmp_path.iterdir():
        qualities[path.stem] = estimate(PictureSource(open_picture(path))).quality
    assert qualities == {"once": 99, "was": 45, "twice": 45}


def test_webp_and_avif_count_by_their_files(tmp_path: Path) -> None:
    picture = pyvips.Image.new_from_array(scene()).copy(interpretation="srgb")
    for quality in (50, 95):
        picture.webpsave(str(tmp_path / f"{quality}.webp"), Q=quality)
    picture.webpsave(str(tmp_path / "lossless.webp"), lossless=True)
    picture.heifsave(str(tmp_path / "a.avif"), compression="av1", effort=0)
    chosen = {path.name: choose_model(path, 4) for path in tmp_path.iterdir()}
    words = {name: (c.model, c.reason.rstrip("0123456789")) for name, c in chosen.items()}
    assert words == {
        "50.webp": ("photo-x4", "WebP quality "),
        "95.webp": ("base-x4", "WebP quality "),
        "lossless.webp": ("base-x4", "no noise or JPEG found"),
        "a.avif": ("photo-x4", "AVIF or HEIC"),
    }


def test_a_large_picture_is_sampled() -> None:
    class Counting(ArraySource):
        pixels = 0

        def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
            assert top % 8 == left % 8 == 0
            self.pixels += height * width
            return super().read(top, left, height, width)

    source = Counting(np.zeros((3000, 2000, 3), np.uint8))
    crops = sample(source)
    assert len(crops) == MOST_CROPS
    assert source.pixels <= MOST_CROPS * CROP**2
    assert len(sample(Counting(np.zeros((90, 300, 3), np.uint8)))) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (7, 9), (8, 8), (1, 20_000)])
def test_the_smallest_pictures_are_clean(shape: tuple[int, int]) -> None:
    assert estimate(ArraySource(np.full((*shape, 3), 99, np.uint8))).strength == 0


def test_the_training_degradations_are_estimated() -> None:
    """On a picture with sharp edges and soft texture; photos are in docs/photos.md."""
    hr = scene(512, 640)
    hr[100:300, 200:400] = hr[100:300, 200:400] // 2 + 60
    errors = []
    for seed in range(8):
        random = generator_for(seed, "test")
        preset = dataclasses.replace(PRESETS["degraded"], twice=0.0)
        degradation = draw(random, scale=2, preset=preset)
        found = estimate(ArraySource(degrade(hr, degradation, scale=2)))
        jpeg_drawn = degradation.stages[-1].jpeg
        assert jpeg_drawn is not None
        assert found.quality == pytest.approx(jpeg_drawn.quality, abs=1)
        errors.append(found.strength - degradation.strength)
    assert np.sqrt(np.mean(np.square(errors))) < 0.2


# The model's fourth plane


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of a small model with a strength plane."""
    import torch

    torch.manual_seed(3)
    config = GeneratorConfig(
        scale=2, channels=(8, 12), down_blocks=(1, 1), up_blocks=(1,), strength=True
    )
    network = Generator(config)
    torch.nn.init.normal_(network.tail.weight, std=0.05)
    card = describe(network, key="generator", name="photo-x2")
    return export(network, card, tmp_path_factory.mktemp("photo"))


@pytest.mark.parametrize("device", ["cpu", "torch-cpu"])
def test_the_strength_reaches_the_network(photo: Path, device: str) -> None:
    import torch

    from acutance.models.checkpoint import load_network

    lr = np.random.default_rng(0).random((20, 32, 3), dtype=np.float32)
    network, _ = load_network(photo)
    results = []
    for strength in (0.0, 0.6):
        planes = np.dstack([lr, np.full((20, 32), strength, np.float32)])
        with torch.no_grad():
            expected = network(torch.from_numpy(planes).permute(2, 0, 1)[None])[0]
        upscaler = Upscaler(photo, device=device, precision="fp32", denoise=strength)
        results.append(upscaler.upscale_float(lr))
        np.testing.assert_allclose(results[-1], expected.permute(1, 2, 0).numpy(), atol=1e-5)
    assert np.abs(results[0] - results[1]).max() > 1e-3


def test_tiled_equals_untiled_with_a_strength(photo: Path) -> None:
    lr = jpeg(scene(90, 110), 50)
    untiled = Upscaler(photo, device="cpu", precision="fp32")
    tiled = Upscaler(photo, device="cpu", precision="fp32", tile=24)
    np.testing.assert_array_equal(tiled(lr), untiled(lr))


class Planes:
    """Keeps the fourth planes that it is given."""

    name = "planes"

    def __init__(self) -> None:
        self.seen: set[float] = set()

    def run(self, lr_NCHW: np.ndarray) -> np.ndarray:
        assert lr_NCHW.shape[1] == 4
        self.seen |= {round(float(value), 4) for value in np.unique(lr_NCHW[:, 3])}
        return lr_NCHW[:, :3].repeat(2, axis=2).repeat(2, axis=3)


def test_every_picture_has_its_own_estimate(photo: Path, tmp_path: Path) -> None:
    upscaler = Upscaler(photo, device="cpu", tile=24)
    pictures = {"clean": scene(90, 110), "compressed": jpeg(scene(90, 110), 40)}
    for name, strength in (("clean", 0.0), ("compressed", 1.0), ("clean", 0.0)):
        backend = Planes()
        upscaler._network.backend = backend
        upscaler(pictures[name])
        write_rgb8(tmp_path / f"{name}.png", pictures[name])
        target = tmp_path / f"{name}2.png"
        summary = upscaler.upscale_file(tmp_path / f"{name}.png", target, overwrite=True)
        assert backend.seen == {strength}
        assert summary.strength == strength
    backend = Planes()
    upscaler._network.backend = backend
    source = tmp_path / "clean.png"
    summary = upscaler.upscale_file(source, tmp_path / "c.png", denoise=0.25)
    assert (summary.strength, backend.seen) == (0.25, {0.25})


def test_much_detail_in_a_degraded_picture_is_warned_of(photo: Path, tmp_path: Path) -> None:
    card = json.loads(photo.read_text())
    gan = photo.with_name("gan.card")
    gan.write_text(json.dumps(card | {"detail_of": card["name"]}))
    write_rgb8(tmp_path / "a.png", scene(40, 48))
    for path, strength, expected in ((gan, 1, 1), (gan, 0.5, 0), (photo, 1, 0)):
        upscaler = Upscaler(path, device="cpu", denoise=strength)
        summary = upscaler.upscale_file(tmp_path / "a.png", tmp_path / "b.png", overwrite=True)
        assert len(summary.notes) == expected
        assert all("detail above 0.5 may paint over faces" in note for note in summary.notes)
    gan.unlink()


def test_a_model_without_a_strength_has_none(small: Path, tmp_path: Path) -> None:
    write_rgb8(tmp_path / "a.png", scene(20, 24))
    upscaler = Upscaler(small, device="cpu", denoise=0)
    assert upscaler.upscale_file(tmp_path / "a.png", tmp_path / "b.png").strength is None
    with pytest.raises(UserError, match="model 'small' removes no noise: leave out --denoise, or"):
        Upscaler(small, device="cpu", denoise=0.5)
    for wrong in (-1, 1.01, float("nan")):
        with pytest.raises(UserError, match="denoise must be 0 to 1, or auto, not"):
            Upscaler(small, device="cpu", denoise=wrong)
    with pytest.raises(UserError, match="or None for an estimate, not 'auto'"):
        Upscaler(small, device="cpu", denoise="auto")  # type: ignore[arg-type]


# Which model


@pytest.fixture
def models(small: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models as if they shipped: base-x2 and photo-x2."""
    folder = tmp_path / "weights"
    shutil.copytree(small.parent, folder)
    shutil.copytree(photo.parent, folder, dirs_exist_ok=True)
    write_card(folder / "base-x2.json", dataclasses.replace(read_card(small), name="base-x2"))
    (folder / "small.json").unlink()
    for module in (acutance.inference.models, acutance.inference.blend):
        monkeypatch.setattr(module, "weights_folder", lambda: folder)
    return folder


def test_a_picture_gets_the_model_that_suits_it(models: Path, tmp_path: Path) -> None:
    assert choose_model(scene(), 2) == Choice("base-x2", "no noise or JPEG found", 0.0)
    assert choose_model(jpeg(scene(), 70), 2) == Choice("photo-x2", "JPEG quality 70", 0.5)
    noisy = choose_model(scene(noise=9), 2)
    assert noisy.model == "photo-x2"
    assert noisy.reason.startswith("noise ")
    pyvips.Image.new_from_array(scene()).jpegsave(str(tmp_path / "a.jpg"), Q=85)
    for path in (tmp_path / "a.jpg", str(tmp_path / "a.jpg")):
        assert choose_model(path, 2) == Choice("photo-x2", "JPEG quality 85", 0.25)
    with pytest.raises(UserError, match="no such file"):
        choose_model(tmp_path / "none.png", 2)


def test_without_a_photo_model_there_is_no_choice(models: Path) -> None:
    (models / "photo-x2.json").unlink()
    assert choose_model(jpeg(scene(), 50), 2) == Choice("base-x2", "no photo model at x2")
    with pytest.raises(UserError, match="no model for x2 removes noise: leave out --denoise"):
        candidates(2, denoise=0.5)
    with pytest.raises(UserError, match="no model upscales by 4: choose one of 2"):
        choose_model(scene(), 4)


def test_a_wish_decides(models: Path) -> None:
    assert candidates(2) == ["base-x2", "photo-x2"]
    assert candidates(2, denoise=0.5) == ["photo-x2"]
    assert candidates(2, denoise=0) == ["base-x2"]
    assert choose_model(jpeg(scene(), 50), 2, denoise=0) == Choice("base-x2", "by --denoise")


def test_with_detail_only_models_that_have_it(models: Path) -> None:
    with pytest.raises(UserError, match="no GAN model adds detail to 'base-x2': leave out --detai"):
        candidates(2, detail=0.5)
    gan = json.loads((models / "photo-x2.json").read_text())
    gan |= {"name": "gan-photo-x2", "detail_of": "photo-x2"}
    (models / "gan-photo-x2.json").write_text(json.dumps(gan))
    assert candidates(2, detail=0.5) == ["photo-x2"]
    assert candidates(2, detail=0.5, denoise=0) == ["photo-x2"]  # at strength 0
    assert candidates(2) == ["base-x2", "photo-x2"]
    choice = choose_model(scene(), 2, detail=0.5)
    assert choice == Choice("photo-x2", "the one at x2 with --detail")
    lean = json.loads((models / "base-x2.json").read_text()) | {"name": "lean-x2"}
    (models / "lean-x2.json").write_text(json.dumps(lean))
    (models / "gan-x2.json").write_text(json.dumps(lean | {"detail_of": "lean-x2"}))
    assert candidates(2, detail=0.5) == ["lean-x2", "photo-x2"]  # though base is better
    assert candidates(2) == ["base-x2", "photo-x2"]
