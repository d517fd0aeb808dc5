"""Resources of the rules of attribution, influence, validation and report."""

from collections import Counter
from collections.abc import Callable

from workflow_scripts.preflight.costs.corpus import training_device
from workflow_scripts.preflight.costs.model_work import (
    TRAINING,
    embedding_device_bytes,
    forward_seconds,
    gate_device_bytes,
    pass_device_bytes,
    pass_seconds,
    question_row_seconds,
    question_seconds,
    rate,
    roots_bytes,
)
from workflow_scripts.preflight.costs.rule_cost import (
    ANSWERS,
    DOCUMENT,
    ENGINE,
    ENGINE_START,
    ENTRIES,
    FIGURES,
    HARNESS,
    HARNESS_START,
    MB,
    PRODUCT,
    READ,
    SEARCH,
    STATISTICS,
    TABLES,
    TOKEN,
    TORCH,
    TORCH_START,
    WORDS,
    Demand,
    answer_tokens,
    asks,
    by_benchmark,
    once,
    product_bytes,
    several,
    sketch_bytes,
    when,
)
from workflow_scripts.preflight.costs.sizes import Sizes
from workflow_scripts.validation.scorers import needs_of

ATTRIBUTION = {
    "fit_preconditioner": Demand(
        "attribution",
        once,
        memory=lambda s, b: (
            ENGINE
            + TOKEN * (s.fitted_documents * s.mean_tokens + s.tokens / s.shards / 4)
            + DOCUMENT / 2 * s.documents
        ),
        seconds=lambda s, b: pass_seconds(s, s.fitted_documents * s.mean_tokens),
        disk=lambda s, b: roots_bytes(s),
        device=lambda s, b: pass_device_bytes(s) + 8 * roots_bytes(s),
        rows=lambda s, b: s.fitted_documents,
        tokens=lambda s, b: s.fitted_documents * s.mean_tokens,
        start=ENGINE_START,
    ),
    "attribute_documents": Demand(
        "attribution",
        several(lambda s: s.shards),
        memory=lambda s, b: ENGINE + TOKEN * s.tokens / s.shards + 12 * s.shard_groups * s.width,
        seconds=lambda s, b: pass_seconds(s, s.tokens / s.shards),
        disk=lambda s, b: (
            12 * s.shard_groups * s.width
            + s.documents / s.shards * (100 + s.keep_rows * s.row_bytes)
        ),
        device=lambda s, b: max(pass_device_bytes(s), gate_device_bytes(s)),
        # The numerics gate reads the weights again, in float32.
        loads=lambda s, b: 4 * s.shape.parameters,
        rows=lambda s, b: s.documents / s.shards,
        tokens=lambda s, b: s.tokens / s.shards,
        start=ENGINE_START,
    ),
    "attribute_queries": Demand(
        "attribution",
        by_benchmark(lambda s: 1),
        memory=lambda s, b: ENGINE + (16 + 8 * s.query_model) * s.questions(b) * s.width,
        seconds=lambda s, b: question_row_seconds(s, (1 + s.query_model) * s.questions(b)),
        disk=lambda s, b: 8 * s.questions(b) * s.width,
        device=lambda s, b: pass_device_bytes(s),
        rows=lambda s, b: s.questions(b),
        tokens=lambda s, b: answer_tokens(s, s.questions(b)) / ANSWERS,
        start=ENGINE_START,
    ),
    "score_documents": Demand(
        "attribution",
        by_benchmark(lambda s: int(s.keep_rows)),
        memory=lambda s, b: (
            TORCH
            + 12 * min(4096, s.documents) * s.width
            + 4 * s.questions(b) * s.width
            + DOCUMENT * s.documents
        ),
        seconds=lambda s, b: s.documents * s.width / ENTRIES,
        disk=lambda s, b: 60 * s.documents,
        rows=lambda s, b: s.documents,
        start=2,
    ),
}

INFLUENCE = {
    "import_matrix": Demand(
        "influence",
        when(lambda s: s.matrix),
        memory=lambda s, b: STATISTICS,
        seconds=lambda s, b: 2,
    ),
    "estimate_bins": Demand(
        "influence",
        by_benchmark(lambda s: 1),
        # The means of all groups once more: those on the questions of a task or an answer.
        memory=lambda s, b: (
            TORCH
            + sketch_bytes(s)
            + product_bytes(s, s.questions(b))
            + 8 * s.groups * s.questions(b) * (3 if s.projections > 1 else 1)
        ),
        seconds=lambda s, b: (
            (2 + 2 * (s.projections > 1)) * s.groups * s.questions(b) * s.width / PRODUCT + 2
        ),
        disk=lambda s, b: 8 * s.bins * s.questions(b),
        rows=lambda s, b: s.questions(b),
    ),
    "gather_bins": Demand("influence", once, memory=lambda s, b: TABLES, seconds=lambda s, b: 0.5),
    "budget_errors": Demand(
        "influence",
        once,
        memory=lambda s, b: TABLES + 2 * 8 * s.bins * s.most_questions,
        seconds=lambda s, b: 1,
    ),
    "compare_maps": Demand(
        "influence",
        once,
        memory=lambda s, b: STATISTICS + 3 * 8 * s.bins * s.all_questions,
        seconds=lambda s, b: (
            (s.config["influence"]["permutations"] + s.config["influence"]["bootstraps"])
            * s.bins
            * s.all_questions
            * 4
            / PRODUCT
            + 1
        ),
    ),
}

