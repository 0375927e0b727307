"""Files that are whole or not there, whoever is killed meanwhile."""

import os
import sys
import time
from pathlib import Path

import pytest

from acutance.errors import UserError
from acutance.image.files import STALE, atomic, nameless_file

from .pictures import (
    leftovers,
)


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def write_slowly() -> None:
        with atomic(path, overwrite=False) as partial:
            partial.write_text("ours")
            path.write_text("theirs")

    with pytest.raises(UserError, match="exists"):
        write_slowly()
    assert path.read_text() == "theirs"
    assert leftovers(tmp_path) == []


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    """Files that are old and that no process holds; nobody else's, and no folder."""
    fcntl = pytest.importorskip("fcntl")
    names = (".acutance-old.png", ".acutance-held.png", ".acutance-new.png", "mine.png")
    for name in names:
        (tmp_path / name).write_bytes(b"half")
        age = 60 if "new" in name else 2 * STALE
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    (tmp_path / ".acutance-folder").mkdir()
    with (tmp_path / ".acutance-held.png").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as a process does that is still writing
        with atomic(tmp_path / "a.txt", overwrite=False) as partial:
            partial.write_text("ours")
    assert {p.name for p in tmp_path.iterdir()} == {*names[1:], ".acutance-folder", "a.txt"}


def test_a_file_that_is_written_for_hours_is_not_taken_for_a_leftover(tmp_path: Path) -> None:
    with atomic(tmp_path / "slow.txt", overwrite=False) as slow:
        slow.write_text("slow")
        os.utime(slow, (time.time() - 2 * STALE,) * 2)
        with atomic(tmp_path / "quick.txt", overwrite=False) as quick:
            quick.write_text("quick")
    assert (tmp_path / "slow.txt").read_text() == "slow"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["quick.txt", "slow.txt"]


def test_a_nameless_file_is_read_by_its_path(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        with nameless_file(tmp_path) as (file, name):
            file.write(content)
            file.flush()
            assert Path(name).read_bytes() == content
            if sys.platform != "win32":
                assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("precious")

    def fail() -> None:
        with atomic(path, overwrite=True) as partial:
            partial.write_text("half")
            raise error

    expected = UserError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        fail()
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]
