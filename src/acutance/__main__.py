"""Where the command starts; ``python -m acutance`` does the same.

The program is imported inside, so that an interrupt meanwhile ends it without a traceback too.
"""

import sys


def main() -> None:
    """Entry point of the console script."""
    try:
        from acutance.cli.main import main as run
    except KeyboardInterrupt:
        print("acutance: interrupted before it began", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
