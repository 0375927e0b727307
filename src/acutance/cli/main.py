"""The command ``acutance``: one line for what went wrong, exit status 1, and no traceback."""

import sys

from cyclopts import App

from acutance.cli.train import train
from acutance.errors import UserError

app = App(name="acutance", help="Single-image super-resolution.")
app.command(train)


def main() -> None:
    """Entry point of the console script. Exits 1 for a UserError, 2 for wrong usage."""
    try:
        app(exit_on_error=True)
    except UserError as error:
        print(f"acutance: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
