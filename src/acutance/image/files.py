"""Files that are whole or not there: what must be so before work, and writing in one piece."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from acutance.errors import UserError

if sys.platform != "win32":
    import fcntl

STALE = 3600.0
"""Seconds after which a temporary file that no process holds was left by one that was killed."""


def must_be_a_file(path: Path) -> None:
    """Raise UserError for what is missing, empty, a folder, or may not be read."""
    _must_have_a_name(path)
    try:
        if not path.exists():
            raise UserError(f"no such file: {path}; check its name and folder")
        if not path.is_file():
            raise UserError(f"{path} is not a file: give an image")
        if not os.access(path, os.R_OK):
            raise UserError(f"no permission to read {path}; change its permissions, or copy it")
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty: get it anew")
    except OSError as error:  # a name that is too long, a dead network share
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def must_be_free(path: Path, *, overwrite: bool) -> None:
    """Raise UserError for a target that is there and may not be replaced; a folder never may."""
    _must_have_a_name(path)
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder, not a file to write")
        if os.path.lexists(path) and not overwrite:  # a link that leads nowhere too
            raise UserError(f"{path} exists: give --overwrite to replace it, or another --output")
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; choose another --output"
        ) from error


def make_folder(folder: Path) -> None:
    """Make a folder to write to, and those above it; raises UserError when that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"{folder} is not a folder: choose another --output") from error
    except OSError as error:
        raise UserError(f"cannot make {folder}: {error.strerror}; choose another --output") from (
            error
        )


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Raise UserError now for what ``atomic`` would raise after the work; makes the folder."""
    must_be_free(path, overwrite=overwrite)
    make_folder(path.parent)
    try:
        with tempfile.TemporaryFile(prefix=".acutance-", dir=path.parent):
            pass
    except OSError as error:
        raise UserError(
            f"cannot write to {path.parent}: {error.strerror}; choose another --output"
        ) from error


@contextlib.contextmanager
def nameless_file(folder: Path) -> Iterator[tuple[IO[bytes], str]]:
    """A temporary file in ``folder`` and a path that opens it again, in this process.

    On POSIX it has no name in the folder: nothing is left of it, however the process ends.
    """
    if os.path.exists("/dev/fd/0"):  # noqa: PTH110 - a device, not a path of ours
        with tempfile.TemporaryFile(prefix=".acutance-", dir=folder) as file:
            yield file, f"/dev/fd/{file.fileno()}"
    else:
        # Windows does not open a file again that removes itself.
        handle, name = tempfile.mkstemp(prefix=".acutance-", dir=folder)
        try:
            with open(handle, "w+b") as file:  # noqa: PTH123 - a handle, no path
                yield file, name
        finally:
            with contextlib.suppress(OSError):  # still open elsewhere: stale one day
                Path(name).unlink()


@contextlib.contextmanager
def atomic(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    Whatever happens inside, ``path`` holds either what it held or the whole new file.

    Raises:
        UserError: ``path`` exists and may not be replaced, or its folder cannot be written.
    """
    must_be_free(path, overwrite=overwrite)
    make_folder(path.parent)
    _remove_stale(path.parent)
    try:
        # A name of its own, with the suffix, which tells libvips the format.
        handle, name = tempfile.mkstemp(prefix=".acutance-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise UserError(
            f"cannot write to {path.parent}: {error.strerror}; choose another --output"
        ) from error
    partial = Path(name)
    if not (held := _lock(handle)):
        os.close(handle)
    try:
        yield partial
        umask = os.umask(0)
        os.umask(umask)
        with contextlib.suppress(OSError):  # a file system without permissions
            partial.chmod(0o666 & ~umask)
        if overwrite:
            partial.replace(path)
        else:
            try:
                os.link(partial, path)  # fails if another process made the file meanwhile
            except FileExistsError:
                raise UserError(f"{path} exists: give --overwrite to replace it") from None
            except OSError:  # a file system without hard links
                partial.replace(path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; check free space and permissions"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
        if held:
            os.close(handle)


def _lock(handle: int) -> bool:
    """Mark an open file as in use until it is closed; False when another process uses it."""
    if sys.platform == "win32":  # where a file in use cannot be renamed either
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # in use, or a file system without locks
        return False
    return True


def _remove_stale(folder: Path) -> None:
    """Remove what killed processes left in a folder: old temporary files that nobody holds."""
    for path in folder.glob(".acutance-*"):
        with contextlib.suppress(OSError):  # another process may be quicker, or own the file
            if not path.is_file() or time.time() - path.stat().st_mtime < STALE:
                continue
            with path.open("rb") as file:
                if _lock(file.fileno()):
                    path.unlink()


def _must_have_a_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="replace").decode()
        raise UserError(f"the name of {shown} is not UTF-8: rename it") from None
