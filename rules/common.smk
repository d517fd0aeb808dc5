"""Names that every stage shares: the parts, shards and benchmarks of the study.

A study of an existing matrix (MATRIX, config key influence.matrix) has the stages influence and
report alone, and there only the rules that need neither documents nor questions.
"""

from importlib import import_module

from workflow_scripts.benchmarks.definitions import (
    definition_inputs,
    matrix_definitions,
    study_definitions,
)
from workflow_scripts.common.paths import check_files, check_python
from workflow_scripts.common.config.siblings import model_seeds, siblings
from workflow_scripts.corpus.sources.sources import resolve
from workflow_scripts.preflight.costs.resources import resources_of
from workflow_scripts.preflight.costs.sizes import sizes_of

STAGES = [
    "corpus",
    "model",
    "benchmarks",
    "attribution",
    "influence",
    "unlearning",
    "validation",
    "report",
    "publish",
]
VERSION = {stage: import_module(f"workflow_scripts.{stage}").VERSION for stage in STAGES}

RESULTS = f"results/{config['study']}"
PARTS = [f"p{index:04d}" for index in range(config["corpus"]["parts"])]
SHARDS = [f"s{index:04d}" for index in range(config["corpus"]["shards"])]
BENCHMARKS = config["benchmarks"]
MATRIX, WEIGHTS = config["influence"]["matrix"], config["influence"]["topic_weights"]


def check_own_files(*groups):
    """Check name and time of files that the study reads and no rule makes.

    A compute node's clock has no say in what was changed when, so jobs do not look.
    """
    if workflow.is_main_process:
        for group in groups:
            check_files(path for path in group if path and not path.startswith(f"{RESULTS}/"))


try:
    check_python(sys.executable)
    SIZES = sizes_of(config)
    DEFINITIONS = (
        matrix_definitions(BENCHMARKS)
        if MATRIX
        else study_definitions(BENCHMARKS, RESULTS, config["data"], config["corpus"]["source"])
    )
    check_own_files(
        [WEIGHTS and resolve(WEIGHTS, config["data"]), MATRIX],
        *(
            definition_inputs(definition, RESULTS, config["data"])
            for definition in ([] if MATRIX else DEFINITIONS.values())
        ),
    )
except AtlasError as error:
    print(f"config error: {error}", file=sys.stderr)
    sys.exit(1)

# Other trainings of the model, by name: how much of a map is this training.
SIBLINGS = siblings(config)
# Benchmarks whose truth is known, and those whose documents are forgotten.
PLANTED, FORGOTTEN = SIZES.planted, SIZES.forgotten
# True if small models can be retrained on parts of the working set.
RETRAINED = not MATRIX and config["model"]["source"] == "train"


def needs(name, wildcard=None):
    """Resources of a rule: what drives its costs in this study, times the attempt.

    ``wildcard`` names the one that holds a benchmark, where its questions drive the rule.
    """
    return resources_of(SIZES, name, wildcard)


# Targets of the study; each rule file adds its own.
TARGETS = []
