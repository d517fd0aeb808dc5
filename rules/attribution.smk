"""Stage attribution: one gradient pass over the documents for all benchmarks.

Needs the tokenised shards, the model and each benchmark's queries. Leaves the preconditioner,
document rows and sketches per shard, query rows and document scores per benchmark. The document
pass does not know the benchmarks: changing one costs its query pass and a matrix product.
"""

from workflow_scripts.attribution import parameters

PROJECTION = {
    "projection_dim": config["attribution"]["projection_dim"],
    "seed_projection": config["seeds"]["projection"],
    "projections": config["attribution"]["projections"],
}
TARGET_OF = {name: definition.target for name, definition in DEFINITIONS.items()}
KEEP_ROWS = config["attribution"]["rows"] == "keep"


rule fit_preconditioner:
    """Second moments of the gradients of a seeded stratified draw of documents."""
    input:
        shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
        record="<results>/model/model.json",
        weights=MODEL_FILES,
    output:
        moments="<results>/attribution/preconditioner/moments.safetensors",
        settings="<results>/attribution/preconditioner/settings.json",
    log:
        "<logs>/fit_preconditioner.log",
    benchmark:
        "<timings>/fit_preconditioner.tsv"
    conda:
        "../envs/engine.yaml"
    threads: 1
    resources:
        **needs("fit_preconditioner"),
    params:
        **parameters.preconditioner_fit(config),
        version=VERSION["attribution"],
    script:
        "../workflow_scripts/attribution/fit_preconditioner.py"


rule attribute_documents:
    """Forward and backward over one shard: unit rows and their sums per bin and fold."""
    input:
        shard="<results>/corpus/shards/{shard}.parquet",
        moments="<results>/attribution/preconditioner/moments.safetensors",
        settings="<results>/attribution/preconditioner/settings.json",
        record="<results>/model/model.json",
        weights=MODEL_FILES,
    output:
        **({"rows": "<results>/attribution/rows/{shard}.npy"} if KEEP_ROWS else {}),
        sketch="<results>/attribution/sketches/{shard}.npz",
    log:
        "<logs>/attribute_documents/{shard}.log",
    benchmark:
        "<timings>/attribute_documents/{shard}.tsv"
    conda:
        "../envs/engine.yaml"
    threads: 1
    resources:
        **needs("attribute_documents"),
    params:
        **parameters.document_pass(config),
        version=VERSION["attribution"],
        shard="{shard}",
    script:
        "../workflow_scripts/attribution/attribute_documents.py"


rule attribute_queries:
    """Gradient of each question's gold answer, whitened as the documents are."""
    input:
        **QUERY_INPUT,
        queries="<results>/benchmarks/{benchmark}/queries.parquet",
        moments="<results>/attribution/preconditioner/moments.safetensors",
        settings="<results>/attribution/preconditioner/settings.json",
        record="<results>/model/model.json",
        weights=MODEL_FILES,
    output:
        rows="<results>/attribution/queries/{benchmark}.npy",
        raw="<results>/attribution/queries/{benchmark}.raw.npy",
        order="<results>/attribution/queries/{benchmark}.json",
    log:
        "<logs>/attribute_queries/{benchmark}.log",
    benchmark:
        "<timings>/attribute_queries/{benchmark}.tsv"
    conda:
        "../envs/engine.yaml"
    threads: 1
    resources:
        **needs("attribute_queries", "benchmark"),
    params:
        **parameters.compute(config),
        version=VERSION["attribution"],
        target=lookup("{benchmark}", within=TARGET_OF),
    script:
        "../workflow_scripts/attribution/attribute_queries.py"


if KEEP_ROWS:

    rule score_documents:
        """Mean cosine of each document with one benchmark's questions."""
        input:
            rows=collect("<results>/attribution/rows/{shard}.npy", shard=SHARDS),
            sketches=collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS),
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            queries="<results>/attribution/queries/{benchmark}.npy",
            order="<results>/attribution/queries/{benchmark}.json",
            answers="<results>/benchmarks/{benchmark}/answers.parquet",
        output:
            scores="<results>/attribution/scores/{benchmark}.parquet",
        log:
            "<logs>/score_documents/{benchmark}.log",
        benchmark:
            "<timings>/score_documents/{benchmark}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("score_documents", "benchmark"),
        params:
            version=VERSION["attribution"],
        script:
            "../workflow_scripts/attribution/score_documents.py"

    TARGETS += expand(f"{RESULTS}/attribution/scores/{{benchmark}}.parquet", benchmark=BENCHMARKS)


TARGETS += [f"{RESULTS}/attribution/preconditioner/settings.json"]
