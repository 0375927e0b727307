"""Print docs/cli.md: the help of every command, as the command line gives it.

Usage: python docs/make_cli_page.py > docs/cli.md
"""

import contextlib
import io
import os

from rich.console import Console


def page() -> str:
    """The whole page; the same whatever the terminal."""
    from acutance.cli.main import app

    parts = ["# Command line\n\nMade by `python docs/make_cli_page.py > docs/cli.md`.\n"]
    for command in (name for name in app if not name.startswith("-")):
        stream = io.StringIO()
        console = Console(file=stream, width=100, color_system=None, force_terminal=False)
        with contextlib.suppress(SystemExit):
            app([command, "--help"], console=console)
        text = "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).strip()
        parts.append(f"## acutance {command}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    os.environ.pop("FORCE_COLOR", None)
    print(page(), end="")
