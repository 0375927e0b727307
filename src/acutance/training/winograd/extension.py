"""The C++ extension: built once for each kind of processor, then found in PyTorch's cache."""

import contextlib
import functools
import hashlib
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import torch
from filelock import FileLock

from acutance.errors import UserError

FLAGS = ("-O3", "-std=c++17", "-mfma")
WIDEST = {"AVX512": "-mavx512f", "AVX2": "-mavx2"}
"""The flag for the widest registers of a processor, by PyTorch's name for what it can do."""

SOURCE = Path(__file__).with_name("convolution.cpp")


def build_folder(widest: str) -> Path:
    """Where the extension lies: in PyTorch's cache, by all that it is made from."""
    from torch.utils.cpp_extension import get_default_build_root

    root = os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root()
    settings = f"{FLAGS} {widest} {torch.__version__} {sys.implementation.cache_tag}"
    digest = hashlib.sha256(SOURCE.read_bytes() + settings.encode()).hexdigest()[:16]
    return Path(root) / f"acutance_winograd_{digest}"


@functools.cache
def extension() -> ModuleType:
    """``convolve`` and ``gradients`` of ``convolution.cpp``; the first call builds them.

    Raises UserError where the processor lacks AVX2 or there is no C++ compiler.
    """
    processor = torch.backends.cpu.get_cpu_capability()
    widest = WIDEST.get(processor)
    if widest is None:
        raise UserError("'winograd' needs a processor with AVX2 or AVX-512: leave it out")
    from torch.utils.cpp_extension import load

    folder = build_folder(widest)
    said = io.StringIO()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(folder / "building"),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            # PyTorch's own lock is a file that a killed build leaves behind: all later ones would
            # wait for it forever. Nobody builds here now, since ours ends with its process.
            (folder / "lock").unlink(missing_ok=True)
            copy = folder / SOURCE.name
            if not copy.exists() or copy.read_bytes() != SOURCE.read_bytes():
                copy.write_bytes(SOURCE.read_bytes())
            built: ModuleType = load(
                name="acutance_winograd",
                sources=[str(copy)],
                extra_cflags=[*FLAGS, widest],
                build_directory=str(folder),
            )
    except (RuntimeError, OSError, ImportError, subprocess.SubprocessError) as error:
        reason = textwrap.shorten(str(error), 100, placeholder=" ..")
        raise UserError(
            f"'winograd' could not be built: install a C++ compiler such as g++, or leave it out "
            f"({reason})"
        ) from error
    return built
