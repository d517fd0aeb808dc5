"""Stage validation: is the map right, and is it more than words?

Needs the document rows and sketches, the query rows, the working set's text and the study's own
map. Leaves one map per baseline and control, in the columns of the study's map, and in a study
with planted truth the table that says how well each of them recovers it.
"""

STATISTICS = {
    "confidence": config["influence"]["confidence"],
    "multiplicity": config["influence"]["multiplicity"],
}
METRIC_OF = {name: definition.metric for name, definition in DEFINITIONS.items()}
SCORERS = ["cosine", "dot"]
SCORERS += ["tfidf"] if config["validation"]["lexical"] else []
SCORERS += ["untrained"] if config["validation"]["untrained"] else []
SCORERS += ["shuffled"] if config["validation"]["shuffled"] and KEEP_ROWS else []


# The untrained control has a document pass of its own, which knows no benchmark; its maps are
# made with the other gradient baselines.
UNTRAINED_INPUT, UNTRAINED_OUTPUT = {}, {}
UNTRAINED = "<results>/validation/untrained"
MODELS = range(config["validation"]["untrained_models"])
if config["validation"]["untrained"]:
    UNTRAINED_INPUT = {
        "untrained_sketches": expand(f"{UNTRAINED}/sketch{{number}}.npz", number=MODELS),
        "untrained_moments": expand(f"{UNTRAINED}/moments{{number}}.safetensors", number=MODELS),
        "untrained_settings": expand(f"{UNTRAINED}/settings{{number}}.json", number=MODELS),
        "queries": collect(
            "<results>/benchmarks/{benchmark}/queries.parquet", benchmark=BENCHMARKS
        ),
        "record": "<results>/model/model.json",
    }
    UNTRAINED_OUTPUT = {"untrained": "<results>/validation/bins/untrained.parquet"}


rule score_gradient_baselines:
    """Maps by gradient cosine and dot product, without a preconditioner, and untrained."""
    input:
        **UNTRAINED_INPUT,
        sketches=collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS),
        raw=collect("<results>/attribution/queries/{benchmark}.raw.npy", benchmark=BENCHMARKS),
        order=collect("<results>/attribution/queries/{benchmark}.json", benchmark=BENCHMARKS),
        summary="<results>/corpus/bin_summary.parquet",
    output:
        **UNTRAINED_OUTPUT,
        cosine="<results>/validation/bins/cosine.parquet",
        dot="<results>/validation/bins/dot.parquet",
    log:
        "<logs>/score_gradient_baselines.log",
    benchmark:
        "<timings>/score_gradient_baselines.tsv"
    conda:
        "../envs/engine.yaml"
    threads: 1
    resources:
        **needs("score_gradient_baselines"),
    params:
        **STATISTICS,
        **PROJECTION,
        version=VERSION["validation"],
        benchmarks=BENCHMARKS,
        seed=config["seeds"]["model"],
        device=config["model"]["device"],
        tokens_per_batch=config["attribution"]["tokens_per_batch"],
        targets=TARGET_OF,
    script:
        "../workflow_scripts/validation/score_gradient_baselines.py"


rule score_lexical:
    """Maps by TF-IDF similarity of documents and questions with their gold answer."""
    input:
        documents=collect("<results>/corpus/documents/{part}.parquet", part=PARTS),
        sample="<results>/corpus/sample.parquet",
        queries=collect("<results>/benchmarks/{benchmark}/queries.parquet", benchmark=BENCHMARKS),
        summary="<results>/corpus/bin_summary.parquet",
    output:
        tfidf="<results>/validation/bins/tfidf.parquet",
    log:
        "<logs>/score_lexical.log",
    benchmark:
        "<timings>/score_lexical.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("score_lexical"),
    params:
        **STATISTICS,
        version=VERSION["validation"],
        benchmarks=BENCHMARKS,
    script:
        "../workflow_scripts/validation/score_lexical.py"


rule score_shuffled:
    """Maps after dealing the documents to bins at random: nothing should stand out."""
    input:
        shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
        rows=collect("<results>/attribution/rows/{shard}.npy", shard=SHARDS),
        sketches=collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS),
        queries=collect("<results>/attribution/queries/{benchmark}.npy", benchmark=BENCHMARKS),
        order=collect("<results>/attribution/queries/{benchmark}.json", benchmark=BENCHMARKS),
    output:
        shuffled="<results>/validation/bins/shuffled.parquet",
    log:
        "<logs>/score_shuffled.log",
    benchmark:
        "<timings>/score_shuffled.tsv"
    conda:
        "../envs/engine.yaml"
    threads: 1
    resources:
        **needs("score_shuffled"),
    params:
        **STATISTICS,
        version=VERSION["validation"],
        seed=config["seeds"]["bootstrap"],
        folds=config["corpus"]["folds"],
        benchmarks=BENCHMARKS,
    script:
        "../workflow_scripts/validation/score_shuffled.py"


