"""The generator: bicubic at the start, any size, and a receptive field that is what it says."""

import numpy as np
import pytest
import torch

from acutance.errors import UserError
from acutance.image.resize import resize
from acutance.models.blocks import ResidualBlock
from acutance.models.catalogue import ABLATIONS, SIZES, build, generator_config
from acutance.models.cost import macs_per_lr_pixel, parameter_count
from acutance.models.describe import describe
from acutance.models.generator import SCALES, Generator, GeneratorConfig
from acutance.models.padding import padding_to_multiple


def trained(config: GeneratorConfig, seed: int = 0) -> Generator:
    """A generator whose tail is not zero."""
    torch.manual_seed(seed)
    network = Generator(config)
    torch.nn.init.normal_(network.tail.weight, std=0.02)
    return network.eval()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (13, 22), (3, 5), (1, 1), (7, 4)])
def test_an_untrained_generator_is_bicubic(scale: int, height: int, width: int) -> None:
    picture = np.random.default_rng(0).random((height, width, 3))
    lr = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        sr = Generator(generator_config("tiny", scale=scale))(lr)[0].permute(1, 2, 0).numpy()
    assert sr.shape == (height * scale, width * scale, 3)
    if min(height, width) >= 2:  # imresize mirrors one pixel many times, the padding twice
        expected = resize(picture, height * scale, width * scale)
        np.testing.assert_allclose(sr, expected, atol=2e-6)


@pytest.mark.parametrize("size", ["tiny", "base"])
def test_receptive_field_bounds_the_influence_of_a_pixel(size: str) -> None:
    config = generator_config(size, scale=2)
    network = trained(config)
    reach, n = config.receptive_field, 128
    lr = torch.rand(1, 3, n, n, requires_grad=True)
    for centre in (64, 65, 66, 67):  # all positions within a block of the deepest level
        (gradient,) = torch.autograd.grad(network(lr)[0, :, 2 * centre, 2 * centre].sum(), lr)
        rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().ravel()
        assert centre - rows.min() <= reach
        assert rows.max() - centre <= reach
    assert rows.max() - rows.min() > reach  # a bound, and not a wasteful one


def test_padding_is_zero_or_at_least_two() -> None:
    for multiple in (2, 4, 8):
        for size in range(1, 40):
            padding = padding_to_multiple(size, multiple)
            assert (size + padding) % multiple == 0
            assert padding == 0 or 2 <= padding <= multiple + 1


def test_sizes_are_what_the_documentation_says() -> None:
    expected = {
        "tiny": (88.6e3, 0.09e6),
        "base": (0.62e6, 0.62e6),
        "lean": (0.31e6, 0.31e6),
        "wide": (1.7e6, 1.7e6),
        "large": (3.7e6, 3.7e6),
    }
    assert expected.keys() == SIZES.keys()
    for size, (parameters, macs) in expected.items():
        network = Generator(generator_config(size, scale=4))
        assert parameter_count(network) == pytest.approx(parameters, rel=0.05)
        assert macs_per_lr_pixel(network) == pytest.approx(macs, rel=0.15)


def test_ablations_lack_one_part_each_and_cost_the_same() -> None:
    lr = torch.rand(1, 3, 16, 24)
    for name in ABLATIONS:
        kind = {"tiny": "tiny-two-levels", "base": "base-three-levels"}[name.split("-")[0]]
        whole = Generator(generator_config(kind, scale=4))
        config = generator_config(name, scale=4)
        network = trained(config)
        assert network(lr).shape == (1, 3, 64, 96)
        assert macs_per_lr_pixel(network) == pytest.approx(macs_per_lr_pixel(whole), rel=0.1)
        stored = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(config).items()}
        assert build("generator", stored).config == config
    assert len(generator_config("tiny-without-downscaling", scale=4).channels) == 1


