"""Clock of the measurements, on a processor and on a GPU."""

import statistics
import time
from collections.abc import Callable

import torch


def synchronize(device: str | torch.device) -> None:
    """Wait for the GPU, if the device is one."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def now(device: str | torch.device) -> float:
    """Seconds on the clock, once a GPU has done what it was given."""
    synchronize(device)
    return time.perf_counter()


def seconds_of(
    work: Callable[[], object], device: str | torch.device, repeats: int = 10, warm: int = 3
) -> float:
    """Median seconds of a call over ``repeats``, after ``warm`` calls that warm up."""
    for _ in range(warm):
        work()
    found = []
    for _ in range(repeats):
        start = now(device)
        work()
        found.append(now(device) - start)
    return statistics.median(found)
