"""Stage influence: influence of each topic x format region of the corpus on each benchmark.

Needs the sketches of all shards, each benchmark's query rows and the bin summary, or an existing
matrix in their place. Leaves the bin tables with their uncertainty, the contrasts
and the correlations between maps. A benchmark's table depends on no other benchmark; only the
gathered tables do.
"""

from pathlib import Path

from workflow_scripts.benchmarks.definitions import shown
from workflow_scripts.corpus.sources.sources import resolve
from workflow_scripts.influence.contrasts.contrast_plan import plan_contrasts
from workflow_scripts.influence.maps.topic_weights import read_topic_weights

# Facts about each benchmark that the contrasts need.
CELLS = {
    name: {
        "domain": definition.domain,
        "capability": definition.capability,
        "answer_form": definition.answer_form,
    }
    for name, definition in DEFINITIONS.items()
}

# Those of the config, or domain against domain as far as the benchmarks go.
CONTRASTS = plan_contrasts(CELLS, config["contrasts"])


# Benchmarks that ask the same tasks are alike by these; a matrix does not say what was asked.
TASKS = None
if not MATRIX:
    TASKS = {
        name: [entry.name for entry in definition.tasks] for name, definition in DEFINITIONS.items()
    }


# Inputs of the comparison of maps besides the bin tables: to redraw documents and questions, the
# natural mass of the bins, and topic weights to hold the topics against.
COMPARED = {}
COMPARISONS = [
    "contrasts",
    "contrast_extremes",
    "correlations",
    "marginals",
    "decomposition",
    "concentration",
    "weighted",
]
if config["influence"]["topic_weights"]:
    COMPARED["topic_weights"] = resolve(config["influence"]["topic_weights"], config["data"])
    COMPARISONS.append("mixture")
    try:
        read_topic_weights(COMPARED["topic_weights"])
    except AtlasError as error:
        print(f"config error: {error}", file=sys.stderr)
        sys.exit(1)


if MATRIX:

    rule import_matrix:
        """The bin tables of all benchmarks from an existing matrix."""
        input:
            matrix=MATRIX,
        output:
            table="<results>/influence/bin_influence.parquet",
        log:
            "<logs>/import_matrix.log",
        benchmark:
            "<timings>/import_matrix.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("import_matrix"),
        params:
            version=VERSION["influence"],
        script:
            "../workflow_scripts/influence/matrix/import_matrix.py"

else:

    rule estimate_bins:
        """Mean influence per topic x format bin on one benchmark, with its uncertainty."""
        input:
            sketches=collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS),
            queries="<results>/attribution/queries/{benchmark}.npy",
            order="<results>/attribution/queries/{benchmark}.json",
            answers="<results>/benchmarks/{benchmark}/answers.parquet",
            summary="<results>/corpus/bin_summary.parquet",
        output:
            bins="<results>/influence/bins/{benchmark}.parquet",
            resampling="<results>/influence/resampling/{benchmark}.npz",
            reliability="<results>/influence/reliability/{benchmark}.parquet",
            correctness="<results>/influence/correctness/{benchmark}.parquet",
            tasks="<results>/influence/tasks/{benchmark}.parquet",
        log:
            "<logs>/estimate_bins/{benchmark}.log",
        benchmark:
            "<timings>/estimate_bins/{benchmark}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("estimate_bins", "benchmark"),
        params:
            version=VERSION["influence"],
            confidence=config["influence"]["confidence"],
            multiplicity=config["influence"]["multiplicity"],
            smallest_effect=config["influence"]["smallest_effect"],
            splits=config["influence"]["splits"],
            seed=config["seeds"]["corpus"],
        script:
            "../workflow_scripts/influence/bins/estimate_bins.py"

    rule gather_bins:
        """The bin tables of all benchmarks in one, and what else is known of each map."""
        input:
            bins=collect("<results>/influence/bins/{benchmark}.parquet", benchmark=BENCHMARKS),
            reliability=collect(
                "<results>/influence/reliability/{benchmark}.parquet", benchmark=BENCHMARKS
            ),
            correctness=collect(
                "<results>/influence/correctness/{benchmark}.parquet", benchmark=BENCHMARKS
            ),
            tasks=collect("<results>/influence/tasks/{benchmark}.parquet", benchmark=BENCHMARKS),
        output:
            table="<results>/influence/bin_influence.parquet",
            reliability="<results>/influence/reliability.parquet",
            correctness="<results>/influence/correctness.parquet",
            tasks="<results>/influence/tasks.parquet",
        log:
            "<logs>/gather_bins.log",
        benchmark:
            "<timings>/gather_bins.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("gather_bins"),
        params:
            version=VERSION["influence"],
            benchmarks=BENCHMARKS,
        script:
            "../workflow_scripts/influence/bins/gather_bins.py"

    COMPARED["resampling"] = collect(
        "<results>/influence/resampling/{benchmark}.npz", benchmark=BENCHMARKS
    )

    rule budget_errors:
        """Error budget of each bin: documents, questions, projection, training."""
        input:
            **({"model_bins": "<results>/influence/model_bins.parquet"} if SIBLINGS else {}),
            bins=collect("<results>/influence/bins/{benchmark}.parquet", benchmark=BENCHMARKS),
            resampling=COMPARED["resampling"],
        output:
            budget="<results>/influence/error_budget.parquet",
        log:
            "<logs>/budget_errors.log",
        benchmark:
            "<timings>/budget_errors.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("budget_errors"),
        params:
            version=VERSION["influence"],
            benchmarks=BENCHMARKS,
            projections=config["attribution"]["projections"],
        script:
            "../workflow_scripts/influence/budget/budget_errors.py"

    COMPARED["summary"] = "<results>/corpus/bin_summary.parquet"


