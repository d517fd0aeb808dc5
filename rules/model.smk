"""Stage model: the language model whose capability is traced.

Needs the tokenised shards when the model is trained here. Leaves model.json, which every later
stage opens the model through, and beside it the weights of a model trained here.
"""

from workflow_scripts.corpus.sources.sources import resolve
from workflow_scripts.model.pretrained_folder import (
    check_query_reference,
    check_reference,
    reference_files,
)

if config["model"]["source"] == "train":
    TASKS = config["model"]["train"]["tasks"]
    # With mpi the Slurm executor leaves srun to the script, which starts all tasks through it, on
    # as many nodes as --set-resources train_model:nodes=N says.
    TOGETHER = {"mpi": "srun", "tasks": TASKS, "nodes": 1, "cpus_per_task": 1} if TASKS > 1 else {}

    rule train_model:
        """Train a small Olmo3 model on the working set; a killed job goes on where it was."""
        input:
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            tokenizer="<results>/corpus/tokenizer/tokenizer.json",
            tokenizer_config="<results>/corpus/tokenizer/tokenizer_config.json",
        output:
            config="<results>/model/config.json",
            weights="<results>/model/model.safetensors",
            record="<results>/model/model.json",
            history="<results>/model/history.json",
        log:
            "<logs>/train_model.log",
        benchmark:
            "<timings>/train_model.tsv"
        # The longest job, and most others wait for it.
        priority: 1
        conda:
            "../envs/engine.yaml"
        threads: TASKS
        resources:
            **TOGETHER,
            **needs("train_model"),
        params:
            version=VERSION["model"],
            seed=model_seeds(config)[0],
            settings=config["model"]["train"],
            device=config["model"]["device"],
            state=f"{RESULTS}/.state/train_model",
        script:
            "../workflow_scripts/model/training/train_model.py"

    MODEL_FILES = ["<results>/model/config.json", "<results>/model/model.safetensors"]

else:
    try:
        REFERENCE = resolve(config["model"]["pretrained"]["path"], config["data"])
        REVISION = config["model"]["pretrained"]["revision"]
        if workflow.is_main_process:
            check_reference(REFERENCE, REVISION, config["corpus"]["max_tokens"])
        REFERENCE_FILES = reference_files(REFERENCE)
        check_own_files(REFERENCE_FILES)
    except AtlasError as error:
        print(f"config error: {error}", file=sys.stderr)
        sys.exit(1)

    rule reference_model:
        """Pin the pretrained model by the digests of its files or its revision."""
        input:
            files=REFERENCE_FILES,
        output:
            record="<results>/model/model.json",
        log:
            "<logs>/reference_model.log",
        benchmark:
            "<timings>/reference_model.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("reference_model"),
        params:
            version=VERSION["model"],
            path=REFERENCE,
            revision=REVISION,
        script:
            "../workflow_scripts/model/reference_model.py"

    rule check_model:
        """Check weights, layers and tokens of the pretrained model before a document is read."""
        input:
            record="<results>/model/model.json",
        output:
            check="<results>/model/check.json",
        log:
            "<logs>/check_model.log",
        benchmark:
            "<timings>/check_model.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("check_model"),
        params:
            version=VERSION["model"],
            max_tokens=config["corpus"]["max_tokens"],
        script:
            "../workflow_scripts/model/check_model.py"

    MODEL_FILES = []
    TARGETS += [f"{RESULTS}/model/check.json"]


# Another model may be asked for the gradients of the questions.
QUERY_INPUT = {}
if config["model"]["query"]["path"]:
    QUERY_REFERENCE = resolve(config["model"]["query"]["path"], config["data"])
    try:
        if workflow.is_main_process:
            own = config["model"]["source"] == "pretrained"
            check_query_reference(
                QUERY_REFERENCE,
                config["model"]["query"]["revision"],
                REFERENCE if own else "",
            )
        QUERY_FILES = reference_files(QUERY_REFERENCE)
        check_own_files(QUERY_FILES)
    except AtlasError as error:
        print(f"config error: {error}", file=sys.stderr)
        sys.exit(1)

    rule reference_query_model:
        """Pin the model whose gradients of the questions are used."""
        input:
            files=QUERY_FILES,
        output:
            record="<results>/model/query_model.json",
        log:
            "<logs>/reference_query_model.log",
        benchmark:
            "<timings>/reference_query_model.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("reference_query_model"),
        params:
            version=VERSION["model"],
            path=QUERY_REFERENCE,
            revision=config["model"]["query"]["revision"],
        script:
            "../workflow_scripts/model/reference_model.py"

    rule check_query_model:
        """Check weights and layers of the query model, against the study's where that is given."""
        input:
            **(
                {"document_record": "<results>/model/model.json"}
                if config["model"]["source"] == "pretrained"
                else {}
            ),
            record="<results>/model/query_model.json",
        output:
            check="<results>/model/query_check.json",
        log:
            "<logs>/check_query_model.log",
        benchmark:
            "<timings>/check_query_model.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("check_query_model"),
        params:
            version=VERSION["model"],
            max_tokens=config["corpus"]["max_tokens"],
        script:
            "../workflow_scripts/model/check_model.py"

    QUERY_INPUT = {"query_record": "<results>/model/query_model.json"}
    TARGETS += [f"{RESULTS}/model/query_check.json"]


TARGETS += [f"{RESULTS}/model/model.json"]
