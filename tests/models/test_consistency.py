"""A consistent generator: its result, made small again, is its input."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from acutance.image.resize import bicubic_matrix, reduction_kernel, resize, upscale_inverse
from acutance.models.catalogue import generator_config
from acutance.models.consistency import Consistency
from acutance.models.generator import SCALES, Generator, GeneratorConfig

SMALL = GeneratorConfig(
    scale=2, channels=(8, 12), down_blocks=(1, 1), up_blocks=(1,), consistent=True
)


def picture(scale: int, *, height: int = 12, width: int = 9) -> NDArray[np.float64]:
    """White noise is the worst case; photos have less at high frequencies."""
    return np.random.default_rng(0).random((height * scale, width * scale, 3))


def phases(hr: NDArray[np.float64], scale: int) -> torch.Tensor:
    tensor = torch.from_numpy(hr).float().permute(2, 0, 1)[None]
    return torch.nn.functional.pixel_unshuffle(tensor, scale)


def as_picture(tensor: torch.Tensor, scale: int) -> NDArray[np.float32]:
    found = torch.nn.functional.pixel_shuffle(tensor, scale)[0].permute(1, 2, 0).numpy()
    return np.asarray(found, dtype=np.float32)


def size(values: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.square(values).mean()))


@pytest.mark.parametrize("scale", SCALES)
def test_phases_are_reduced_as_pictures_are(scale: int) -> None:
    hr = picture(scale)
    found = Consistency(scale)._reduce(phases(hr, scale))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, resize(hr, 12, 9), atol=1e-5)


@pytest.mark.parametrize("scale", SCALES)
def test_kernels_keep_the_mean_and_undo_each_other(scale: int) -> None:
    assert reduction_kernel(scale).sum() == pytest.approx(1)
    assert upscale_inverse(scale).sum() == pytest.approx(1)
    # One axis: reduce(upscale(filter(x))), for every frequency.
    n = 33
    taps = upscale_inverse(scale).sum(axis=0)
    filtered = sum(t * np.roll(np.eye(n), k - 2, axis=0) for k, t in enumerate(taps))
    trip = bicubic_matrix(n * scale, n) @ bicubic_matrix(n, n * scale) @ filtered
    response = np.abs(np.fft.fft(trip[n // 2]))
    assert np.abs(response - 1).max() < 0.07


@pytest.mark.parametrize("scale", SCALES)
def test_nothing_is_left_of_what_the_reduction_shows(scale: int) -> None:
    hr = picture(scale)
    left = as_picture(Consistency(scale).complement(phases(hr, scale)), scale)
    before = size(resize(hr - hr.mean(), 12, 9))
    assert size(resize(left, 12, 9)) < 0.07 * before
    assert size(left) > 0.3 * size(hr - hr.mean())  # the rest is kept


@pytest.mark.parametrize("scale", SCALES)
def test_bicubic_gives_back_its_input(scale: int) -> None:
    lr = picture(1)
    tensor = torch.from_numpy(lr).float().permute(2, 0, 1)[None]
    consistent = as_picture(Consistency(scale).bicubic(tensor), scale)
    plain = resize(lr, 12 * scale, 9 * scale)
    assert size(resize(consistent, 12, 9) - lr) < 0.1 * size(resize(plain, 12, 9) - lr)


@pytest.mark.parametrize("shape", [(12, 10), (7, 5), (2, 3)])
def test_a_generator_gives_back_its_input(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = Generator(SMALL)
    plain = Generator(dataclasses.replace(SMALL, consistent=False))
    torch.nn.init.normal_(network.tail.weight, std=0.1)
    plain.load_state_dict(network.state_dict())  # neither has weights that the other lacks
    lr = torch.rand(1, 3, *shape)
    errors = []
    for each in (network, plain):
        with torch.no_grad():
            sr = each(lr)[0].permute(1, 2, 0).numpy()
        assert sr.shape == (2 * shape[0], 2 * shape[1], 3)
        errors.append(size(resize(sr, *shape) - lr[0].permute(1, 2, 0).numpy()))
    assert errors[0] < 0.25 * errors[1]


def test_receptive_field_bounds_the_influence_of_a_pixel() -> None:
    config = dataclasses.replace(generator_config("tiny", scale=2), consistent=True)
    torch.manual_seed(0)
    network = Generator(config)
    torch.nn.init.normal_(network.tail.weight, std=0.02)
    reach, n, centre = config.receptive_field, 96, 48
    lr = torch.rand(1, 3, n, n, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(lr)[0, :, 2 * centre, 2 * centre].sum(), lr)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().ravel()
    assert centre - rows.min() <= reach
    assert rows.max() - centre <= reach


@pytest.mark.parametrize("other", [{"strength": True}, {"bicubic": False}])
def test_noise_is_not_kept(other: dict[str, bool]) -> None:
    with pytest.raises(ValueError, match="consistent needs bicubic, and no strength"):
        GeneratorConfig(scale=2, consistent=True, **other)
