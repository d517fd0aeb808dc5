"""Stage validation: checks of the map against planted truth, baselines and retraining.

Needs the document rows and sketches, the query rows, the working set's text and the study's own
map. Leaves one map per baseline and control, in the columns of the study's map, what each of them
explains of that map, which documents hold which questions, and in a study with planted truth how
well each scorer recovers it. snakemake validate runs all of it, repeats the document pass under
another projection, and holds the numbers to their bars.
"""

from workflow_scripts.validation.baselines.encoder import encoder_files
from workflow_scripts.validation.scorers import ALWAYS, needs_of, study_scorers

METRIC_OF = {name: definition.metric for name, definition in DEFINITIONS.items()}
CHECKS = config["validation"]
TEXT_SCORERS = CHECKS["scorers"]
SCORERS = study_scorers(CHECKS, KEEP_ROWS)
SHUFFLED = "shuffled" in SCORERS
QUESTIONS = collect("<results>/benchmarks/{benchmark}/queries.parquet", benchmark=BENCHMARKS)


# The untrained control has a document pass of its own, which knows no benchmark; its maps are
# made with the other gradient baselines, as are those of the shuffled control.
UNTRAINED_INPUT, SHUFFLED_INPUT, CONTROL_OUTPUT = {}, {}, {}
UNTRAINED = "<results>/validation/untrained"
MODELS = range(CHECKS["untrained_models"])
if CHECKS["untrained"]:
    UNTRAINED_INPUT = {
        "untrained_sketches": expand(f"{UNTRAINED}/sketch{{number}}.npz", number=MODELS),
        "untrained_moments": expand(f"{UNTRAINED}/moments{{number}}.safetensors", number=MODELS),
        "untrained_settings": expand(f"{UNTRAINED}/settings{{number}}.json", number=MODELS),
        "questions": QUESTIONS,
        "record": "<results>/model/model.json",
    }
    CONTROL_OUTPUT["untrained"] = "<results>/validation/bins/untrained.parquet"
if SHUFFLED:
    SHUFFLED_INPUT = {
        "shards": collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
        "rows": collect("<results>/attribution/rows/{shard}.npy", shard=SHARDS),
        "queries": collect("<results>/attribution/queries/{benchmark}.npy", benchmark=BENCHMARKS),
    }
    CONTROL_OUTPUT["shuffled"] = "<results>/validation/bins/shuffled.parquet"


rule score_gradient_baselines:
    """Maps by gradients without a preconditioner, of untrained models, and of shuffled bins."""
    input:
        **UNTRAINED_INPUT,
        **SHUFFLED_INPUT,
        sketches=collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS),
        raw=collect("<results>/attribution/queries/{benchmark}.raw.npy", benchmark=BENCHMARKS),
        order=collect("<results>/attribution/queries/{benchmark}.json", benchmark=BENCHMARKS),
        summary="<results>/corpus/bin_summary.parquet",
    output:
        **CONTROL_OUTPUT,
        **{name: f"<results>/validation/bins/{name}.parquet" for name in ALWAYS},
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
        **PROJECTION,
        version=VERSION["validation"],
        benchmarks=BENCHMARKS,
        seed=model_seeds(config)[0],
        seed_shuffle=config["seeds"]["bootstrap"],
        folds=config["corpus"]["folds"],
        device=config["model"]["device"],
        tokens_per_batch=config["attribution"]["tokens_per_batch"],
        targets=TARGET_OF,
    script:
        "../workflow_scripts/validation/baselines/score_gradient_baselines.py"


# Inputs of the scorers of texts beside the texts, and outputs of the search for questions.
TEXT_INPUT, LEAKAGE_OUTPUT = {}, {}
TEXT_NEEDS, EMBEDDING = needs_of(TEXT_SCORERS), {}
if "encoder" in TEXT_NEEDS:
    EMBEDDING = {
        "encoder": CHECKS["embedding"]["path"],
        "max_tokens": config["corpus"]["max_tokens"],
        "precision": config["model"]["precision"],
        "device": config["model"]["device"],
        "tokens_per_batch": config["attribution"]["tokens_per_batch"],
    }
if EMBEDDING.get("encoder"):
    EMBEDDING["encoder"] = resolve(EMBEDDING["encoder"], config["data"])
    try:
        TEXT_INPUT["encoder"] = encoder_files(EMBEDDING["encoder"])
        check_own_files(TEXT_INPUT["encoder"])
    except AtlasError as error:
        print(f"config error: {error}", file=sys.stderr)
        sys.exit(1)
elif EMBEDDING:
    TEXT_INPUT |= {
        "record": "<results>/model/model.json",
        "weights": MODEL_FILES,
        "tokenizer": "<results>/corpus/tokenizer/tokenizer.json",
        "tokenizer_config": "<results>/corpus/tokenizer/tokenizer_config.json",
    }
