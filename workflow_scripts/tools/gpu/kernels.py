"""Where the time of the document pass goes: the largest kernels, and copies to the host."""

import time

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.measure_pass import passes, random_model, random_shard
from workflow_scripts.tools.gpu.passes import DIM, ROW_DTYPE, SEED
from workflow_scripts.tools.gpu.rows import Options, Row, Rows, synchronize

PART = "kernels"
LARGEST = 10


def rows(options: Options) -> Rows:
    """Two batches under the profiler, after two without it."""
    model = random_model(options.shape, options.device, options.dtype)
    engine = GradientEngine(model, DIM, SEED)
    tokens, length = options.tokens[0], options.lengths[0]
    shard = random_shard(options.shape, max(1, 2 * tokens // length), length)
    for name, work in passes(engine, shard, ROW_DTYPE, tokens).items():
        if name != "bergson build":
            work()
            yield from _profiled(options, name, work)


def _profiled(options: Options, name: str, work) -> Rows:
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * options.on_gpu
    synchronize(options.device)
    start = time.perf_counter()
    with profile(activities=activities) as found:
        work()
        synchronize(options.device)
    wall = time.perf_counter() - start
    times = _times(found, options.on_gpu)
    total = sum(times.values()) or 1.0
    yield Row(
        PART,
        f"{name}, two batches",
        "device busy",
        100 * total / 1e6 / wall,
        "%",
        f"of {wall:.2f} s under the profiler",
    )
    copies = sum(
        spent for kernel, spent in times.items() if "Memcpy" in kernel and "DtoD" not in kernel
    )
    yield Row(
        PART, f"{name}, two batches", "copies from and to the host", 100 * copies / total, "%"
    )
    for kernel, spent in sorted(times.items(), key=lambda item: -item[1])[:LARGEST]:
        yield Row(
            PART,
            f"{name}, two batches",
            "share of device time",
            100 * spent / total,
            "%",
            kernel[:90],
        )


def _times(found: profile, on_gpu: bool) -> dict[str, float]:
    """Microseconds by kernel on the GPU; by operator, its own time, on the CPU."""
    events = found.key_averages()
    if not on_gpu:
        return {event.key: event.self_cpu_time_total for event in events}
    return {
        event.key: event.self_device_time_total
        for event in events
        if event.device_type == DeviceType.CUDA and event.self_device_time_total > 0
    }