if config["validation"]["untrained"]:

    rule attribute_untrained:
        """The document pass on untrained models of the same shape, for all benchmarks."""
        input:
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            record="<results>/model/model.json",
            weights=MODEL_FILES,
        output:
            sketches=UNTRAINED_INPUT["untrained_sketches"],
            moments=UNTRAINED_INPUT["untrained_moments"],
            settings=UNTRAINED_INPUT["untrained_settings"],
        log:
            "<logs>/attribute_untrained.log",
        benchmark:
            "<timings>/attribute_untrained.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("attribute_untrained"),
        params:
            **PROJECTION,
            version=VERSION["validation"],
            seed=config["seeds"]["model"],
            seed_preconditioner=config["seeds"]["preconditioner"],
            documents=config["attribution"]["preconditioner_documents"],
            damping=config["attribution"]["damping"],
            loss_reduction=config["attribution"]["loss_reduction"],
            tokens_per_batch=config["attribution"]["tokens_per_batch"],
            device=config["model"]["device"],
        script:
            "../workflow_scripts/validation/attribute_untrained.py"


if PLANTED:

    rule check_planted:
        """How well each scorer's map recovers the planted truth."""
        input:
            truth="<results>/corpus/truth.parquet",
            trackstar="<results>/influence/bin_influence.parquet",
            scorers=collect("<results>/validation/bins/{scorer}.parquet", scorer=SCORERS),
        output:
            planted="<results>/validation/planted.parquet",
        log:
            "<logs>/check_planted.log",
        benchmark:
            "<timings>/check_planted.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("check_planted"),
        params:
            version=VERSION["validation"],
            scorers=SCORERS,
        script:
            "../workflow_scripts/validation/check_planted.py"

    TARGETS += [f"{RESULTS}/validation/planted.parquet"]


TARGETS += expand(f"{RESULTS}/validation/bins/{{scorer}}.parquet", scorer=SCORERS)


# Retraining is no part of the study: snakemake lds asks for it. Groups of halves are jobs of their
# own, so that a cluster works on many at the same time and a lost one costs a few trainings.
if RETRAINED:
    RETRAINING = config["validation"]["retraining"]
    GROUPS = [
        f"g{number:04d}" for number in range(RETRAINING["subsets"] // RETRAINING["subsets_per_job"])
    ]

    rule retrain_subsets:
        """Train small models on random halves of the bins and ask them every benchmark."""
        input:
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            tokenizer="<results>/corpus/tokenizer/tokenizer.json",
            tokenizer_config="<results>/corpus/tokenizer/tokenizer_config.json",
            queries=collect(
                "<results>/benchmarks/{benchmark}/queries.parquet", benchmark=BENCHMARKS
            ),
        output:
            outputs="<results>/validation/retraining/outputs/{group}.parquet",
            halves="<results>/validation/retraining/halves/{group}.parquet",
        log:
            "<logs>/retrain_subsets/{group}.log",
        benchmark:
            "<timings>/retrain_subsets/{group}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("retrain_subsets"),
        params:
            version=VERSION["validation"],
            seed_halves=config["seeds"]["halves"],
            seeds=config["seeds"]["retraining"],
            settings=config["model"]["train"],
            per_job=RETRAINING["subsets_per_job"],
            benchmarks=BENCHMARKS,
            metrics=METRIC_OF,
            tokens_per_batch=config["attribution"]["tokens_per_batch"],
            device=config["model"]["device"],
            state=f"{RESULTS}/.state/retrain_subsets/{{group}}",
        script:
            "../workflow_scripts/validation/retrain_subsets.py"

    rule score_retraining:
        """How well each scorer's map foretells what retrained models can do."""
        input:
            **({"truth": "<results>/corpus/truth.parquet"} if PLANTED else {}),
            outputs=collect("<results>/validation/retraining/outputs/{group}.parquet", group=GROUPS),
            halves=collect("<results>/validation/retraining/halves/{group}.parquet", group=GROUPS),
            trackstar="<results>/influence/bin_influence.parquet",
            scorers=collect("<results>/validation/bins/{scorer}.parquet", scorer=SCORERS),
        output:
            lds="<results>/validation/lds.parquet",
            outputs="<results>/validation/retraining/outputs.parquet",
            halves="<results>/validation/retraining/halves.parquet",
            predictions="<results>/validation/retraining/predictions.parquet",
        log:
            "<logs>/score_retraining.log",
        benchmark:
            "<timings>/score_retraining.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("score_retraining"),
        params:
            version=VERSION["validation"],
            scorers=SCORERS,
            benchmarks=BENCHMARKS,
            cells=CELLS,
            bootstraps=config["influence"]["bootstraps"],
            confidence=config["influence"]["confidence"],
            seed=config["seeds"]["bootstrap"],
        script:
            "../workflow_scripts/validation/score_retraining.py"

    rule lds:
        """Retrain small models on random halves of the bins and score every map by them."""
        input:
            "<results>/validation/lds.parquet",
            collect("<results>/report/figures/{name}.png", name=["retraining", "retraining_halves"]),
