"""Where figures come from: the checkout's commit and the machine, in words."""

import os
import platform
import subprocess
from pathlib import Path


def commit() -> str:
    """The checkout's commit, or an empty string outside one."""
    try:
        return subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}
"""What /proc/cpuinfo calls the vectors that decide how fast convolutions are, the widest first."""


def processor(info: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name and its widest vectors, as far as the system tells.

    The name alone can stand for processors of which one takes twice as long as the other.
    """
    facts: dict[str, str] = {}
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name") or platform.processor() or platform.machine()
    flags = facts.get("flags", "").split()
    vectors = [label for flag, label in VECTORS.items() if flag in flags]
    return f"{name} ({vectors[0]})" if vectors else name


def usable_cores() -> int:
    """The cores that this process may use, which can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
