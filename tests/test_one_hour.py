"""docs/one-hour-h100.md: recipes, settings, order and minutes, as far as no GPU is needed."""

import re
import shlex
from pathlib import Path

from acutance.inference.models import shipped
from acutance.recipes.catalogue import RECIPES, recipe

PAGE = (Path(__file__).parents[1] / "docs" / "one-hour-h100.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """The page's ``acutance train`` commands, variables filled in."""
    block = PAGE.split("<!-- commands -->")[1].split("<!-- end -->")[0]
    variables = dict(re.findall(r"^    (\w+)='(.*)'$", block, re.MULTILINE))
    lines = [line.strip() for line in block.splitlines() if line.startswith("    acutance")]
    filled = [re.sub(r"\"?\$(\w+)\"?", lambda m: _words(m, variables), line) for line in lines]
    return [shlex.split(line)[2:] for line in filled]


def _words(match: re.Match[str], variables: dict[str, str]) -> str:
    value = variables[match[1]]
    return shlex.quote(value) if match[0].startswith('"') else value


def flags(words: list[str], name: str) -> list[str]:
    return [words[i + 1] for i, word in enumerate(words) if word == name]


def test_settings_are_known_and_minutes_add_up() -> None:
    table = re.findall(r"^\| ([\w-]+) \| ([\w-]+) \| (\d+) \|$", PAGE, re.MULTILINE)
    total = int(re.search(r"\*\*(\d+)\*\*", PAGE).group(1))  # type: ignore[union-attr]
    assert sum(int(minutes) for *_, minutes in table) == total < 45
    done: list[str] = []
    for words, (name, start, minutes) in zip(commands(), table, strict=True):
        assert words[0] == name
        assert name in RECIPES
        settings = dict(setting.split("=", 1) for setting in flags(words, "--set"))
        config = recipe(name).override(settings)
        assert config.compile
        assert flags(words, "--max-minutes") == [minutes]
        assert flags(words, "--from") == ([] if start == "nothing" else [f"runs/{start}"])
        assert start == "nothing" or start in done
        done.append(name)


def test_every_shipped_model_is_trained() -> None:
    assert set(shipped()) <= {words[0] for words in commands()}
