"""Capability Atlas: which regions of a pretraining corpus a model's capability comes from."""

import os
import sys

from workflow_scripts.benchmarks.questions import check_questions
from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import AtlasError
from workflow_scripts.run.slurm_leftovers import begin_run
from workflow_scripts.common.paths import check_folders
from workflow_scripts.common.config.siblings import NAMES
from workflow_scripts.run.headline import end_run
from workflow_scripts.run.run_options import note_options
from workflow_scripts.run.failures import report_failures
from workflow_scripts.run.lock import stop_stray_jobs
from workflow_scripts.run.records import rerun_by_content


configfile: os.path.join(workflow.basedir, "config.yaml")


try:
    check_folders(os.fspath(workflow.basedir), os.getcwd())
    config = complete(config)
except AtlasError as error:
    print(f"config error: {error}", file=sys.stderr)
    sys.exit(1)


rerun_by_content(workflow, f"results/{config['study']}")


pathvars:
    results=f"results/{config['study']}",
    logs=f"results/{config['study']}/logs",
    timings=f"results/{config['study']}/timings",


# The report's front page: the study's story where it is written, else what a study is.
STORY = os.path.abspath(f"results/{config['study']}/report/story.rst")


report: STORY if os.path.exists(STORY) else "report/workflow.rst"


include: "rules/common.smk"


wildcard_constraints:
    part=r"p\d{4}",
    shard=r"s\d{4}",
    group=r"g\d{4}",
    benchmark="|".join(BENCHMARKS),
    evaluated="|".join(BENCHMARKS),
    topic=r"top\d\d|[a-z_]+",
    seed=r"\d+",
    sibling=NAMES,


if not MATRIX:

    include: "rules/corpus.smk"
    include: "rules/model.smk"
    include: "rules/benchmarks.smk"
    include: "rules/attribution.smk"


include: "rules/influence.smk"


if not MATRIX:

    include: "rules/siblings.smk"
    include: "rules/unlearning.smk"
    include: "rules/validation.smk"


include: "rules/report.smk"
include: "rules/preflight.smk"


if not MATRIX:

    include: "rules/publish.smk"


onstart:
    try:
        begin_run(RESULTS, log)
        for line in stop_stray_jobs(RESULTS):
            print(line, file=sys.stderr)
        note_options(
            RESULTS,
            workflow.config_settings.configfiles,
            workflow.config_settings.config_args or [],
        )
        if not MATRIX:
            check_questions(DEFINITIONS, RESULTS, config["data"])
    except AtlasError as error:
        print(f"not started: {error}", file=sys.stderr)
        sys.exit(1)


onsuccess:
    end_run(RESULTS, log)


onerror:
    report_failures(log)


rule all:
    """Everything that the study's report shows."""
    default_target: True
    input:
        TARGETS,
