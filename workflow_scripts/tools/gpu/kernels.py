"""Profile of the passes: the largest kernels, and shares of time by kind of kernel."""

import re
from collections import Counter
from collections.abc import Callable

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.tools.bench.clock import now, synchronize
from workflow_scripts.tools.bench.measure_pass import passes, random_model, random_shard
from workflow_scripts.tools.gpu.passes import DIM, ROW_DTYPE, SEED
from workflow_scripts.tools.gpu.rows import Options, Row, Rows

PART = "kernels"
LARGEST = 10
# Kinds by parts of a kernel's name (on a processor, an operator's); the first that fits.
# Products whose rows are not aligned to 16 bytes are those of the output layer, where the
# vocabulary is no multiple of 8.
KINDS = (
    ("copies from and to the host", r"Memcpy (?!DtoD)"),
    ("attention", r"flash|fmha|attention"),
    ("matrix products, unaligned", r"align[124]\b"),
    ("matrix products", r"nvjet|gemm|cutlass|::(mm|bmm|addmm)\b"),
    ("softmax and loss", r"(?i)softmax|nll_loss"),
    ("copies and casts", r"(?i)copy|memset|memcpy|CatArray"),
    ("reductions", r"reduce|::(sum|mean|linalg_vector_norm)\b"),
    ("elementwise", r"elementwise|::(mul|add|div|pow|silu|silu_backward|neg|sub|rsqrt)_?\b"),
)


def kind_of(kernel: str) -> str:
    """The kind of a kernel by its name."""
    return next((kind for kind, words in KINDS if re.search(words, kernel)), "other")


def short_name(kernel: str) -> str:
    """A kernel's name as a person reads it: template and what it computes, without types.

    ``void at::native::elementwise_kernel<128, ..MulFunctor<float>..>`` is
    ``elementwise_kernel MulFunctor``.
    """
    made = re.search(r"cutlass_\w+", kernel)
    if made:
        return made[0]
    outer, _, inside = re.sub(r"^void ", "", kernel).partition("<")
    computed = re.findall(r"\w*(?:Functor|_cuda|Ops)\b", inside)
    computed = [name for name in computed if name not in ("BinaryFunctor", "gpu_kernel_cuda")]
    return " ".join([outer.partition("(")[0].split("native::")[-1], *computed[-1:]])


def rows(options: Options) -> Rows:
    """Two batches of the plain and of the document pass, once without the profiler, once with."""
    model = random_model(options.shape, options.device, options.dtype)
    engine = GradientEngine(model, DIM, SEED)
    tokens, length = options.tokens[0], options.lengths[0]
    shard = random_shard(options.shape, max(1, 2 * tokens // length), length)
    for name, work in passes(engine, shard, ROW_DTYPE, tokens).items():
        if name != "bergson build":
            work()
            wall, times = profiled(options, work)
            yield from shares(f"{name}, two batches", wall, times)


def profiled(options: Options, work: Callable[[], object]) -> tuple[float, Counter[str]]:
    """Seconds of a call, and microseconds by kernel (on a processor by operator, its own)."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * options.on_gpu
    start = now(options.device)
    with profile(activities=activities) as found:
        work()
        synchronize(options.device)
    wall = now(options.device) - start
    times: Counter[str] = Counter()
    for event in found.key_averages():
        if not options.on_gpu:
            times[event.key] += event.self_cpu_time_total
        elif event.device_type == DeviceType.CUDA:
            times[event.key] += event.self_device_time_total
    return wall, times


def shares(setting: str, wall: float, times: Counter[str]) -> Rows:
    """Time that the device worked, shares of that by kind, and the largest kernels."""
    total = sum(times.values()) or 1.0
    kinds: Counter[str] = Counter({kind: 0.0 for kind, _ in KINDS})
    kernels: Counter[tuple[str, str]] = Counter()
    for kernel, spent in times.items():
        kinds[kind_of(kernel)] += spent
        kernels[kind_of(kernel), short_name(kernel)] += spent
    note = f"{total / 1e6:.2f} of {wall:.2f} s; the profiler slows what starts the kernels"
    yield Row(PART, setting, "device busy", 100 * total / 1e6 / wall, "%", note)
    for kind, spent in kinds.most_common():
        yield Row(PART, setting, f"share: {kind}", 100 * spent / total, "%")
    for rank, ((kind, kernel), spent) in enumerate(kernels.most_common(LARGEST), 1):
        what = f"kernel {rank}: {kind}"
        yield Row(PART, setting, what, 100 * spent / total, "%", kernel[:90])
