"""Costs of the study: snakemake preflight, and a measured rate: snakemake measure_rate.

Needs nothing but the config (make plan does the same before the study's files are there). Leaves
<results>/preflight/plan.json, and rate.json where the rate is measured on this machine. No rule of
the study depends on either.
"""

from workflow_scripts.preflight.costs.model_work import rate_path


localrules:
    preflight,


rule preflight:
    """Print jobs, disk, memory and GPU-hours by stage; refuse what does not fit."""
    log:
        "<logs>/preflight.log",
    conda:
        "../envs/analysis.yaml"
    params:
        # The one rule that takes the whole config: the plan is about all of it.
        config=config,
        plan=str(rate_path(config).with_name("plan.json")),
    script:
        "../workflow_scripts/preflight/preflight.py"


rule measure_rate:
    """Time a forward and backward pass of the study's model on dummy documents."""
    input:
        **(
            {"record": "<results>/model/model.json"}
            if config["model"]["source"] == "pretrained"
            else {}
        ),
    output:
        rate="<results>/preflight/rate.json",
    log:
        "<logs>/measure_rate.log",
    benchmark:
        "<timings>/measure_rate.tsv"
    conda:
        "../envs/engine.yaml"
    threads: 1
    resources:
        **needs("measure_rate"),
    params:
        train=config["model"]["train"],
        vocabulary=config["corpus"]["vocab_size"],
        active=SIZES.shape.active,
        length=config["preflight"]["mean_tokens"] or config["corpus"]["max_tokens"],
        precision=config["model"]["precision"],
        device=config["model"]["device"],
        tokens_per_batch=config["attribution"]["tokens_per_batch"],
    script:
        "../workflow_scripts/preflight/measure_rate.py"