rule compare_maps:
    """The maps of all benchmarks side by side: contrasts, agreement, topics and formats, mass."""
    input:
        **COMPARED,
        bins="<results>/influence/bin_influence.parquet",
    output:
        **{name: f"<results>/influence/{name}.parquet" for name in COMPARISONS},
    log:
        "<logs>/compare_maps.log",
    benchmark:
        "<timings>/compare_maps.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("compare_maps"),
    params:
        version=VERSION["influence"],
        cells=CELLS,
        contrasts=config["contrasts"],
        confidence=config["influence"]["confidence"],
        permutations=config["influence"]["permutations"],
        bootstraps=config["influence"]["bootstraps"],
        splits=config["influence"]["splits"],
        tasks=TASKS,
        seed=config["seeds"]["bootstrap"],
    script:
        "../workflow_scripts/influence/maps/compare_maps.py"


TARGETS += [
    f"{RESULTS}/influence/bin_influence.parquet",
    *(f"{RESULTS}/influence/{name}.parquet" for name in COMPARISONS),
]


if not MATRIX:
    # Documents of highest and lowest score are known where their rows are kept.
    EXAMPLES_INPUT, EXAMPLES_OUTPUT = {}, {}
    if KEEP_ROWS:
        EXAMPLES_INPUT = {
            "scores": expand(
                "<results>/attribution/scores/{benchmark}.parquet", benchmark=BENCHMARKS
            ),
        }
        EXAMPLES_OUTPUT = {"examples": "<results>/influence/examples.parquet"}

    rule profile_texts:
        """Words of each region, and the documents at both ends of every bin."""
        input:
            **EXAMPLES_INPUT,
            documents=collect("<results>/corpus/documents/{part}.parquet", part=PARTS),
            sample="<results>/corpus/sample.parquet",
            folds="<results>/corpus/folds.parquet",
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            bins="<results>/influence/bin_influence.parquet",
            words=shown(
                Path(workflow.basedir, "workflow_scripts", "influence", "texts", "words.yaml")
            ),
        output:
            **EXAMPLES_OUTPUT,
            profile="<results>/influence/lexical_profile.parquet",
        log:
            "<logs>/profile_texts.log",
        benchmark:
            "<timings>/profile_texts.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("profile_texts"),
        params:
            version=VERSION["influence"],
            benchmarks=BENCHMARKS,
            parts=PARTS,
            folds=config["corpus"]["folds"],
            examples=config["influence"]["examples"],
            confidence=config["influence"]["confidence"],
            bootstraps=config["influence"]["bootstraps"],
            seed=config["seeds"]["bootstrap"],
        script:
            "../workflow_scripts/influence/texts/profile_texts.py"

    # Only kept rows can be whitened, weighted and left out otherwise.
    VARIED = {}
    if KEEP_ROWS:
        VARIED = {
            "rows": collect("<results>/attribution/rows/{shard}.npy", shard=SHARDS),
            "shards": collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            "documents": collect("<results>/corpus/documents/{part}.parquet", part=PARTS),
            "queries": collect(
                "<results>/attribution/queries/{benchmark}.npy", benchmark=BENCHMARKS
            ),
            "order": collect(
                "<results>/attribution/queries/{benchmark}.json", benchmark=BENCHMARKS
            ),
            "moments": "<results>/attribution/preconditioner/moments.safetensors",
            "settings": "<results>/attribution/preconditioner/settings.json",
            "resampling": COMPARED["resampling"],
            "folds": "<results>/corpus/folds.parquet",
        }
        if PLANTED:
            VARIED["truth"] = "<results>/corpus/truth.parquet"

    rule vary_maps:
        """Each map again with one choice changed: damping, sites, near-duplicates, length."""
        input:
            **VARIED,
            # Not the gathered table: a cluster makes that in one job with the front page.
            bins=collect("<results>/influence/bins/{benchmark}.parquet", benchmark=BENCHMARKS),
        output:
            table="<results>/influence/sensitivity.parquet",
        log:
            "<logs>/vary_maps.log",
        benchmark:
            "<timings>/vary_maps.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("vary_maps"),
        params:
            version=VERSION["influence"],
            benchmarks=BENCHMARKS,
            damping=config["attribution"]["damping"],
            multiplicity=config["influence"]["multiplicity"],
        script:
            "../workflow_scripts/influence/variants/vary_maps.py"

    TARGETS += [
        f"{RESULTS}/influence/reliability.parquet",
        f"{RESULTS}/influence/sensitivity.parquet",
        f"{RESULTS}/influence/correctness.parquet",
        f"{RESULTS}/influence/tasks.parquet",
        f"{RESULTS}/influence/error_budget.parquet",
        f"{RESULTS}/influence/lexical_profile.parquet",
        *([f"{RESULTS}/influence/examples.parquet"] if KEEP_ROWS else []),
    ]
