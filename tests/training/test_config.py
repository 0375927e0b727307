"""Configurations: typed settings, unknown keys refused, stored and read back the same."""

import json
import shlex

import pytest

from acutance.errors import UserError
from acutance.recipes.catalogue import RECIPES, command, recipe
from acutance.training.config import TrainConfig


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_storage(name: str) -> None:
    config = recipe(name)
    assert TrainConfig.from_dict(json.loads(config.to_json())) == config
    assert config.recipe == name


def test_a_configuration_stored_before_there_were_other_networks_is_a_generators() -> None:
    stored = json.loads(recipe("base-x4").to_json())
    del stored["network"]
    for phase in stored["losses"]:
        del phase["luma"], phase["supervision"]
    assert TrainConfig.from_dict(stored) == recipe("base-x4")


def test_every_setting_is_documented() -> None:
    source = TrainConfig.__module__
    text = __import__("inspect").getsource(__import__(source, fromlist=["x"]))
    body = text.split("class TrainConfig", 1)[1]
    for key in TrainConfig.__dataclass_fields__:
        after = body.split(f"\n    {key}:", 1)[1]
        assert '"""' in after.split("\n    " + "def ", 1)[0], key


def test_override_is_typed() -> None:
    config = recipe("base-x4").override({"learning_rate": "1", "copies": "[0.5, 0.8]"})
    assert config.learning_rate == 1.0
    assert isinstance(config.learning_rate, float)
    assert config.copies == (0.5, 0.8)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("learning_rat", "1", "unknown setting 'learning_rat'"),
        ("learning_rate", "fast", "must be float"),
        ("steps", "1.5", "must be int"),
        ("compile", "1", "must be bool"),
        ("precision", "fp8", "must be one of auto, fp32, bf16"),
        ("betas", "[0.9]", "must have 2 entries"),
        ("losses", '[{"until": 1, "content": "l1", "gamma": 2}]', "unknown keys: gamma"),
        ("losses", '[{"until": 1}]', "incomplete"),
        ("learning_rate", "-1", "must not be negative"),
        ("learning_rate", "NaN", "must not be negative"),
        ("max_minutes", "0", "must be positive"),
        ("weight_decay", "-1", "must not be negative"),
        ("log_minutes", "-1", "must not be negative"),
        ("betas", "[1, 2]", "'betas' must lie"),
        ("copies", "[0.5, 0]", "'copies' must lie"),
        ("copies", "[2.5]", "'copies' must lie"),
        ("warps", "-1", "'warps' must not be negative"),
        ("recoloured", "1.5", "'recoloured' must lie"),
        ("seed", "-1", "'seed' must lie"),
        ("seed", "99999999999999999999999", "'seed' must lie"),
        ("patches", '[{"until": 0.5, "patch": 32, "batch": 4}]', "the last at 1"),
        ("losses", "[]", "the last at 1"),
        (
            "losses",
            '[{"until": 0.7, "content": "l1"}, {"until": 0.2, "content": "l1"},'
            '{"until": 1, "content": "mse"}]',
            "growing shares",
        ),
        (
            "patches",
            '[{"until": NaN, "patch": 32, "batch": 4}, {"until": 1, "patch": 32, "batch": 4}]',
            "growing shares",
        ),
        ("patches", '[{"until": 1, "patch": 3, "batch": 4}]', "patches of at least 4 at x4"),
        ("losses", '[{"until": 1, "content": "mse", "alpha": -1}]', "'alpha' .* not be negative"),
    ],
)
def test_wrong_settings_are_refused(key: str, value: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        recipe("base-x4").override({key: value})


def test_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(UserError, match="base-x4"):
        recipe("nonsense")


def test_the_command_of_a_card_trains_the_same_configuration() -> None:
    """Parsed back as the command line does, it gives the configuration that it was made from."""
    config = recipe("base-x4").override(
        {"start": '"runs/a b"', "max_minutes": "225", "losses": '[{"until": 1, "content": "mse"}]'}
    )
    words = shlex.split(command(config))
    assert words[:3] == ["acutance", "train", "base-x4"]
    assert words[words.index("--from") + 1] == "runs/a b"
    settings = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    pairs = dict(setting.split("=", 1) for setting in settings)
    assert recipe("base-x4").override({**pairs, "start": '"runs/a b"'}) == config


@pytest.mark.parametrize("name", RECIPES)
def test_the_command_of_a_recipe_is_the_one_it_documents(name: str) -> None:
    documented = " ".join((RECIPES[name].__doc__ or "").split())
    assert command(recipe(name)) in documented
