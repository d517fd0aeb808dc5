"""Resources of one rule: number of jobs, memory, time, disk and GPU.

One entry a rule. Memory and disk are bytes of one job, seconds those of its own work; all are
estimates from above, checked against a measured run (tests/preflight). ``Sizes`` is what drives
them, and the benchmark where the rule has one (else "").
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from workflow_scripts.preflight.costs.model_work import (
    activation_bytes,
)
from workflow_scripts.preflight.costs.sizes import Sizes

MB, GB = 1e6, 1e9
# Resident bytes of a process that has only imported what its rule needs (measured).
TABLES, STATISTICS, FIGURES = 200 * MB, 300 * MB, 900 * MB
TORCH, HARNESS, ENGINE = 600 * MB, 850 * MB, 1150 * MB
# Seconds of the same imports (measured).
TORCH_START, HARNESS_START, ENGINE_START = 8, 5, 12
CUDA = 2.5 * GB  # more of it where the process talks to a GPU
# Bytes a document in tables of the working set, and a token as Python holds it on its way.
DOCUMENT, TOKEN = 400, 64
# Throughput of one thread (measured on an x86 core): bytes of text read, tokenised, searched for
# near duplicates, weighed by words and searched for questions; entries of rows taken up; float64
# FLOP of a product.
READ, TOKENIZE, DUPLICATES, WORDS, SEARCH = 20e6, 1.5e6, 1.4e6, 1e6, 4e6
ENTRIES, PRODUCT = 2e8, 2e10
ANSWERS = 4
ANSWERS_PER_BATCH = 16

Amount = Callable[[Sizes, str], float]


@dataclass(frozen=True)
class Demand:
    """Resources of one rule.

    Attributes:
        stage: its stage.
        jobs: number of its jobs for each benchmark ("" where it has no benchmark).
        memory: bytes of one job where the processor is, without the model on a CPU.
        seconds: of one job's work, at most.
        expected: of one job's work, where that is less.
        start: seconds until the job works: a process, and what its rule imports (measured).
        disk: bytes that one job leaves.
        device: bytes where the model is, for a rule that runs it on ``model.device``; 0 or None
            for one that does not.
        loads: bytes of the largest model that passes through the processor's memory on its way
            to a GPU.
        rows: documents (or questions) that one job works on, for the plan.
        tokens: tokens that one job runs through the model, for the plan.
    """

    stage: str
    jobs: Callable[[Sizes], Counter]
    memory: Amount
    seconds: Amount
    expected: Amount | None = None
    start: float = 1.5
    disk: Amount = lambda s, b: 1 * MB
    device: Amount | None = None
    loads: Amount = lambda s, b: s.weight_bytes
    rows: Amount = lambda s, b: 0
    tokens: Amount = lambda s, b: 0


def once(s: Sizes) -> Counter:
    """One job."""
    return Counter([""])


def when(condition: Callable[[Sizes], object]) -> Callable[[Sizes], Counter]:
    """One job if the study has it."""
    return lambda s: Counter([""] if condition(s) else [])


def by_benchmark(times: Callable[[Sizes], int]) -> Callable[[Sizes], Counter]:
    """So many jobs for each benchmark."""
    return lambda s: Counter({name: times(s) for name in s.config["benchmarks"] if times(s)})


def several(count: Callable[[Sizes], int]) -> Callable[[Sizes], Counter]:
    """So many jobs."""
    return lambda s: Counter({"": count(s)} if count(s) else {})


def of_targets(s: Sizes) -> Counter:
    """Unlearning runs of each benchmark that chooses what is forgotten."""
    return Counter(dict.fromkeys(s.forgotten, s.topics * s.seeds))


def read_bytes(s: Sizes) -> float:
    """Bytes of text of one part of the source."""
    return s.source_documents * s.text_bytes / s.documents / s.parts


def sketch_bytes(s: Sizes) -> float:
    """Bytes of one variant of all sketches: the parts and their sum are held at the same time."""
    return 2 * 4 * s.groups * s.width


def product_bytes(s: Sizes, questions: float) -> float:
    """Bytes of query rows, the chunks of a product in float64 and the group means."""
    return 4 * questions * s.width + 8 * 768 * s.width + 4 * 8 * s.groups * questions


def answer_tokens(s: Sizes, questions: float) -> float:
    """Tokens of questions with every answer."""
    return ANSWERS * questions * s.question_tokens


def asked_device(s: Sizes, b: str) -> float:
    """Bytes of the model and a batch of questions, without gradients: one layer and the logits."""
    tokens = ANSWERS_PER_BATCH * s.question_tokens
    return s.weight_bytes + activation_bytes(s, tokens, layers=1)


def has_train(s: Sizes) -> bool:
    """True if the model is trained here."""
    return s.config["model"]["source"] == "train"


def asks(name: str) -> Callable[[Sizes], bool]:
    """Predicate of a study's sizes: it asks for this validation."""
    return lambda s: s.config["validation"][name]


def all_adapters(s: Sizes, arms: int) -> float:
    """Bytes of the adapters of all seeds, arms and doses of a topic."""
    return s.seeds * arms * s.doses * s.adapter_bytes


def evaluations(s: Sizes, arms: int) -> int:
    """Times that a benchmark is asked in one evaluation: every adapter, and the base model."""
    return 1 + s.seeds * arms * s.doses


def half_evaluations(s: Sizes) -> int:
    """The same in an evaluation of cross-fitted runs: two arms for each half."""
    return 1 + s.cross_seeds * 4 * s.doses


def evaluation_rows(s: Sizes) -> float:
    """Rows of all evaluation tables."""
    each = len(s.forgotten) * s.topics * evaluations(s, s.arms) + s.control * evaluations(s, 1)
    halves = s.cross_topics * half_evaluations(s) * sum(map(s.questions, s.cross_fitted))
    return each * s.all_questions + halves
