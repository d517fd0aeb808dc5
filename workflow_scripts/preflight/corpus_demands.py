"""What the rules of corpus, model and benchmarks ask for."""

from workflow_scripts.common.taxonomy import TOPICS
from workflow_scripts.preflight.demand import (
    ANSWERS,
    DOCUMENT,
    DUPLICATES,
    ENGINE,
    HARNESS,
    MB,
    READ,
    TABLES,
    TOKEN,
    TOKENIZE,
    TORCH,
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
from workflow_scripts.preflight.model_work import (
    FORWARD,
    TRAINING,
    activation_bytes,
    pass_device_bytes,
    question_seconds,
    rate,
)

CORPUS = {
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
        memory=lambda s, b: TABLES + DOCUMENT * s.source_documents / s.parts,
        seconds=lambda s, b: read_bytes(s) / READ,
        disk=lambda s, b: 100 * s.source_documents / s.parts,
        rows=lambda s, b: s.source_documents / s.parts,
    ),
    "sample_bins": Demand(
        "corpus",
        once,
        memory=lambda s, b: (
            TABLES
            + 24 * s.source_documents
            + DOCUMENT * (s.source_documents / s.parts + 2 * s.documents)
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
        seconds=lambda s, b: 10,
        disk=lambda s, b: 20 * MB,
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
    ),
    "summarise_bins": Demand(
        "corpus",
        once,
        memory=lambda s, b: TABLES + 3 * s.text_bytes / len(TOPICS) + DOCUMENT * s.documents,
        seconds=lambda s, b: s.text_bytes / DUPLICATES,
        rows=lambda s, b: s.documents,
    ),
}

MODEL = {
    "train_model": Demand(
        "model",
        when(has_train),
        memory=lambda s, b: (
            TORCH
            + 20 * s.shape.parameters
            + 20 * s.tokens
            + activation_bytes(
                s,
                s.config["model"]["train"]["batch_size"] * s.config["corpus"]["max_tokens"],
                "float32",
            )
        ),
        seconds=lambda s, b: (
            (TRAINING * s.shape.active * s.tokens * s.config["model"]["train"]["passes"])
            / rate(s.config)
        ),
        disk=lambda s, b: 4 * s.shape.parameters,
        rows=lambda s, b: s.documents,
        tokens=lambda s, b: s.tokens * s.config["model"]["train"]["passes"],
    ),
    "reference_model": Demand(
        "model",
        when(lambda s: not has_train(s)),
        memory=lambda s, b: TORCH,
        seconds=lambda s, b: s.weight_bytes / 200e6,
    ),
}

RATE = {
    # No job of a study: snakemake measure_rate asks for it alone.
    "measure_rate": Demand(
        "preflight",
        several(lambda s: 0),
        memory=lambda s, b: ENGINE,
        seconds=lambda s, b: 120,
        device=lambda s, b: pass_device_bytes(s, 0),
    ),
}

BENCHMARKS = {
    "answer_benchmark": Demand(
        "benchmarks",
        by_benchmark(lambda s: 1),
        memory=lambda s, b: HARNESS + 1e5 * s.questions(b),
        seconds=lambda s, b: question_seconds(s, s.questions(b), ANSWERS, FORWARD),
        disk=lambda s, b: 5e3 * s.questions(b),
        device=asked_device,
        rows=lambda s, b: s.questions(b),
        tokens=lambda s, b: answer_tokens(s, s.questions(b)),
    ),
}
