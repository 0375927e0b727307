"""What this machine can do: arithmetic for a run, and the peak its throughput is compared with."""

import time

import torch

from acutance.errors import UserError
from acutance.evaluation.provenance import processor


def choose_device(name: str) -> torch.device:
    """The device of a run: ``auto`` is CUDA, then MPS, then the CPU.

    Raises UserError for a device that PyTorch does not know or cannot use here.
    """
    if name != "auto":
        try:
            device = torch.device(name)
            torch.zeros(1, device=device)
        except (RuntimeError, AssertionError) as error:
            raise UserError(f"device '{name}' cannot be used here; try --device cpu") from error
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """The arithmetic of the convolutions; ``auto`` is bf16 only where the hardware multiplies it.

    Without AVX512-BF16 or AMX, bf16 convolutions are emulated: measured 3.5 times slower than fp32.
    With AVX512-BF16 alone they are twice as fast on an AMD EPYC (Zen 4) and half as
    fast on an Intel Xeon without AMX, so there a convolution is timed.
    """
    if precision == "auto":
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported()
        elif device.type == "cpu":
            fast = torch.cpu._is_amx_tile_supported() or (
                torch.cpu._is_avx512_bf16_supported() and bf16_speed() > 1
            )
        else:
            fast = False
        return torch.bfloat16 if fast else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]


def bf16_speed(*, rounds: int = 5) -> float:
    """How many times faster than fp32 a bf16 convolution of base's is on this processor."""
    best = {}
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.rand(4, 48, 32, 32).to(dtype=dtype, memory_format=torch.channels_last)
        weight = torch.rand(48, 48, 3, 3).to(dtype=dtype, memory_format=torch.channels_last)
        seconds = []
        for _ in range(1 + rounds):
            start = time.perf_counter()
            torch.nn.functional.conv2d(x, weight, padding=1)
            seconds.append(time.perf_counter() - start)
        best[dtype] = min(seconds[1:])  # the first one prepares
    return best[torch.float32] / best[torch.bfloat16]


def matmul_peak(device: torch.device, dtype: torch.dtype, *, seconds: float = 0.25) -> float:
    """Floating-point operations a second of a large matrix product: the practical peak."""
    size = 8192 if device.type == "cuda" else 1536
    a = torch.rand(size, size, device=device).to(dtype)
    a @ a
    best, spent = float("inf"), 0.0
    while spent < seconds:
        _synchronise(device)
        start = time.perf_counter()
        a @ a
        _synchronise(device)
        elapsed = time.perf_counter() - start
        best, spent = min(best, elapsed), spent + elapsed
    return 2 * size**3 / best


def describe(device: torch.device) -> str:
    """The device in words, for a model's card."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor()}, {torch.get_num_threads()} threads"


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
