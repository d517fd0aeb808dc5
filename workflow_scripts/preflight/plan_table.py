"""The plan as a person reads it."""

from collections.abc import Iterator

from workflow_scripts.preflight.advice import size
from workflow_scripts.preflight.costs.model_work import FORWARD_BACKWARD, pass_ratio, rate
from workflow_scripts.preflight.plan import Plan, RulePlan, rate_source

HEADINGS = ("", "jobs", "rows", "tokens", "disk GB", "memory GB", "GPU GB", "hours", "total h")
WIDTHS = (26, 6, 8, 8, 9, 10, 7, 7, 9)


def render(plan: Plan) -> str:
    """The whole plan as text."""
    return "\n".join([*_head(plan), "", *_table(plan), "", *_foot(plan)]) + "\n"


def short(number: float) -> str:
    """A count in at most five characters: 950, 11k, 5.8M, 10.7B; nothing for zero."""
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if number >= unit:
            scaled = number / (1e3 if letter == "k" else unit)
            return f"{scaled:.{0 if scaled >= 100 or letter == 'k' else 1}f}{letter}"
    return f"{number:.0f}" if number else ""


def amount(number: float) -> str:
    """A size or a time with about two digits; nothing for less than 0.05."""
    if number < 0.05:
        return ""
    return f"{number:,.1f}" if number < 10 else f"{number:,.0f}"


def spent(hours: float) -> str:
    """Hours of work, or minutes where they are few."""
    return f"{60 * hours:,.0f} minutes" if hours < 2 else f"{hours:,.0f} hours"


def _head(plan: Plan) -> Iterator[str]:
    sizes = plan.sizes
    mean = sizes.mean_tokens
    yield f"Plan of study {plan.study}"
    if sizes.matrix:
        yield (
            f"maps of {len(sizes.config['benchmarks'])} benchmarks from "
            f"{sizes.config['influence']['matrix']}; no corpus, no model"
        )
        return
    yield (
        f"{sizes.documents:,} documents in {sizes.bins} bins ({sizes.origin}), "
        f"{short(sizes.tokens)} tokens ({mean:,} a document)"
    )
    yield f"{sizes.all_questions:,} questions in {len(plan.change)} benchmarks"
    times = f"{sizes.projections} x " if sizes.projections > 1 else ""
    yield (
        f"model: {sizes.shape.parameters:,} parameters, {sizes.shape.layers} layers; a row is "
        f"{times}{sizes.shape.modules} x {sizes.block} = {sizes.width:,} numbers"
    )


def _line(cells: tuple[str, ...]) -> str:
    first, *rest = (f"{cell:{'<' if not i else '>'}{WIDTHS[i]}}" for i, cell in enumerate(cells))
    return "".join([first, *rest]).rstrip()


def _table(plan: Plan) -> Iterator[str]:
    yield _line(HEADINGS)
    for stage in plan.stages:
        hours = plan.total("gpu_hours", stage) + plan.total("cpu_hours", stage)
        jobs, disk = plan.total("jobs", stage), plan.total("disk_gb", stage)
        yield _line((stage, f"{jobs:,}", "", "", amount(disk), "", "", "", amount(hours)))
        yield from (_rule(plan, each) for each in plan.rules if each.stage == stage)
    hours = plan.total("gpu_hours") + plan.total("cpu_hours")
    jobs = f"{plan.total('jobs'):,}"
    yield _line(("all", jobs, "", "", amount(plan.total("disk_gb")), "", "", "", amount(hours)))


def _rule(plan: Plan, each: RulePlan) -> str:
    gpu = each.device_gb if plan.sizes.on_gpu else 0
    return _line(
        (
            f"  {each.rule}",
            f"{each.jobs:,}",
            short(each.rows),
            short(each.tokens),
            amount(each.disk_gb),
            f"{each.memory_mb / 1000:,.1f}",
            amount(gpu),
            amount(each.minutes / 60),
            amount(each.gpu_hours + each.cpu_hours),
        )
    )


def _foot(plan: Plan) -> Iterator[str]:
    sizes, config = plan.sizes, plan.sizes.config
    device = config["model"]["device"]
    yield (
        "memory, GPU and hours: asked for one job at its first attempt; total h: expected work of "
        "all jobs"
    )
    if sizes.matrix:
        return
    yield (
        f"rate: {rate(config) / 1e12:,g} TFLOP/s on one {device} device ({rate_source(config)}), "
        f"{FORWARD_BACKWARD} x {sizes.shape.active:,} FLOP a token, document pass "
        f"{pass_ratio(sizes):.2f} times that"
    )
    gpu, cpu = plan.total("gpu_hours"), plan.total("cpu_hours")
    if sizes.on_gpu:
        gpus = config["hardware"]["gpus"]
        yield (
            f"in all {gpu:,.0f} GPU-hours, {plan.days:,.1f} days on {gpus} GPU(s), and {cpu:,.0f} "
            f"hours of other jobs; {size(plan.total('disk_gb'))} on disk"
        )
    else:
        yield f"in all {spent(cpu)} of work on one core, {size(plan.total('disk_gb'))} on disk"
    yield "a changed benchmark costs (the document pass is not repeated):"
    for name, cost in plan.change.items():
        gpu = f"{cost['gpu_hours']:,.1f} GPU-hours and " if sizes.on_gpu else ""
        yield f"  {name}: {cost['jobs']:,} jobs, {gpu}{spent(cost['cpu_hours'])} of other work"
