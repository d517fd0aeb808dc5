"""Resources of the rules of unlearning."""

from collections import Counter

from workflow_scripts.preflight.costs.model_work import (
    question_seconds,
    unlearning_device_bytes,
    unlearning_seconds,
)
from workflow_scripts.preflight.costs.rule_cost import (
    ANSWERS,
    DOCUMENT,
    ENTRIES,
    HARNESS,
    HARNESS_START,
    READ,
    STATISTICS,
    TORCH,
    TORCH_START,
    Demand,
    all_adapters,
    answer_tokens,
    asked_device,
    by_benchmark,
    evaluation_rows,
    evaluations,
    half_evaluations,
    of_targets,
    several,
    when,
)
from workflow_scripts.preflight.costs.sizes import Sizes

# Arms of a cross-fitted run: targeted and random of each half.
HALF_ARMS = 4


def of_once(s: Sizes) -> Counter:
    """One job for each benchmark that chooses what is forgotten."""
    return Counter(s.forgotten)


def of_halves(s: Sizes) -> Counter:
    """Cross-fitted runs of each benchmark that has them."""
    return Counter(dict.fromkeys(s.cross_fitted, s.cross_topics * s.cross_seeds))


def run_memory(s: Sizes, arms: int) -> float:
    """Bytes of a job that trains so many arms."""
    documents = 2 * DOCUMENT * s.documents + 16 * s.tokens / s.shards
    return HARNESS + documents + (1 + arms * s.doses) * s.adapter_bytes


def words_bytes(s: Sizes) -> float:
    """Bytes of the texts that the arm of similar words reads, with their words."""
    return 3 * s.text_bytes if "similar" in s.config["unlearning"]["arms"] else 0


UNLEARNING = {
    "unlearn_topic": Demand(
        "unlearning",
        of_targets,
        memory=lambda s, b: run_memory(s, s.arms) + words_bytes(s),
        seconds=lambda s, b: unlearning_seconds(s, s.arms) + words_bytes(s) / READ,
        expected=lambda s, b: unlearning_seconds(s, s.arms, s.steps) + words_bytes(s) / READ,
        disk=lambda s, b: s.arms * s.doses * s.adapter_bytes,
        device=lambda s, b: unlearning_device_bytes(s),
        rows=lambda s, b: s.arms * s.config["unlearning"]["documents"],
        start=HARNESS_START,
    ),
    "evaluate_unlearned": Demand(
        "unlearning",
        by_benchmark(lambda s: len(s.forgotten) * s.topics),
        memory=lambda s, b: (
            HARNESS
            + all_adapters(s, s.arms)
            + (1e5 + 100 * evaluations(s, s.arms)) * s.questions(b)
        ),
        seconds=lambda s, b: question_seconds(s, evaluations(s, s.arms) * s.questions(b), ANSWERS),
        disk=lambda s, b: 20 * evaluations(s, s.arms) * s.questions(b),
        device=asked_device,
        rows=lambda s, b: evaluations(s, s.arms) * s.questions(b),
        tokens=lambda s, b: answer_tokens(s, evaluations(s, s.arms) * s.questions(b)),
        start=HARNESS_START,
    ),
    "unlearn_control": Demand(
        "unlearning",
        several(lambda s: s.control * s.seeds),
        memory=lambda s, b: run_memory(s, 1),
        seconds=lambda s, b: unlearning_seconds(s, 1),
        expected=lambda s, b: unlearning_seconds(s, 1, s.steps),
        disk=lambda s, b: s.doses * s.adapter_bytes,
        device=lambda s, b: unlearning_device_bytes(s),
        rows=lambda s, b: s.config["unlearning"]["documents"],
        start=HARNESS_START,
    ),
    "evaluate_control": Demand(
        "unlearning",
        by_benchmark(lambda s: int(s.control)),
        memory=lambda s, b: HARNESS + all_adapters(s, 1) + 1e5 * s.questions(b),
        seconds=lambda s, b: question_seconds(s, evaluations(s, 1) * s.questions(b), ANSWERS),
        disk=lambda s, b: 20 * evaluations(s, 1) * s.questions(b),
        device=asked_device,
        rows=lambda s, b: evaluations(s, 1) * s.questions(b),
        tokens=lambda s, b: answer_tokens(s, evaluations(s, 1) * s.questions(b)),
        start=HARNESS_START,
    ),
    "unlearn_halves": Demand(
        "unlearning",
        of_halves,
        memory=lambda s, b: run_memory(s, HALF_ARMS),
        seconds=lambda s, b: unlearning_seconds(s, HALF_ARMS),
        expected=lambda s, b: unlearning_seconds(s, HALF_ARMS, s.steps),
        disk=lambda s, b: HALF_ARMS * s.doses * s.adapter_bytes,
        device=lambda s, b: unlearning_device_bytes(s),
        rows=lambda s, b: HALF_ARMS * s.config["unlearning"]["documents"],
        start=HARNESS_START,
    ),
    "evaluate_halves": Demand(
        "unlearning",
        lambda s: Counter(dict.fromkeys(s.cross_fitted, s.cross_topics)),
        memory=lambda s, b: (
            HARNESS
            + s.cross_seeds * HALF_ARMS * s.doses * s.adapter_bytes
            + (1e5 + 100 * half_evaluations(s)) * s.questions(b)
        ),
        seconds=lambda s, b: question_seconds(s, half_evaluations(s) * s.questions(b), ANSWERS),
        disk=lambda s, b: 20 * half_evaluations(s) * s.questions(b),
        device=asked_device,
        rows=lambda s, b: half_evaluations(s) * s.questions(b),
        tokens=lambda s, b: answer_tokens(s, half_evaluations(s) * s.questions(b)),
        start=HARNESS_START,
    ),
    "estimate_effects": Demand(
        "unlearning",
        when(lambda s: s.forgotten),
        memory=lambda s, b: STATISTICS + 150 * evaluation_rows(s),
        seconds=lambda s, b: 1 + 1e-6 * evaluation_rows(s),
    ),
    "dose_response": Demand(
        "unlearning",
        when(lambda s: s.forgotten),
        # Query rows of one benchmark, and the mean row of every forget set.
        memory=lambda s, b: (
            TORCH
            + 4 * s.width * max(map(s.questions, s.config["benchmarks"]))
            + 8 * s.width * (len(s.forgotten) * s.topics * s.arms + s.control) * s.seeds
            + 150 * evaluation_rows(s) / len(s.config["benchmarks"])
        ),
        seconds=lambda s, b: 1 + 3e-6 * evaluation_rows(s) + s.width * evaluation_rows(s) / ENTRIES,
        start=TORCH_START,
    ),
}
