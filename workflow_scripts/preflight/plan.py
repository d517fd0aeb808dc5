"""The plan of a study: what each rule, stage and the whole of it will cost."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from workflow_scripts.preflight.costs.model_work import (
    FORWARD_BACKWARD,
    measured_rate,
    pass_ratio,
    rate,
)
from workflow_scripts.preflight.costs.resources import (
    DEMANDS,
    device_bytes,
    gpus,
    jobs_of,
    memory_mb,
    minutes,
    uses_gpu,
    work_seconds,
)
from workflow_scripts.preflight.costs.sizes import Sizes

GB = 1e9
# Rules that run again for a changed benchmark: its own jobs, and the tables that gather all.
OWN = ("answer_benchmark", "attribute_queries", "score_documents", "estimate_bins")
EVALUATED = ("evaluate_unlearned", "evaluate_control")
GATHERING = (
    "gather_bins",
    "compare_maps",
    "score_gradient_baselines",
    "score_texts",
    "compare_scorers",
    "estimate_effects",
    "dose_response",
    "plot_influence",
    "plot_validation",
    "plot_unlearning",
)


@dataclass(frozen=True)
class RulePlan:
    """Costs of one rule; those of a job are of its largest.

    Attributes:
        rule, stage: names.
        jobs: how many.
        rows: documents or questions, over all jobs.
        tokens: through the model, over all jobs.
        disk_gb: left by all jobs.
        memory_mb: asked for one job.
        device_gb: where the model runs, for one job; 0 without a model.
        minutes: asked for one job.
        gpu_hours: of all jobs; 0 where no GPU is used.
        cpu_hours: of all jobs that use none.
    """

    rule: str
    stage: str
    jobs: int
    rows: int
    tokens: int
    disk_gb: float
    memory_mb: int
    device_gb: float
    minutes: int
    gpu_hours: float
    cpu_hours: float


@dataclass(frozen=True)
class Plan:
    """Costs of a study.

    Attributes:
        study: its name.
        sizes: what drives them.
        rules: the costs of each rule that the study has, in the order of the workflow.
        change: by benchmark, what it costs to change it: ``jobs``, ``gpu_hours``, ``cpu_hours``;
            empty in a study of a matrix.
    """

    study: str
    sizes: Sizes
    rules: tuple[RulePlan, ...]
    change: Mapping[str, Mapping[str, float]]

    def rule(self, name: str) -> RulePlan | None:
        """The costs of one rule, None where the study does not have it."""
        return next((each for each in self.rules if each.rule == name), None)

    @property
    def stages(self) -> list[str]:
        """Stages with jobs, in order."""
        return list(dict.fromkeys(each.stage for each in self.rules))

    def total(self, field: str, stage: str | None = None) -> float:
        """Sum of a field over the rules of a stage, or over all."""
        return sum(getattr(each, field) for each in self.rules if stage in (None, each.stage))

    @property
    def days(self) -> float:
        """Days of the GPUs' work, with all declared GPUs busy."""
        return self.total("gpu_hours") / self.sizes.config["hardware"]["gpus"] / 24


def make_plan(sizes: Sizes) -> Plan:
    """The plan of a study.

    Args:
        sizes: from :func:`~workflow_scripts.preflight.costs.sizes.sizes_of`.
    """
    rules = tuple(_rule_plan(sizes, name) for name in DEMANDS if jobs_of(sizes, name))
    changeable = [] if sizes.matrix else sizes.config["benchmarks"]
    change = {name: _change(sizes, name) for name in changeable}
    return Plan(sizes.config["study"], sizes, rules, change)


def _rule_plan(sizes: Sizes, name: str) -> RulePlan:
    demand, jobs = DEMANDS[name], jobs_of(sizes, name)

    def summed(amount: Any) -> float:
        return sum(count * amount(sizes, benchmark) for benchmark, count in jobs.items())

    def largest(amount: Any) -> float:
        return max(amount(sizes, name, benchmark) for benchmark in jobs)

    gpu_hours, cpu_hours = _hours(sizes, name, jobs)
    return RulePlan(
        rule=name,
        stage=demand.stage,
        jobs=sum(jobs.values()),
        rows=math.ceil(summed(demand.rows)),
        tokens=math.ceil(summed(demand.tokens)),
        disk_gb=summed(demand.disk) / GB,
        memory_mb=int(largest(memory_mb)),
        device_gb=largest(device_bytes) / GB,
        minutes=int(largest(minutes)),
        gpu_hours=gpu_hours,
        cpu_hours=cpu_hours,
    )


def _hours(sizes: Sizes, name: str, jobs: Mapping[str, int]) -> tuple[float, float]:
    hours = sum(count * work_seconds(sizes, name, each) for each, count in jobs.items()) / 3600
    return (hours * gpus(sizes, name), 0.0) if uses_gpu(sizes, name) else (0.0, hours)


def _change(sizes: Sizes, benchmark: str) -> dict[str, float]:
    """Cost of the jobs that run again when the definition or the data of one benchmark change."""
    again: dict[str, dict[str, int]] = {}
    for name in OWN + EVALUATED:
        again[name] = {benchmark: jobs_of(sizes, name)[benchmark]}
    if benchmark in sizes.forgotten:
        # Its map chooses other documents, so its runs and their evaluations on all benchmarks.
        own = ("unlearn_topic", "unlearn_halves", "evaluate_halves")
        again |= {name: {benchmark: jobs_of(sizes, name)[benchmark]} for name in own}
        others = {name: sizes.topics for name in sizes.config["benchmarks"] if name != benchmark}
        again["evaluate_unlearned"] |= others
    for name in GATHERING:
        again[name] = dict(jobs_of(sizes, name))
    hours = [_hours(sizes, name, jobs) for name, jobs in again.items()]
    return {
        "jobs": sum(sum(jobs.values()) for jobs in again.values()),
        "gpu_hours": sum(gpu for gpu, _ in hours),
        "cpu_hours": sum(cpu for _, cpu in hours),
    }


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON: totals, assumptions, one entry a rule, the cost of a changed benchmark."""
    sizes, shape = plan.sizes, plan.sizes.shape
    fields = ("jobs", "disk_gb", "gpu_hours", "cpu_hours")
    return {
        "study": plan.study,
        "total": {name: plan.total(name) for name in fields} | {"gpu_days": plan.days},
        "sizes": {
            "bins": sizes.bins,
            "documents": sizes.documents,
            "mean_tokens": sizes.mean_tokens,
            "tokens": sizes.tokens,
            "row_entries": sizes.width,
            "questions": {name: sizes.questions(name) for name in sizes.config["benchmarks"]},
            "model": asdict(shape),
        },
        "assumed": {
            "flops": rate(sizes.config),
            "flops_from": rate_source(sizes.config),
            "flop_per_token": FORWARD_BACKWARD * shape.active,
            "document_pass_ratio": pass_ratio(sizes),
        },
        "rules": [asdict(each) for each in plan.rules],
        "changed_benchmark": {name: dict(cost) for name, cost in plan.change.items()},
    }


def rate_source(config: Mapping[str, Any]) -> str:
    """Origin of the rate: ``stated``, ``measured`` or ``assumed``."""
    if config["hardware"]["tflops"]:
        return "stated"
    return "measured" if measured_rate(config) else "assumed"
