"""The command ``acutance``: one line for what went wrong, exit status 1, and no traceback."""

import io
import signal
import sys
import warnings

from cyclopts import App, CycloptsError, UnusedCliTokensError

import acutance
from acutance.cli.benchmark import benchmark
from acutance.cli.blend import blend
from acutance.cli.degrade import degrade
from acutance.cli.ensemble import ensemble
from acutance.cli.evaluate import evaluate
from acutance.cli.export import export
from acutance.cli.import_weights import import_weights
from acutance.cli.models import models
from acutance.cli.train import train
from acutance.cli.upscale import upscale
from acutance.errors import UsageError, UserError

app = App(
    name="acutance",
    help="Single-image super-resolution: upscale photos, measure, train.",
    version=acutance.__version__,
    suppress_keyboard_interrupt=False,  # main says what became of the files
)
for command in (
    upscale,
    models,
    evaluate,
    benchmark,
    train,
    export,
    blend,
    ensemble,
    degrade,
    import_weights,
):
    app.command(command)


def main() -> None:
    """Entry point of the console script. Exits 1 for a UserError, 2 for wrong usage."""
    warnings.filterwarnings("ignore")  # libraries' notes to developers
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that a terminal cannot show is no error
            stream.reconfigure(errors="backslashreplace")
    # As an exception, so that what is half-written is removed; training handles it by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app(exit_on_error=False, print_error=False)
    except CycloptsError as error:
        print(f"acutance: {usage_error(error)}", file=sys.stderr)
        sys.exit(2)
    except UserError as error:
        print(f"acutance: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        print("acutance: interrupted; nothing half-written is left", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:  # where no part of ours said it better: a full disk, a lost share
        name = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or error
        print(f"acutance: {name}{reason}; check free space and permissions", file=sys.stderr)
        sys.exit(1)


def usage_error(error: CycloptsError) -> str:
    """One line: what is wrong with the command, and where its help is."""
    text = " ".join(str(error).split())
    if isinstance(error, UnusedCliTokensError):
        text = f"nothing takes {' '.join(error.unused_tokens or ())}"
    text = text if text.endswith("...") else text.removesuffix(".")
    command = " ".join(["acutance", *(error.command_chain or ())])
    return f"{text[:1].lower()}{text[1:]}; `{command} --help` says what there is"
