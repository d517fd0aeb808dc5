"""Names that every stage shares: the parts, shards and benchmarks of the study."""

from importlib import import_module

from workflow_scripts.common.resources import scaled

STAGES = [
    "corpus",
    "model",
    "benchmarks",
    "attribution",
    "influence",
    "unlearning",
    "validation",
    "report",
]
VERSION = {stage: import_module(f"workflow_scripts.{stage}").VERSION for stage in STAGES}

RESULTS = f"results/{config['study']}"
PARTS = [f"p{index:04d}" for index in range(config["corpus"]["parts"])]
SHARDS = [f"s{index:04d}" for index in range(config["corpus"]["shards"])]
BENCHMARKS = config["benchmarks"]

# What the study asks for; each rule file adds its own.
TARGETS = []
