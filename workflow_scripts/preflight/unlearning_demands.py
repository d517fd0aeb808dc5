"""What the rules of unlearning ask for."""

from workflow_scripts.preflight.demand import (
    ANSWERS,
    DOCUMENT,
    ENTRIES,
    HARNESS,
    HARNESS_START,
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
    of_targets,
    several,
    when,
)
from workflow_scripts.preflight.model_work import (
    FORWARD,
    question_seconds,
    unlearning_device_bytes,
    unlearning_seconds,
)
from workflow_scripts.preflight.sizes import ARMS

UNLEARNING = {
    "unlearn_topic": Demand(
        "unlearning",
        of_targets,
        memory=lambda s, b: (
            HARNESS
            + 2 * DOCUMENT * s.documents
            + 16 * s.tokens / s.shards
            + (1 + ARMS * s.doses) * s.adapter_bytes
        ),
        seconds=lambda s, b: unlearning_seconds(s, ARMS),
        expected=lambda s, b: unlearning_seconds(s, ARMS, s.steps),
        disk=lambda s, b: ARMS * s.doses * s.adapter_bytes,
        device=lambda s, b: unlearning_device_bytes(s),
        rows=lambda s, b: ARMS * s.config["unlearning"]["documents"],
        start=HARNESS_START,
    ),
    "evaluate_unlearned": Demand(
        "unlearning",
        by_benchmark(lambda s: len(s.forgotten) * s.topics),
        memory=lambda s, b: (
            HARNESS + all_adapters(s, ARMS) + (1e5 + 100 * evaluations(s, ARMS)) * s.questions(b)
        ),
        seconds=lambda s, b: question_seconds(
            s, evaluations(s, ARMS) * s.questions(b), ANSWERS, FORWARD
        ),
        disk=lambda s, b: 20 * evaluations(s, ARMS) * s.questions(b),
        device=asked_device,
        rows=lambda s, b: evaluations(s, ARMS) * s.questions(b),
        tokens=lambda s, b: answer_tokens(s, evaluations(s, ARMS) * s.questions(b)),
        start=HARNESS_START,
    ),
    "unlearn_control": Demand(
        "unlearning",
        several(lambda s: s.control * s.seeds),
        memory=lambda s, b: (
            HARNESS
            + 2 * DOCUMENT * s.documents
            + 16 * s.tokens / s.shards
            + (1 + s.doses) * s.adapter_bytes
        ),
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
        seconds=lambda s, b: question_seconds(
            s, evaluations(s, 1) * s.questions(b), ANSWERS, FORWARD
        ),
        disk=lambda s, b: 20 * evaluations(s, 1) * s.questions(b),
        device=asked_device,
        rows=lambda s, b: evaluations(s, 1) * s.questions(b),
        tokens=lambda s, b: answer_tokens(s, evaluations(s, 1) * s.questions(b)),
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
            + 8 * s.width * (len(s.forgotten) * s.topics * ARMS + s.control) * s.seeds
            + 150 * evaluation_rows(s) / len(s.config["benchmarks"])
        ),
        seconds=lambda s, b: 1 + 3e-6 * evaluation_rows(s) + s.width * evaluation_rows(s) / ENTRIES,
        start=TORCH_START,
    ),
}
