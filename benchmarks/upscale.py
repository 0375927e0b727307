"""Speed and memory of ``acutance upscale``: seconds a megapixel, peak memory, share of the peak.

A 1-megapixel picture (the example, repeated in mirror image) is upscaled by the command line in a
process of its own, once for each engine and model. The peak is a large matrix product, in fp32 or
bf16, whichever this machine multiplies faster, measured in the same run with the same threads, so
that the share can be compared between machines.

Usage: python benchmarks/upscale.py [--threads N] [--runs N] [MODEL ...]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from acutance.image.decode import read_rgb
from acutance.image.encode import write_rgb8
from acutance.inference.models import shipped

EXAMPLE = Path(__file__).parent.parent / "examples" / "reeds.png"
HEIGHT, WIDTH = 896, 1120  # 1.0 megapixel


def make_picture(path: Path) -> None:
    """The example and its mirror images, side by side and below each other."""
    tile = np.rint(read_rgb(EXAMPLE) * 255).astype(np.uint8)
    tile = np.concatenate([tile, tile[:, ::-1]], axis=1)
    tile = np.concatenate([tile, tile[::-1]])
    repeats = (-(-HEIGHT // tile.shape[0]), -(-WIDTH // tile.shape[1]), 1)
    write_rgb8(path, np.tile(tile, repeats)[:HEIGHT, :WIDTH])


def matmul_peak(threads: int, dtype: str) -> float:
    """GFLOP/s of a large matrix product, the best of several, in a process of its own."""
    code = (
        "import sys, time, torch\n"
        "torch.set_num_threads(int(sys.argv[1]))\n"
        "a = torch.rand(2048, 2048).to(getattr(torch, sys.argv[2]))\n"
        "a @ a\n"
        "times = []\n"
        "for _ in range(8):\n"
        "    start = time.perf_counter(); a @ a; times.append(time.perf_counter() - start)\n"
        "print(2 * 2048**3 / min(times) / 1e9)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code, str(threads), dtype],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(output.stdout)


def upscale(picture: Path, model: str, device: str, threads: int, folder: Path) -> dict[str, float]:
    """One run of the command line; the summary that it prints, and the whole process's seconds."""
    command = [sys.executable, "-m", "acutance", "upscale", str(picture)]
    command += ["--model", model, "--device", device, "--threads", str(threads)]
    command += ["-o", str(folder / "out.png"), "--overwrite", "--json"]
    start = time.perf_counter()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - start
    return {**json.loads(output)["done"][0], "process_seconds": seconds}


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("models", nargs="*", default=["base-x4"])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    devices = ["cpu"] + (["torch-cpu"] if find_spec("torch") else [])
    peaks = {}
    if find_spec("torch"):
        peaks = {d: matmul_peak(options.threads, d) for d in ("float32", "bfloat16")}
        print(", ".join(f"{name} matmul: {peak:.0f} GFLOP/s" for name, peak in peaks.items()))
    print(f"threads: {options.threads}; median of {options.runs}\n")
    print("| model | engine | output | seconds | s / Mpx out | whole process | peak MiB |", end="")
    print(" GFLOP/s | share of peak |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        picture = Path(name) / "photo.png"
        make_picture(picture)
        for model in options.models:
            card = shipped()[model]
            for device in devices:
                runs = [
                    upscale(picture, model, device, options.threads, Path(name))
                    for _ in range(options.runs)
                ]
                middle = {
                    key: statistics.median(run[key] for run in runs)
                    for key in ("seconds", "process_seconds", "peak_memory_mib")
                }
                megapixels = HEIGHT * WIDTH * card.scale**2 / 1e6
                rate = 2 * card.macs_per_lr_pixel * HEIGHT * WIDTH / middle["seconds"] / 1e9
                share = f"{rate / max(peaks.values()):.0%}" if peaks else ""
                print(
                    f"| {model} | {runs[0]['engine']} | {megapixels:.1f} Mpx "
                    f"| {middle['seconds']:.1f} | {middle['seconds'] / megapixels:.2f} "
                    f"| {middle['process_seconds']:.1f} | {middle['peak_memory_mib']:.0f} "
                    f"| {rate:.0f} | {share} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
