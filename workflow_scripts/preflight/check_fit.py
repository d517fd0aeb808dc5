"""Check the plan against the machine that the config declares; names the key to change."""

from collections.abc import Iterator

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.preflight.advice import less_memory, less_time, size
from workflow_scripts.preflight.costs.model_work import (
    activation_bytes,
    gate_device_bytes,
)
from workflow_scripts.preflight.costs.resources import device_bytes, gpus
from workflow_scripts.preflight.plan import GB, Plan, RulePlan
from workflow_scripts.validation.scorers import that_need

DOCUMENT_PASSES = ("fit_preconditioner", "attribute_documents", "attribute_queries")


class PlanError(AtlasError):
    """The plan does not fit the machine that the config declares."""


def check_fit(plan: Plan) -> None:
    """Refuse a plan that cannot run as declared.

    Raises:
        PlanError: one line: what is too large, by how much, and the config key to change. Only
            the first obstacle is named; disk first, then GPU memory, memory and time.
    """
    message = next(obstacles(plan), None)
    if message:
        raise PlanError(message)


def obstacles(plan: Plan) -> Iterator[str]:
    """Parts of the plan that do not fit, one line each."""
    declared = plan.sizes.config["hardware"]
    disk = plan.total("disk_gb")
    if 0 < declared["scratch_gb"] < disk:
        yield (
            f"the results need about {size(disk)}, config key 'hardware.scratch_gb' declares "
            f"{size(declared['scratch_gb'])}; {_less_disk(plan)}"
        )
    for each in plan.rules:
        if 0 < declared["gpu_memory_gb"] * gpus(plan.sizes, each.rule) < each.device_gb:
            yield (
                f"rule {each.rule} needs about {size(each.device_gb)} on the GPU, config key "
                f"'hardware.gpu_memory_gb' declares {size(declared['gpu_memory_gb'])}; "
                f"{_less_device(plan, each)}"
            )
        if 0 < 1000 * declared["memory_gb"] < each.memory_mb:
            yield (
                f"rule {each.rule} needs about {size(each.memory_mb / 1000)} of memory, config "
                f"key 'hardware.memory_gb' declares {size(declared['memory_gb'])}; "
                f"{less_memory(plan.sizes, each.rule)}"
            )
        if 0 < declared["job_hours"] < each.minutes / 60:
            yield (
                f"a job of rule {each.rule} asks for {each.minutes / 60:,.1f} hours, config key "
                f"'hardware.job_hours' declares {declared['job_hours']:,g}; "
                f"{less_time(plan.sizes, each.rule)}"
            )


def _less_disk(plan: Plan) -> str:
    """Key that makes the results smaller: that of their largest part."""
    sizes, config = plan.sizes, plan.sizes.config
    rows = sizes.keep_rows * sizes.documents * sizes.row_bytes / GB
    runs = plan.rule("unlearn_topic")
    largest = max(plan.rules, key=lambda each: each.disk_gb).rule
    if largest == "attribute_documents" and sizes.keep_rows:
        narrower = config["attribution"]["row_dtype"] == "float32"
        half = "set 'attribution.row_dtype' to float16, " if narrower else ""
        drop = "'attribution.rows' to discard" + (
            " (with an empty 'unlearning.benchmarks')" if sizes.forgotten else ""
        )
        return (
            f"document rows take {size(rows)} of it: {half}set {drop}, or lower "
            "'attribution.projection_dim' or 'corpus.documents_per_bin'"
        )
    if largest == "unlearn_topic" and runs:
        return (
            f"adapters take {size(runs.disk_gb)} of it: lower 'unlearning.rank', or name fewer "
            "'unlearning.doses', 'unlearning.topics' or 'seeds.unlearning'"
        )
    return f"rule {largest} takes the most: lower 'corpus.documents_per_bin'"


def _less_device(plan: Plan, each: RulePlan) -> str:
    """Key that makes a rule's job smaller on the GPU."""
    sizes, config = plan.sizes, plan.sizes.config
    allowed = config["hardware"]["gpu_memory_gb"] * GB
    if sizes.weight_bytes >= allowed:
        if config["model"]["precision"] == "float32":
            return "set 'model.precision' to bfloat16, or use a GPU with more memory"
        return "the weights alone do not fit: spread the model over several GPUs"
    if each.rule in ("unlearn_topic", "unlearn_control"):
        if config["unlearning"]["parameters"] == "full":
            return "set 'unlearning.parameters' to lora"
        if config["unlearning"]["batch_documents"] > 1:
            return "lower 'unlearning.batch_documents' or 'corpus.max_tokens'"
        return "lower 'corpus.max_tokens'"
    if each.rule == "score_texts":
        names = " and ".join(that_need("encoder"))
        return f"take {names} out of 'validation.scorers', or name a smaller encoder"
    if each.rule in ("attribute_untrained", "score_gradient_baselines"):
        return "set 'validation.untrained' to false, or lower 'attribution.tokens_per_batch'"
    if each.rule == "attribute_documents" and gate_device_bytes(sizes) > allowed:
        return _shorter_documents(plan, allowed)
    if each.rule in DOCUMENT_PASSES:
        return _smaller_batches(plan, each, allowed)
    return "use a GPU with more memory, or set 'model.precision' to bfloat16"


def _shorter_documents(plan: Plan, allowed: float) -> str:
    """The numerics gate takes whole documents in float32, beside the model of the pass."""
    sizes = plan.sizes
    longest = sizes.config["corpus"]["max_tokens"]
    fixed = gate_device_bytes(sizes) - activation_bytes(sizes, longest, "float32")
    fitting = (allowed - fixed) / activation_bytes(sizes, 1, "float32")
    if fitting < 16:
        return "the check in float32 does not fit at all: spread the model over several GPUs"
    return f"its check in float32 is the largest part: lower 'corpus.max_tokens' to {int(fitting)}"


def _smaller_batches(plan: Plan, each: RulePlan, allowed: float) -> str:
    sizes = plan.sizes
    tokens = sizes.config["attribution"]["tokens_per_batch"]
    benchmark = next(iter(sizes.config["benchmarks"]))
    fixed = device_bytes(sizes, each.rule, benchmark) - activation_bytes(sizes, tokens)
    fitting = int((allowed - fixed) / activation_bytes(sizes, 1))
    longest = sizes.config["corpus"]["max_tokens"]
    if fitting >= max(longest, 64):
        return f"lower 'attribution.tokens_per_batch' to {fitting}"
    return (
        f"lower 'attribution.tokens_per_batch' to {max(fitting, 64)}, and 'corpus.max_tokens' to "
        "no more than that"
        if fitting >= 64
        else "spread the model over several GPUs"
    )