if "losses" in TEXT_NEEDS:
    TEXT_INPUT["sketches"] = collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS)
if CHECKS["leakage_ngram"]:
    LEAKAGE_OUTPUT = {
        "leakage": "<results>/validation/leakage.parquet",
        "hits": "<results>/validation/leakage_hits.parquet",
    }
    TARGETS += [path.replace("<results>", RESULTS) for path in LEAKAGE_OUTPUT.values()]


if TEXT_SCORERS or LEAKAGE_OUTPUT:

    rule score_texts:
        """Maps by words, embeddings, length and loss; questions found in the documents."""
        input:
            **TEXT_INPUT,
            documents=collect("<results>/corpus/documents/{part}.parquet", part=PARTS),
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            queries=QUESTIONS,
            summary="<results>/corpus/bin_summary.parquet",
        output:
            **LEAKAGE_OUTPUT,
            **{name: f"<results>/validation/bins/{name}.parquet" for name in TEXT_SCORERS},
        log:
            "<logs>/score_texts.log",
        benchmark:
            "<timings>/score_texts.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("score_texts"),
        params:
            version=VERSION["validation"],
            benchmarks=BENCHMARKS,
            scorers=TEXT_SCORERS,
            ngram=CHECKS["leakage_ngram"],
            seed=config["seeds"]["bootstrap"],
            embedding=EMBEDDING,
        script:
            "../workflow_scripts/validation/baselines/score_texts.py"


# Inputs of an untrained model: not the training, which it need not wait for.
SHAPE_KEYS = ("hidden_size", "layers", "heads", "intermediate_size", "max_positions")
if config["model"]["source"] == "train":
    MODEL_SHAPE = {
        "tokenizer": "<results>/corpus/tokenizer/tokenizer.json",
        "tokenizer_config": "<results>/corpus/tokenizer/tokenizer_config.json",
    }
else:
    MODEL_SHAPE = {"record": "<results>/model/model.json", "weights": MODEL_FILES}

if CHECKS["untrained"]:

    rule attribute_untrained:
        """The document pass on untrained models of the same shape, for all benchmarks."""
        input:
            **MODEL_SHAPE,
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
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
            architecture={key: config["model"]["train"][key] for key in SHAPE_KEYS},
            seed=model_seeds(config)[0],
            seed_preconditioner=config["seeds"]["preconditioner"],
            documents=config["attribution"]["preconditioner_documents"],
            damping=config["attribution"]["damping"],
            loss_reduction=config["attribution"]["loss_reduction"],
            tokens_per_batch=config["attribution"]["tokens_per_batch"],
            device=config["model"]["device"],
        script:
            "../workflow_scripts/validation/baselines/attribute_untrained.py"


# Inputs and outputs of comparing the maps, beyond the maps themselves.
COMPARE_INPUT, COMPARE_OUTPUT = {}, {"explained": "<results>/validation/explained.parquet"}
if PLANTED:
    COMPARE_INPUT["truth"] = "<results>/corpus/truth.parquet"
    COMPARE_OUTPUT["planted"] = "<results>/validation/planted.parquet"
SCORES = collect("<results>/attribution/scores/{benchmark}.parquet", benchmark=BENCHMARKS)
KEPT_SCORES = {"scores": SCORES} if KEEP_ROWS else {}
if CHECKS["leakage_ngram"]:
    COMPARE_INPUT |= KEPT_SCORES
    COMPARE_INPUT["hits"] = LEAKAGE_OUTPUT["hits"]
    COMPARE_INPUT["resampling"] = collect(
        "<results>/influence/resampling/{benchmark}.npz", benchmark=BENCHMARKS
    )
    COMPARE_INPUT["order"] = collect(
        "<results>/attribution/queries/{benchmark}.json", benchmark=BENCHMARKS
    )
    COMPARE_OUTPUT["leakage_maps"] = "<results>/validation/leakage_maps.parquet"


rule compare_scorers:
    """Share of the map that each baseline explains, recovery of the truth, contamination."""
    input:
        **COMPARE_INPUT,
        trackstar="<results>/influence/bin_influence.parquet",
        reliability="<results>/influence/reliability.parquet",
        scorers=collect("<results>/validation/bins/{scorer}.parquet", scorer=SCORERS),
    output:
        **COMPARE_OUTPUT,
    log:
        "<logs>/compare_scorers.log",
    benchmark:
        "<timings>/compare_scorers.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("compare_scorers"),
    params:
        version=VERSION["validation"],
        benchmarks=BENCHMARKS,
        scorers=SCORERS,
        confidence=config["influence"]["confidence"],
        multiplicity=config["influence"]["multiplicity"],
        bootstraps=config["influence"]["bootstraps"],
        seed=config["seeds"]["bootstrap"],
    script:
        "../workflow_scripts/validation/baselines/compare_scorers.py"


