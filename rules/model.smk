"""Stage model: the language model whose capability is traced.

Needs the tokenised shards when the model is trained here. Leaves model.json, which every later
stage opens the model through, and beside it the weights of a model trained here.
"""

if config["model"]["source"] == "train":

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
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("train_model"),
        params:
            version=VERSION["model"],
            seed=config["seeds"]["model"],
            settings=config["model"]["train"],
            state=f"{RESULTS}/.state/train_model",
        script:
            "../workflow_scripts/model/train_model.py"

    MODEL_FILES = ["<results>/model/config.json", "<results>/model/model.safetensors"]

else:

    rule reference_model:
        """Pin the pretrained model by the digests of its files or its revision."""
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
            path=config["model"]["pretrained"]["path"],
            revision=config["model"]["pretrained"]["revision"],
        script:
            "../workflow_scripts/model/reference_model.py"

    MODEL_FILES = []


# Another model may be asked for the gradients of the questions.
QUERY_INPUT = {}
if config["model"]["query"]["path"]:

    rule reference_query_model:
        """Pin the model whose gradients of the questions are used."""
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
            path=resolve(config["model"]["query"]["path"], config["data"]),
            revision=config["model"]["query"]["revision"],
        script:
            "../workflow_scripts/model/reference_model.py"

    QUERY_INPUT = {"query_record": "<results>/model/query_model.json"}


TARGETS += [f"{RESULTS}/model/model.json"]
