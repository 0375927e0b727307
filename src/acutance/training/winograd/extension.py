"""The C++ extension: built once for each kind of processor, then found in PyTorch's cache."""

import contextlib
import functools
import io
import subprocess
import textwrap
from pathlib import Path
from types import ModuleType

import torch

from acutance.errors import UserError

FLAGS = ("-O3", "-std=c++17", "-mfma")
WIDEST = {"AVX512": "-mavx512f", "AVX2": "-mavx2"}
"""The flag for the widest registers of a processor, by PyTorch's name for what it can do."""


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

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            built: ModuleType = load(
                name=f"acutance_winograd_{processor.lower()}",
                sources=[str(Path(__file__).with_name("convolution.cpp"))],
                extra_cflags=[*FLAGS, widest],
            )
    except (RuntimeError, OSError, ImportError, subprocess.SubprocessError) as error:
        reason = textwrap.shorten(str(error), 100, placeholder=" ..")
        raise UserError(
            f"'winograd' could not be built: install a C++ compiler such as g++, or leave it out "
            f"({reason})"
        ) from error
    return built