TARGETS += [path.replace("<results>", RESULTS) for path in COMPARE_OUTPUT.values()]
TARGETS += expand(f"{RESULTS}/validation/bins/{{scorer}}.parquet", scorer=SCORERS)


# Outside the default target: a second document pass is as dear as the first.
rule project_again:
    """The document pass under another random projection."""
    input:
        shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
        record="<results>/model/model.json",
        weights=MODEL_FILES,
        queries=QUESTIONS,
        summary="<results>/corpus/bin_summary.parquet",
    output:
        bins="<results>/validation/bins/projection.parquet",
        scores="<results>/validation/projection_scores.parquet",
    log:
        "<logs>/project_again.log",
    benchmark:
        "<timings>/project_again.tsv"
    conda:
        "../envs/engine.yaml"
    threads: 1
    resources:
        **needs("project_again"),
    params:
        version=VERSION["validation"],
        benchmarks=BENCHMARKS,
        targets=TARGET_OF,
        seed_projection=CHECKS["projection_seed"],
        seed_preconditioner=config["seeds"]["preconditioner"],
        projection_dim=config["attribution"]["projection_dim"],
        projections=config["attribution"]["projections"],
        documents=config["attribution"]["preconditioner_documents"],
        damping=config["attribution"]["damping"],
        loss_reduction=config["attribution"]["loss_reduction"],
        row_dtype=config["attribution"]["row_dtype"],
        tokens_per_batch=config["attribution"]["tokens_per_batch"],
        precision=config["model"]["precision"],
        device=config["model"]["device"],
    script:
        "../workflow_scripts/validation/projection/project_again.py"


rule compare_projections:
    """Agreement of the study's map with the one under another projection."""
    input:
        **KEPT_SCORES,
        trackstar="<results>/influence/bin_influence.parquet",
        bins="<results>/validation/bins/projection.parquet",
        other="<results>/validation/projection_scores.parquet",
    output:
        projection="<results>/validation/projection.parquet",
    log:
        "<logs>/compare_projections.log",
    benchmark:
        "<timings>/compare_projections.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("compare_projections"),
    params:
        version=VERSION["validation"],
        benchmarks=BENCHMARKS,
        first_seed=config["seeds"]["projection"],
        seed_projection=CHECKS["projection_seed"],
    script:
        "../workflow_scripts/validation/projection/compare_projections.py"


# Inputs of the verdict; checks that the study cannot have are said to be not applicable.
VERDICT_INPUT = COMPARE_OUTPUT | KEPT_SCORES
if PLANTED:
    VERDICT_INPUT["truth"] = "<results>/corpus/truth.parquet"
if SHUFFLED:
    VERDICT_INPUT["shuffled"] = CONTROL_OUTPUT["shuffled"]
if CHECKS["projection"]:
    VERDICT_INPUT["projection"] = "<results>/validation/projection.parquet"


localrules:
    validate,


rule validate:
    """Run every check of the study and hold it to its bar; make lds has the retraining."""
    input:
        **VERDICT_INPUT,
        map="<results>/influence/bin_influence.parquet",
        reliability="<results>/influence/reliability.parquet",
    log:
        "<logs>/validate.log",
    conda:
        "../envs/analysis.yaml"
    params:
        verdict=f"{RESULTS}/validation/verdict.parquet",
        lds=f"{RESULTS}/validation/lds.parquet" if RETRAINED else None,
        benchmarks=BENCHMARKS,
        planted=bool(PLANTED),
        hard=bool(PLANTED) and config["corpus"]["planted"]["world"] == "hard",
        checks=CHECKS,
        rows=config["attribution"]["rows"],
        row_dtype=config["attribution"]["row_dtype"],
        multiplicity=config["influence"]["multiplicity"],
    script:
        "../workflow_scripts/validation/verdict/validate.py"


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
            "../workflow_scripts/validation/retraining/retrain_subsets.py"

    rule score_retraining:
        """Linear datamodeling score (LDS) of each scorer's map."""
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
            contrasts=config["contrasts"],
            bootstraps=config["influence"]["bootstraps"],
            confidence=config["influence"]["confidence"],
            seed=config["seeds"]["bootstrap"],
        script:
            "../workflow_scripts/validation/retraining/score_retraining.py"

    rule lds:
        """Retrain small models on random halves of the bins and score every map by them."""
        input:
            "<results>/validation/lds.parquet",
            collect("<results>/report/figures/{name}.png", name=["retraining", "retraining_halves"]),
