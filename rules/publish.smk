"""A folder to share: snakemake publish (or make publish).

Needs the finished study. Leaves <results>/publish/ with everything that may be shared, without the
text of documents unless the config says otherwise, and without a path of this machine. No rule of
the study depends on it.
"""

from pathlib import Path

from workflow_scripts.benchmarks.definitions import definition_inputs, shown
from workflow_scripts.publish.selection import shared_runs, shared_targets

PUBLISHED = shared_targets(TARGETS, config["publish"])
PUBLISHED += [
    *shared_runs(TOPIC_RUNS, ARMS, config["publish"]["adapters"]),
    *shared_runs(CONTROL_RUNS, ["control"], config["publish"]["adapters"]),
    *shared_runs(HALF_RUNS, CROSS_FITTED_ARMS, config["publish"]["adapters"]),
    *EVALUATIONS,
    *HALF_EVALUATIONS,
]
PUBLISHED += ["<results>/corpus/sample.parquet"]
PUBLISHED += ["<results>/corpus/truth.parquet"] if PLANTED else []
if config["publish"]["text"]:
    PUBLISHED += expand("<results>/corpus/documents/{part}.parquet", part=PARTS)
    PUBLISHED += expand("<results>/benchmarks/{benchmark}/queries.parquet", benchmark=BENCHMARKS)
# Made by hand after the run, so no rule can promise it.
PUBLISHED += [path for path in [f"{RESULTS}/report/report.html"] if Path(path).exists()]


rule publish:
    """Everything that may be shared in one folder, with checksums and metadata."""
    input:
        study=sorted(set(PUBLISHED)),
        # Read by their names in the config; here for Snakemake to see when they change.
        benchmarks=sorted(
            {
                path
                for definition in DEFINITIONS.values()
                for path in [
                    shown(definition.path),
                    *definition_inputs(definition, RESULTS, config["data"]),
                ]
            }
        ),
    output:
        sums="<results>/publish/SHA256SUMS",
    log:
        "<logs>/publish.log",
    benchmark:
        "<timings>/publish.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("publish"),
    params:
        version=VERSION["publish"],
        settings=config["publish"],
        # The complete config is part of what is shared.
        config=config,
    script:
        "../workflow_scripts/publish/publish.py"
