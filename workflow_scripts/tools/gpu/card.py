"""The card and its two ceilings: matrix products in bfloat16, and copies in its memory."""

import sys
from importlib.metadata import version

import torch

from workflow_scripts.tools.bench.clock import seconds_of
from workflow_scripts.tools.gpu.rows import Options, Row, Rows

PART = "card"
# Large enough that a product is limited by arithmetic and a copy by memory.
SIDE, COPIED_BYTES = 8192, 2**32
SMALL_SIDE, SMALL_BYTES = 512, 2**24


def matrix_rate(options: Options) -> float:
    """FLOP/s of a square matrix product of random numbers in the precision of the passes."""
    side = SIDE if options.on_gpu else SMALL_SIDE
    one, two = (
        torch.randn(side, side, device=options.device, dtype=options.dtype) for _ in range(2)
    )
    out = torch.empty_like(one)
    return 2 * side**3 / seconds_of(lambda: torch.mm(one, two, out=out), options.device)


def copy_rate(options: Options) -> float:
    """Bytes a second, read plus written, of a copy within the device's memory."""
    size = COPIED_BYTES if options.on_gpu else SMALL_BYTES
    one = torch.ones(size // 4, device=options.device)
    two = torch.empty_like(one)
    return 2 * size / seconds_of(lambda: two.copy_(one), options.device)


def versions() -> str:
    """Versions of what the numbers depend on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("transformers", "bergson", "peft"))
    return f"Python {sys.version.split()[0]}, torch {torch.__version__}, {packages}"


def rows(options: Options) -> Rows:
    """Name, memory and ceilings of the card."""
    if options.on_gpu:
        about = torch.cuda.get_device_properties(0)
        yield Row(PART, about.name, "memory", about.total_memory / 1e9, "GB", versions())
    else:
        yield Row(PART, "processor", "threads", torch.get_num_threads(), "", versions())
    setting = f"{str(options.dtype).removeprefix('torch.')}, random numbers"
    yield Row(PART, setting, "matrix product", matrix_rate(options) / 1e12, "TFLOP/s")
    yield Row(PART, "read plus written", "copy", copy_rate(options) / 1e12, "TB/s")
