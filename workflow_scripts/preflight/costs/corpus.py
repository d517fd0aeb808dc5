"""Resources of the rules of corpus, model and benchmarks."""

from dataclasses import replace

from workflow_scripts.common.taxonomy import TOPICS
from workflow_scripts.preflight.costs.model_work import (
    FORWARD,
    TRAINING,
    TRAINING_KEPT,
    activation_bytes,
    pass_device_bytes,
    question_seconds,
    rate,
)
from workflow_scripts.preflight.costs.rule_cost import (
    ANSWERS,
    DOCUMENT,
    DUPLICATES,
    ENGINE,
    ENGINE_START,
    GB,
    HARNESS,
    HARNESS_START,
    MB,
    READ,
    TABLES,
    TOKEN,
    TOKENIZE,
    TORCH,
    TORCH_START,
    WORDS,
    Demand,
    answer_tokens,
    asked_device,
    by_benchmark,
    has_train,
    once,
    read_bytes,
    several,
    when,
)
from workflow_scripts.preflight.costs.sizes import Sizes

# Documents whose manifest rows are held at a time, in bytes: manifests are read in pieces.
PIECES = 1 * GB
# Parameters of a WebOrganizer classifier, and how much of a document it reads.
CLASSIFIER, CLASSIFIED_TOKENS = 140e6, 1024
# Share of the rate that a model so small reaches (assumed).
CLASSIFIER_RATE = 0.25


def from_hub(s: Sizes) -> bool:
    """True if the corpus is a dataset of the hub."""
    return s.config["corpus"]["source"] == "hub"


def classifiers(s: Sizes) -> int:
    """Classifiers that label the corpus: of topics, of formats, of both or none."""
    annotate = s.config["corpus"].get("annotate", {})
    return sum(bool(annotate.get(f"{kind}_model")) for kind in ("topic", "format"))


def classified_tokens(s: Sizes) -> float:
    """Tokens of one part that are labelled: every document of the source."""
    return s.source_documents / s.parts * min(s.mean_tokens, CLASSIFIED_TOKENS)


def training_device(s: Sizes, b: str) -> float:
    """Bytes of the training: weights, gradients, two moments, and the activations of a batch."""
    batch = s.config["model"]["train"]["batch_size"] * s.config["corpus"]["max_tokens"]
    return 20 * s.shape.parameters + TRAINING_KEPT * activation_bytes(s, batch, "float32")