# Bytes of text that one thread counts a second in all word lists, and a document's line of scores.
COUNTED, SCORE_LINE = 5e6, 150
# Documents of one row group of text, which are decoded together; sums of a bin, redrawn.
TEXT_ROWS, SUMS = 16_384, 10
PIECE_ROWS = 2**19

INFLUENCE["profile_texts"] = Demand(
    "influence",
    once,
    memory=lambda s, b: (
        STATISTICS
        + 2 * min(s.documents, TEXT_ROWS) * s.text_bytes / s.documents
        + DOCUMENT * s.documents / s.parts
        + 3 * SCORE_LINE * min(s.documents, PIECE_ROWS)
        + 4 * 8 * SUMS * s.bins * s.config["influence"]["bootstraps"]
    ),
    seconds=lambda s, b: s.text_bytes / COUNTED + 5e-6 * s.documents * len(s.definitions),
    rows=lambda s, b: s.documents,
)


def untrained_models(s: Sizes) -> int:
    """Number of untrained models that the study asks."""
    return s.config["validation"]["untrained"] * s.config["validation"]["untrained_models"]


def untrained_device(s: Sizes, b: str) -> float:
    """Bytes of the untrained control's document pass, which is float32."""
    return pass_device_bytes(s, "float32") + 8 * roots_bytes(s)


def shuffles(s: Sizes) -> bool:
    """True if documents are assigned to bins at random, which takes their rows."""
    return bool(asks("shuffled")(s) and s.keep_rows)


def scorers(s: Sizes) -> list[str]:
    """The baselines that need no gradient."""
    return s.config["validation"]["scorers"]


def embeds(s: Sizes) -> bool:
    """True if a scorer embeds documents and questions."""
    return "encoder" in needs_of(scorers(s))


def counts_words(s: Sizes) -> bool:
    """True if a scorer counts the words of the working set's text."""
    return "words" in needs_of(scorers(s))


def searches(s: Sizes) -> bool:
    """True if the documents are searched for the questions."""
    return bool(s.config["validation"]["leakage_ngram"])


def holds_texts(s: Sizes) -> bool:
    """True if a scorer holds the working set's text in memory."""
    return "texts" in needs_of(scorers(s))


def text_memory(s: Sizes, b: str) -> float:
    """Bytes of the scorers of texts, without a model."""
    words = 8 * s.text_bytes * counts_words(s)
    vectors = embeds(s) * s.documents * (12 * s.shape.hidden)
    found = searches(s) * (50 * MB + 2 * s.bins * s.all_questions)
    return (
        (HARNESS if embeds(s) else STATISTICS)
        + (holds_texts(s) * s.text_bytes + words + vectors + found)
        + DOCUMENT * s.documents
        + 3 * 8 * s.groups * s.all_questions * holds_texts(s)
    )


def text_seconds(s: Sizes, b: str) -> float:
    """Seconds of words, embeddings and the search, one after the other."""
    words = s.text_bytes / WORDS * counts_words(s)
    vectors = embeds(s) * forward_seconds(s, s.tokens)
    return words + vectors + searches(s) * s.text_bytes / SEARCH + s.documents / 1e5


def retraining_seconds(s: Sizes) -> float:
    """Device seconds of one job of retraining: each of its models sees half of the tokens."""
    models = s.config["validation"]["retraining"]["subsets_per_job"]
    models *= len(s.config["seeds"]["retraining"])
    passes = s.config["model"]["train"]["passes"]
    trained = TRAINING * s.shape.active * s.tokens / 2 * passes / rate(s.config)
    return models * (trained + question_seconds(s, s.all_questions, ANSWERS))


