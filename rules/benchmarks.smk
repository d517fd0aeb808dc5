"""Stage benchmarks: the questions of each benchmark and the base model's answers.

Needs the model and the tokenizer. Leaves per benchmark what was asked, token by token, the model's
answers, and its accuracy. What a definition in benchmarks/ asks is a parameter of its own jobs
alone; its titles are not a parameter.
"""

from workflow_scripts.benchmarks.definitions import (
    data_function,
    input_function,
    value_function,
)


rule answer_benchmark:
    """Ask the base model every question of a benchmark, through lm-eval."""
    input:
        asked=input_function(DEFINITIONS, RESULTS, config["data"]),
        model="<results>/model/model.json",
        tokenizer="<results>/corpus/tokenizer/tokenizer.json",
        tokenizer_config="<results>/corpus/tokenizer/tokenizer_config.json",
    output:
        queries="<results>/benchmarks/{benchmark}/queries.parquet",
        answers="<results>/benchmarks/{benchmark}/answers.parquet",
        results="<results>/benchmarks/{benchmark}/results.json",
    log:
        "<logs>/answer_benchmark/{benchmark}.log",
    benchmark:
        "<timings>/answer_benchmark/{benchmark}.tsv"
    conda:
        "../envs/engine.yaml"
    threads: 1
    resources:
        **needs("answer_benchmark", "benchmark"),
    params:
        version=VERSION["benchmarks"],
        definition="{benchmark}",
        asked=value_function(DEFINITIONS, "asked"),
        data=data_function(DEFINITIONS, config["data"]),
        precision=config["model"]["precision"],
        device=config["model"]["device"],
    script:
        "../workflow_scripts/benchmarks/answer_benchmark.py"


TARGETS += collect("<results>/benchmarks/{benchmark}/answers.parquet", benchmark=BENCHMARKS)
TARGETS += collect("<results>/benchmarks/{benchmark}/results.json", benchmark=BENCHMARKS)