CORPUS = {
    "fetch_files": Demand(
        "corpus",
        several(lambda s: s.parts * from_hub(s)),
        memory=lambda s, b: TABLES,
        seconds=lambda s, b: read_bytes(s) / READ,
    ),
    "annotate_part": Demand(
        "corpus",
        several(lambda s: s.parts * (classifiers(s) > 0)),
        memory=lambda s, b: TORCH + 4 * GB,
        seconds=lambda s, b: (
            (FORWARD * CLASSIFIER * classifiers(s) * classified_tokens(s))
            / (rate(s.config) * CLASSIFIER_RATE)
        ),
        disk=lambda s, b: 50 * s.source_documents / s.parts,
        device=lambda s, b: 4 * GB,
        loads=lambda s, b: 4 * CLASSIFIER,
        rows=lambda s, b: s.source_documents / s.parts,
        tokens=lambda s, b: classifiers(s) * classified_tokens(s),
        start=TORCH_START,
    ),
    "plant_world": Demand(
        "corpus",
        when(lambda s: s.config["corpus"]["source"] == "planted"),
        memory=lambda s, b: TABLES + 3 * s.text_bytes,
        seconds=lambda s, b: s.text_bytes / WORDS,
        disk=lambda s, b: s.text_bytes,
    ),
    "index_documents": Demand(
        "corpus",
        several(lambda s: s.parts),
        memory=lambda s, b: TABLES + min(PIECES, DOCUMENT * s.source_documents / s.parts),
        seconds=lambda s, b: read_bytes(s) / READ,
        disk=lambda s, b: 100 * s.source_documents / s.parts,
        rows=lambda s, b: s.source_documents / s.parts,
    ),
    "sample_bins": Demand(
        "corpus",
        once,
        memory=lambda s, b: (
            TABLES + min(PIECES, DOCUMENT * s.source_documents) + 2 * DOCUMENT * s.documents
        ),
        seconds=lambda s, b: 2e-6 * s.source_documents,
        disk=lambda s, b: 100 * s.documents,
        rows=lambda s, b: s.source_documents,
    ),
    "collect_documents": Demand(
        "corpus",
        several(lambda s: s.parts),
        memory=lambda s, b: TABLES + 3 * s.text_bytes / s.parts + DOCUMENT * s.documents,
        seconds=lambda s, b: read_bytes(s) / READ,
        disk=lambda s, b: s.text_bytes / 2 / s.parts,
        rows=lambda s, b: s.documents / s.parts,
    ),
    "fit_tokenizer": Demand(
        "corpus",
        when(has_train),
        memory=lambda s, b: TABLES + 3 * s.text_bytes,
        seconds=lambda s, b: s.text_bytes / TOKENIZE,
        rows=lambda s, b: s.documents,
    ),
    "copy_tokenizer": Demand(
        "corpus",
        when(lambda s: not has_train(s)),
        memory=lambda s, b: TORCH + 300 * MB,
        seconds=lambda s, b: 2,
        disk=lambda s, b: 20 * MB,
        start=TORCH_START,
    ),
    "cut_shards": Demand(
        "corpus",
        once,
        memory=lambda s, b: TABLES + DOCUMENT * s.documents,
        seconds=lambda s, b: 1e-5 * s.documents,
        disk=lambda s, b: 50 * s.documents,
        rows=lambda s, b: s.documents,
    ),
    "tokenize_shard": Demand(
        "corpus",
        several(lambda s: s.shards),
        memory=lambda s, b: (
            TORCH
            + s.text_bytes * (2 / s.parts + 3 / s.shards)
            + TOKEN * s.tokens / s.shards
            + DOCUMENT * s.documents
        ),
        seconds=lambda s, b: s.text_bytes / s.shards / TOKENIZE + s.text_bytes / 500e6,
        disk=lambda s, b: 3 * s.tokens / s.shards,
        rows=lambda s, b: s.documents / s.shards,
        start=TORCH_START,
    ),
    "deal_folds": Demand(
        "corpus",
        once,
        memory=lambda s, b: TABLES + 3 * s.text_bytes / len(TOPICS) + DOCUMENT * s.documents,
        seconds=lambda s, b: 5 + s.text_bytes / DUPLICATES,
        disk=lambda s, b: 50 * s.documents,
        rows=lambda s, b: s.documents,
    ),
    "summarise_bins": Demand(
        "corpus",
        once,
        memory=lambda s, b: TABLES + DOCUMENT * s.documents,
        seconds=lambda s, b: 2 + 1e-5 * s.documents,
        rows=lambda s, b: s.documents,
    ),
}

MODEL = {
    "train_model": Demand(
        "model",
        when(has_train),
        memory=lambda s, b: TORCH + 20 * s.tokens,
        seconds=lambda s, b: (
            (TRAINING * s.shape.active * s.tokens * s.config["model"]["train"]["passes"])
            / rate(s.config)
        ),
        disk=lambda s, b: 4 * s.shape.parameters,
        device=training_device,
        loads=lambda s, b: 4 * s.shape.parameters,
        rows=lambda s, b: s.documents,
        tokens=lambda s, b: s.tokens * s.config["model"]["train"]["passes"],
        start=TORCH_START,
    ),
    "reference_model": Demand(
        "model",
        when(lambda s: not has_train(s)),
        memory=lambda s, b: TORCH,
        seconds=lambda s, b: s.weight_bytes / 200e6,
        start=TORCH_START,
    ),
    # Headers and shapes alone: no weight is read.
    "check_model": Demand(
        "model",
        when(lambda s: not has_train(s)),
        memory=lambda s, b: ENGINE,
        seconds=lambda s, b: 60,
    ),
}
for checked, rule in (
    ("reference_query_model", "reference_model"),
    ("check_query_model", "check_model"),
):
    MODEL[checked] = replace(MODEL[rule], jobs=when(lambda s: s.query_model))

RATE = {
    # No job of a study: snakemake measure_rate asks for it alone.
    "measure_rate": Demand(
        "preflight",
        several(lambda s: 0),
        memory=lambda s, b: ENGINE,
        seconds=lambda s, b: 120,
        device=lambda s, b: pass_device_bytes(s),
        start=ENGINE_START,
    ),
}

BENCHMARKS = {
    "answer_benchmark": Demand(
        "benchmarks",
        by_benchmark(lambda s: 1),
        memory=lambda s, b: HARNESS + 1e5 * s.questions(b),
        seconds=lambda s, b: question_seconds(s, s.questions(b), ANSWERS),
        disk=lambda s, b: 5e3 * s.questions(b),
        device=asked_device,
        rows=lambda s, b: s.questions(b),
        tokens=lambda s, b: answer_tokens(s, s.questions(b)),
        start=HARNESS_START,
    ),
}
