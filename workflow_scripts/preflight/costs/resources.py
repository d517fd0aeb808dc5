"""Resources of every rule of the workflow, in the order of its stages."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from workflow_scripts.preflight.costs.corpus import BENCHMARKS, CORPUS, MODEL, RATE
from workflow_scripts.preflight.costs.maps import (
    ATTRIBUTION,
    INFLUENCE,
    PUBLISH,
    REPORT,
    VALIDATION,
)
from workflow_scripts.preflight.costs.model_work import load_seconds
from workflow_scripts.preflight.costs.rule_cost import CUDA, GB, MB, Demand
from workflow_scripts.preflight.costs.siblings import SIBLINGS
from workflow_scripts.preflight.costs.sizes import Sizes
from workflow_scripts.preflight.costs.unlearning import UNLEARNING
from workflow_scripts.preflight.costs.variants import VARIANTS_OF_MAPS

DEMANDS: dict[str, Demand] = {
    **CORPUS,
    **MODEL,
    **BENCHMARKS,
    **ATTRIBUTION,
    **INFLUENCE,
    **SIBLINGS,
    **VARIANTS_OF_MAPS,
    **UNLEARNING,
    **VALIDATION,
    **REPORT,
    **PUBLISH,
    **RATE,
}
# Rules of a study whose maps are an existing matrix; it has no other.
MATRIX_RULES = (
    "import_matrix",
    "compare_maps",
    "collect_cautions",
    "plot_influence",
    "write_explorer",
)
# Margins of a job over its estimate: memory for what the formula leaves out; time for a slow
# machine, after minutes for the start on a shared file system.
MEMORY_MARGIN, TIME_MARGIN, START_MINUTES = 1.25, 2, 10
SMALLEST_MB, ROUND_MB = 500, 100


def jobs_of(sizes: Sizes, rule: str) -> Counter:
    """Number of jobs of a rule for each benchmark ("" where it has no benchmark)."""
    if sizes.matrix and rule not in MATRIX_RULES:
        return Counter()
    return DEMANDS[rule].jobs(sizes)


def uses_gpu(sizes: Sizes, rule: str) -> bool:
    """True if a rule's jobs need a GPU."""
    return sizes.on_gpu and device_bytes(sizes, rule, sizes.config["benchmarks"][0]) > 0


def gpus(sizes: Sizes, rule: str) -> int:
    """GPUs that one job of a rule needs: one, or as many as hold a model split over them."""
    if not uses_gpu(sizes, rule):
        return 0
    if rule == "train_model":
        return sizes.config["model"]["train"].get("tasks", 1)
    declared = sizes.config["hardware"]["gpu_memory_gb"] * GB
    if sizes.config["model"]["device"] != "auto" or not declared:
        return 1
    largest = max(device_bytes(sizes, rule, name) for name in sizes.config["benchmarks"])
    return math.ceil(largest / declared)


def device_bytes(sizes: Sizes, rule: str, benchmark: str = "") -> float:
    """Bytes that one job of a rule takes where the model runs; 0 for a rule without it."""
    demand = DEMANDS[rule]
    return demand.device(sizes, benchmark) if demand.device else 0


def memory_mb(sizes: Sizes, rule: str, benchmark: str = "") -> int:
    """Memory to ask for one job of a rule at its first attempt, in MB."""
    demand = DEMANDS[rule]
    need = demand.memory(sizes, benchmark)
    if uses_gpu(sizes, rule):
        need += CUDA + demand.loads(sizes, benchmark)
    else:
        need += device_bytes(sizes, rule, benchmark)
    return max(SMALLEST_MB, ROUND_MB * math.ceil(MEMORY_MARGIN * need / MB / ROUND_MB))


def work_seconds(sizes: Sizes, rule: str, benchmark: str = "", most: bool = False) -> float:
    """Seconds that one job of a rule takes, imports and the loading of the model included.

    Args:
        sizes: of the study.
        rule: its name.
        benchmark: that drives the rule, where one does.
        most: at most, instead of what is expected.
    """
    demand = DEMANDS[rule]
    loading = load_seconds(sizes) if device_bytes(sizes, rule, benchmark) else 0
    seconds = demand.seconds if most or not demand.expected else demand.expected
    return demand.start + seconds(sizes, benchmark) + loading


def minutes(sizes: Sizes, rule: str, benchmark: str = "") -> int:
    """Time to ask for one job of a rule at its first attempt, in minutes."""
    most = work_seconds(sizes, rule, benchmark, most=True)
    return START_MINUTES + math.ceil(TIME_MARGIN * most / 60)


def resources_of(
    sizes: Sizes, rule: str, wildcard: str | None = None
) -> dict[str, Callable[..., int] | int]:
    """Snakemake's ``resources`` of a rule: memory and time grow with the attempt.

    Args:
        sizes: of the study.
        rule: its name.
        wildcard: the one that holds the benchmark which drives the rule, where one does.
    """

    def scaled(amount: Callable[[Sizes, str, str], int]) -> Callable[..., int]:
        def resource(wildcards: Mapping[str, Any], attempt: int) -> int:
            benchmark = getattr(wildcards, wildcard) if wildcard else ""
            return amount(sizes, rule, benchmark) * attempt

        return resource

    gpu = {"gpu": gpus(sizes, rule)} if uses_gpu(sizes, rule) else {}
    return {"mem_mb": scaled(memory_mb), "runtime": scaled(minutes), **gpu}