VALIDATION = {
    "score_gradient_baselines": Demand(
        "validation",
        once,
        memory=lambda s, b: (
            ENGINE
            + sketch_bytes(s)
            + product_bytes(s, 2 * s.most_questions)
            + shuffles(s) * (12 * min(4096, s.documents) * s.width + DOCUMENT * s.documents)
        ),
        seconds=lambda s, b: (
            (2 + untrained_models(s) + shuffles(s))
            * (2 * s.groups * s.all_questions * s.width / PRODUCT)
            + shuffles(s) * 2 * s.documents * s.width / ENTRIES
        ),
        device=lambda s, b: asks("untrained")(s) * pass_device_bytes(s, "float32"),
        loads=lambda s, b: 4 * s.shape.parameters,
        rows=lambda s, b: s.all_questions,
        start=ENGINE_START,
    ),
    "score_texts": Demand(
        "validation",
        when(lambda s: scorers(s) or searches(s)),
        memory=text_memory,
        seconds=text_seconds,
        device=lambda s, b: embeds(s) * embedding_device_bytes(s),
        disk=lambda s, b: 1 * MB + searches(s) * 20 * s.documents,
        rows=lambda s, b: s.documents,
        tokens=lambda s, b: embeds(s) * s.tokens,
        start=HARNESS_START,
    ),
    "attribute_untrained": Demand(
        "validation",
        when(asks("untrained")),
        memory=lambda s, b: ENGINE + TOKEN * s.tokens + 12 * s.groups * s.width,
        seconds=lambda s, b: (
            untrained_models(s)
            * pass_seconds(s, s.tokens + s.fitted_documents * s.mean_tokens, "float32")
        ),
        disk=lambda s, b: untrained_models(s) * (12 * s.groups * s.width + roots_bytes(s)),
        device=untrained_device,
        loads=lambda s, b: 4 * s.shape.parameters,
        rows=lambda s, b: untrained_models(s) * s.documents,
        tokens=lambda s, b: untrained_models(s) * (s.tokens + s.fitted_documents * s.mean_tokens),
        start=ENGINE_START,
    ),
    "compare_scorers": Demand(
        "validation",
        once,
        memory=lambda s, b: (
            STATISTICS
            + 4 * 8 * s.bins * s.config["influence"]["bootstraps"]
            + searches(s) * (2 * 8 * s.bins * s.most_questions + DOCUMENT * s.documents)
        ),
        seconds=lambda s, b: 2 + searches(s) * len(s.config["benchmarks"]) * s.documents / 1e6,
    ),
    # No job of the default target: snakemake validate asks for it.
    "project_again": Demand(
        "validation",
        several(lambda s: 0),
        memory=lambda s, b: ENGINE + TOKEN * s.tokens / s.shards + 28 * s.groups * s.width,
        seconds=lambda s, b: pass_seconds(s, s.tokens + s.fitted_documents * s.mean_tokens),
        device=lambda s, b: pass_device_bytes(s) + 8 * roots_bytes(s),
        rows=lambda s, b: s.documents,
        tokens=lambda s, b: s.tokens + s.fitted_documents * s.mean_tokens,
        start=ENGINE_START,
    ),
    "compare_projections": Demand(
        "validation",
        several(lambda s: 0),
        memory=lambda s, b: STATISTICS + 3 * DOCUMENT * s.documents,
        seconds=lambda s, b: 10 + len(s.config["benchmarks"]) * s.documents / 1e6,
    ),
    # No jobs of a study: snakemake lds asks for them alone.
    "retrain_subsets": Demand(
        "validation",
        several(lambda s: 0),
        memory=lambda s, b: TORCH + 20 * s.tokens + 1e5 * s.all_questions,
        seconds=lambda s, b: retraining_seconds(s),
        device=training_device,
        loads=lambda s, b: 4 * s.shape.parameters,
        start=TORCH_START,
    ),
    "score_retraining": Demand(
        "validation",
        several(lambda s: 0),
        memory=lambda s, b: (
            STATISTICS + 8 * s.bins * s.config["validation"]["retraining"]["subsets"]
        ),
        seconds=lambda s, b: 10,
    ),
}


def figure(jobs: Callable[[Sizes], Counter]) -> Demand:
    """A rule that draws from tables of bins: a figure or two of every benchmark."""
    return Demand(
        "report",
        jobs,
        memory=lambda s, b: FIGURES,
        seconds=lambda s, b: 1.5 * len(s.config["benchmarks"]),
    )


REPORT = {
    "collect_cautions": Demand(
        "report",
        once,
        memory=lambda s, b: TABLES + 100 * s.all_questions,
        seconds=lambda s, b: 3 + s.all_questions / 1e5,
    ),
    "plot_influence": figure(once),
    "plot_validation": figure(once),
    "plot_unlearning": figure(when(lambda s: s.forgotten)),
    "write_explorer": figure(once),
    "plot_retraining": figure(several(lambda s: 0)),
}

PUBLISH = {
    # No job of a study: snakemake publish asks for it alone.
    "publish": Demand(
        "publish",
        several(lambda s: 0),
        memory=lambda s, b: STATISTICS + DOCUMENT * s.documents,
        seconds=lambda s, b: 5 + 60 * s.documents / READ,
        disk=lambda s, b: 60 * s.documents,
    ),
}