def test_without_skips_nothing_but_the_lower_level_reaches_the_decoder() -> None:
    network = trained(generator_config("tiny-without-skips", scale=4))
    torch.nn.init.zeros_(network.up[0].conv.weight)
    a, b = torch.rand(2, 1, 3, 16, 16)
    dnn_a, dnn_b = (network(x) - network.bicubic(x) for x in (a, b))
    torch.testing.assert_close(dnn_a, dnn_b)


def test_without_residuals_a_block_of_zeros_gives_zeros() -> None:
    for size, passes in (("tiny", True), ("tiny-without-residuals", False)):
        block = Generator(generator_config(size, scale=4)).encoder[0]
        for parameter in block.parameters():
            torch.nn.init.zeros_(parameter)
        x = torch.rand(1, 32, 4, 4)
        assert torch.equal(block(x), x if passes else torch.zeros_like(x))


def test_a_slope_lets_negative_values_through() -> None:
    x = torch.full((1, 8, 4, 4), -1.0)
    for slope in (0.0, 0.1):
        block = ResidualBlock(8, slope=slope)
        for conv in (block.conv1, block.conv2):
            torch.nn.init.dirac_(conv.weight)
            torch.nn.init.zeros_(conv.bias)
        torch.testing.assert_close(block(x), x + slope * x)
    with pytest.raises(ValueError, match="slope must be at least 0 and less than 1, not 1"):
        GeneratorConfig(scale=2, slope=1)


def test_without_bicubic_the_network_starts_from_noise() -> None:
    network = Generator(generator_config("tiny-without-bicubic", scale=4))
    assert network.bicubic is None
    assert (network(torch.rand(1, 3, 8, 8)) != 0).any()


def test_config_round_trips_through_a_card() -> None:
    config = generator_config("base", scale=8)
    stored = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(config).items()}
    network = build("generator", stored)
    assert isinstance(network, Generator)
    assert network.config == config


@pytest.mark.parametrize(
    ("network", "config", "message"),
    [
        ("nonsense", {}, "unknown network 'nonsense'"),
        ("generator", {"scale": 5}, "scale must be one of"),
        ("generator", {"scale": 4, "colour": 1}, "does not fit"),
        ("generator", {"scale": 4, "channels": [8, 8]}, "different numbers of levels"),
    ],
)
def test_foreign_configurations_are_refused(
    network: str, config: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        build(network, config)


def test_unknown_size_lists_the_known() -> None:
    with pytest.raises(UserError, match="tiny, lean, base, wide, large"):
        generator_config("huge", scale=4)


def test_bf16_autocast_keeps_the_bicubic_branch_exact() -> None:
    network = Generator(generator_config("tiny", scale=4))
    lr = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        exact = network(lr)
        with torch.autocast("cpu", torch.bfloat16):
            sr = network(lr)
    assert sr.dtype == torch.float32
    assert torch.equal(sr, exact)


def test_the_strength_plane_leaves_the_bicubic_alone() -> None:
    config = GeneratorConfig(scale=4, channels=(32, 48), down_blocks=(1, 2), up_blocks=(2,))
    with_strength = GeneratorConfig(**{**vars(config), "strength": True})
    rgb, plane = torch.rand(1, 3, 9, 12), torch.full((1, 1, 9, 12), 0.7)
    lr = torch.cat([rgb, plane], dim=1)
    with torch.no_grad():
        expected = Generator(config)(rgb)  # untrained: bicubic
        assert torch.equal(Generator(with_strength)(lr), expected)
        network = trained(with_strength)
        less = network(torch.cat([rgb, 0 * plane], dim=1))
        assert (network(lr) - less).abs().max() > 1e-4
    assert with_strength.receptive_field == config.receptive_field
    more = macs_per_lr_pixel(network) - macs_per_lr_pixel(Generator(config))
    assert more == 9 * 32  # one more 3x3 filter for each of the head's channels


def test_a_card_says_that_there_is_a_strength() -> None:
    for strength, kind in ((False, "bicubic"), (True, "photo")):
        network = Generator(GeneratorConfig(scale=2, strength=strength))
        card = describe(network, key="generator", name="any")
        assert card.kind == kind
        assert card.config["strength"] is strength
