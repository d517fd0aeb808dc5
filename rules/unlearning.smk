"""Stage unlearning: damage to a capability by forgetting the regions that it is traced to.

Needs document scores, the base losses in the sketches, the model and the questions; never the
tables of bins, whose intervals may be asked for at another level. Leaves per benchmark, topic and
seed the sets, adapters and history of every arm; per topic and evaluated benchmark the answers of
every adapter; and the damage with its tests. A new benchmark is evaluated on the adapters that are
there; a new seed or topic trains its own alone.
"""

from workflow_scripts.unlearning.arms import CROSS_FITTED_ARMS
from workflow_scripts.unlearning.effects.registration import registration_digest, registration_of

TOPICS = config["unlearning"]["topics"]
UNLEARNING_SEEDS = config["seeds"]["unlearning"]
ARMS = ["targeted", *config["unlearning"]["arms"]]
# Settings that decide the bytes of a run; which runs there are, and their tests, do not.
RUN_SETTINGS = {
    key: value
    for key, value in config["unlearning"].items()
    if key
    not in (
        "arms",
        "benchmarks",
        "control",
        "cross_fit",
        "equivalence",
        "other_benchmark",
        "power",
        "registration",
        "topics",
    )
}
REGISTRATION = registration_of(config) if FORGOTTEN else {}
# Written into every evaluation; a later change makes none again (see registration.py).
NOTED = {"registration": registration_digest(REGISTRATION)}
metric_of = value_function(DEFINITIONS, "metric")
TOPIC_RUNS, CONTROL_RUNS, EVALUATIONS = [], [], []
CROSS_FIT = config["unlearning"]["cross_fit"]
CROSS_FITTED = FORGOTTEN[: CROSS_FIT["benchmarks"]]
HALF_SEEDS = UNLEARNING_SEEDS[: CROSS_FIT["seeds"] or None]
HALF_TOPICS = TOPICS[: CROSS_FIT["topics"] or None]
HALF_RUNS, HALF_EVALUATIONS = [], []
# The benchmark whose influence chooses the documents of the arm ``other``: the next one by default.
OTHER = {
    name: config["unlearning"]["other_benchmark"] or BENCHMARKS[(place + 1) % len(BENCHMARKS)]
    for place, name in enumerate(BENCHMARKS)
}


if FORGOTTEN:

    rule unlearn_topic:
        """Forget documents of a topic: targeted, and those of the arms they are compared with."""
        input:
            **(
                {
                    "other": lambda wildcards: f"{RESULTS}/attribution/scores/{OTHER[wildcards.benchmark]}.parquet"
                }
                if "other" in ARMS
                else {}
            ),
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            sketches=collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS),
            scores="<results>/attribution/scores/{benchmark}.parquet",
            queries="<results>/benchmarks/{benchmark}/queries.parquet",
            texts=collect(
                "<results>/corpus/documents/{part}.parquet",
                part=PARTS if "similar" in ARMS else [],
            ),
            record="<results>/model/model.json",
            weights=MODEL_FILES,
        output:
            **{
                arm: f"<results>/unlearning/{{benchmark}}/{{topic}}/seed{{seed}}/{arm}.safetensors"
                for arm in ARMS
            },
            sets="<results>/unlearning/{benchmark}/{topic}/seed{seed}/sets.parquet",
            history="<results>/unlearning/{benchmark}/{topic}/seed{seed}/history.parquet",
            run="<results>/unlearning/{benchmark}/{topic}/seed{seed}/run.json",
        log:
            "<logs>/unlearn_topic/{benchmark}-{topic}-{seed}.log",
        benchmark:
            "<timings>/unlearn_topic/{benchmark}-{topic}-{seed}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("unlearn_topic", "benchmark"),
        params:
            version=VERSION["unlearning"],
            seed_unlearning="{seed}",
            topic="{topic}",
            arms=ARMS[1:],
            settings=RUN_SETTINGS,
            metric=metric_of,
            precision=config["model"]["precision"],
            device=config["model"]["device"],
            tokens_per_batch=config["attribution"]["tokens_per_batch"],
            state=f"{RESULTS}/.state/unlearn_topic/{{benchmark}}-{{topic}}-{{seed}}",
        script:
            "../workflow_scripts/unlearning/forgetting/unlearn_topic.py"

    rule evaluate_unlearned:
        """Ask one benchmark's questions of every adapter of a topic, through lm-eval."""
        input:
            asked=input_function(DEFINITIONS, RESULTS, config["data"], "evaluated"),
            adapters=collect(
                "<results>/unlearning/{{benchmark}}/{{topic}}/seed{seed}/{arm}.safetensors",
                seed=UNLEARNING_SEEDS,
                arm=ARMS,
            ),
            runs=collect(
                "<results>/unlearning/{{benchmark}}/{{topic}}/seed{seed}/run.json",
                seed=UNLEARNING_SEEDS,
            ),
            record="<results>/model/model.json",
            weights=MODEL_FILES,
            tokenizer="<results>/corpus/tokenizer/tokenizer.json",
            tokenizer_config="<results>/corpus/tokenizer/tokenizer_config.json",
        output:
            evaluation="<results>/unlearning/{benchmark}/{topic}/evaluation/{evaluated}.parquet",
        log:
            "<logs>/evaluate_unlearned/{benchmark}-{topic}-{evaluated}.log",
        benchmark:
            "<timings>/evaluate_unlearned/{benchmark}-{topic}-{evaluated}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("evaluate_unlearned", "evaluated"),
        params:
            version=VERSION["unlearning"],
            evaluated="{evaluated}",
            asked=value_function(DEFINITIONS, "asked", "evaluated"),
            noted=NOTED,
            state=f"{RESULTS}/.state/registered/{{benchmark}}-{{topic}}-{{evaluated}}",
            data=data_function(DEFINITIONS, config["data"], "evaluated"),
            precision=config["model"]["precision"],
            device=config["model"]["device"],
        script:
            "../workflow_scripts/unlearning/effects/evaluate_unlearned.py"

    TOPIC_RUNS += expand(
        "<results>/unlearning/{benchmark}/{topic}/seed{seed}/run.json",
        benchmark=FORGOTTEN,
        topic=TOPICS,
        seed=UNLEARNING_SEEDS,
    )
    EVALUATIONS += expand(
        "<results>/unlearning/{benchmark}/{topic}/evaluation/{evaluated}.parquet",
        benchmark=FORGOTTEN,
        topic=TOPICS,
        evaluated=BENCHMARKS,
    )


if CROSS_FITTED:

    rule unlearn_halves:
        """Forget documents of a topic that one half of the questions chose."""
        input:
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            sketches=collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS),
            scores="<results>/attribution/scores/{benchmark}.parquet",
            queries="<results>/benchmarks/{benchmark}/queries.parquet",
            record="<results>/model/model.json",
            weights=MODEL_FILES,
        output:
            **{
                arm: "<results>/unlearning/{benchmark}/{topic}/halves/seed{seed}/"
                f"{arm}.safetensors"
                for arm in CROSS_FITTED_ARMS
            },
            sets="<results>/unlearning/{benchmark}/{topic}/halves/seed{seed}/sets.parquet",
            history="<results>/unlearning/{benchmark}/{topic}/halves/seed{seed}/history.parquet",
            run="<results>/unlearning/{benchmark}/{topic}/halves/seed{seed}/run.json",
        log:
            "<logs>/unlearn_halves/{benchmark}-{topic}-{seed}.log",
        benchmark:
            "<timings>/unlearn_halves/{benchmark}-{topic}-{seed}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("unlearn_halves", "benchmark"),
        params:
            version=VERSION["unlearning"],
            seed_unlearning="{seed}",
            topic="{topic}",
            settings=RUN_SETTINGS,
            metric=metric_of,
            precision=config["model"]["precision"],
            device=config["model"]["device"],
            tokens_per_batch=config["attribution"]["tokens_per_batch"],
            state=f"{RESULTS}/.state/unlearn_halves/{{benchmark}}-{{topic}}-{{seed}}",
        script:
            "../workflow_scripts/unlearning/forgetting/unlearn_halves.py"

    rule evaluate_halves:
        """Ask the target's questions of the adapters of both halves, through lm-eval."""
        input:
            asked=input_function(DEFINITIONS, RESULTS, config["data"], "evaluated"),
            adapters=collect(
                "<results>/unlearning/{{evaluated}}/{{topic}}/halves/seed{seed}/{arm}.safetensors",
                seed=HALF_SEEDS,
                arm=CROSS_FITTED_ARMS,
            ),
            runs=collect(
                "<results>/unlearning/{{evaluated}}/{{topic}}/halves/seed{seed}/run.json",
                seed=HALF_SEEDS,
            ),
            record="<results>/model/model.json",
            weights=MODEL_FILES,
            tokenizer="<results>/corpus/tokenizer/tokenizer.json",
            tokenizer_config="<results>/corpus/tokenizer/tokenizer_config.json",
        output:
            evaluation="<results>/unlearning/{evaluated}/{topic}/halves/evaluation.parquet",
        log:
            "<logs>/evaluate_halves/{evaluated}-{topic}.log",
        benchmark:
            "<timings>/evaluate_halves/{evaluated}-{topic}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("evaluate_halves", "evaluated"),
        params:
            version=VERSION["unlearning"],
            evaluated="{evaluated}",
            asked=value_function(DEFINITIONS, "asked", "evaluated"),
            noted=NOTED,
            state=f"{RESULTS}/.state/registered/{{evaluated}}-{{topic}}-halves",
            data=data_function(DEFINITIONS, config["data"], "evaluated"),
            precision=config["model"]["precision"],
            device=config["model"]["device"],
        script:
            "../workflow_scripts/unlearning/effects/evaluate_unlearned.py"

    HALF_RUNS += expand(
        "<results>/unlearning/{benchmark}/{topic}/halves/seed{seed}/run.json",
        benchmark=CROSS_FITTED,
        topic=HALF_TOPICS,
        seed=HALF_SEEDS,
    )
    HALF_EVALUATIONS += expand(
        "<results>/unlearning/{benchmark}/{topic}/halves/evaluation.parquet",
        benchmark=CROSS_FITTED,
        topic=HALF_TOPICS,
    )


if FORGOTTEN and config["unlearning"]["control"]:

    rule unlearn_control:
        """Forget documents of any topic, drawn by the seed alone."""
        input:
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            sketches=collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS),
            record="<results>/model/model.json",
            weights=MODEL_FILES,
        output:
            sets="<results>/unlearning/control/seed{seed}/sets.parquet",
            history="<results>/unlearning/control/seed{seed}/history.parquet",
            run="<results>/unlearning/control/seed{seed}/run.json",
            control="<results>/unlearning/control/seed{seed}/control.safetensors",
        log:
            "<logs>/unlearn_control/{seed}.log",
        benchmark:
            "<timings>/unlearn_control/{seed}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("unlearn_control"),
        params:
            version=VERSION["unlearning"],
            seed_unlearning="{seed}",
            topic="control",
            settings=RUN_SETTINGS,
            precision=config["model"]["precision"],
            device=config["model"]["device"],
            tokens_per_batch=config["attribution"]["tokens_per_batch"],
            state=f"{RESULTS}/.state/unlearn_control/{{seed}}",
        script:
            "../workflow_scripts/unlearning/forgetting/unlearn_topic.py"

    rule evaluate_control:
        """Ask one benchmark's questions of the control's adapters, through lm-eval."""
        input:
            asked=input_function(DEFINITIONS, RESULTS, config["data"], "evaluated"),
            adapters=collect(
                "<results>/unlearning/control/seed{seed}/control.safetensors",
                seed=UNLEARNING_SEEDS,
            ),
            runs=collect("<results>/unlearning/control/seed{seed}/run.json", seed=UNLEARNING_SEEDS),
            record="<results>/model/model.json",
            weights=MODEL_FILES,
            tokenizer="<results>/corpus/tokenizer/tokenizer.json",
            tokenizer_config="<results>/corpus/tokenizer/tokenizer_config.json",
        output:
            evaluation="<results>/unlearning/control/evaluation/{evaluated}.parquet",
        log:
            "<logs>/evaluate_control/{evaluated}.log",
        benchmark:
            "<timings>/evaluate_control/{evaluated}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("evaluate_control", "evaluated"),
        params:
            version=VERSION["unlearning"],
            evaluated="{evaluated}",
            asked=value_function(DEFINITIONS, "asked", "evaluated"),
            noted=NOTED,
            state=f"{RESULTS}/.state/registered/control-{{evaluated}}",
            data=data_function(DEFINITIONS, config["data"], "evaluated"),
            precision=config["model"]["precision"],
            device=config["model"]["device"],
        script:
            "../workflow_scripts/unlearning/effects/evaluate_unlearned.py"

    CONTROL_RUNS += expand(
        "<results>/unlearning/control/seed{seed}/run.json", seed=UNLEARNING_SEEDS
    )
    EVALUATIONS += expand(
        "<results>/unlearning/control/evaluation/{evaluated}.parquet", evaluated=BENCHMARKS
    )


if FORGOTTEN:

    rule estimate_effects:
        """Damage of every adapter, and the tests of its differences between arms."""
        input:
            runs=TOPIC_RUNS + CONTROL_RUNS,
            evaluations=EVALUATIONS,
            half_runs=HALF_RUNS,
            half_evaluations=HALF_EVALUATIONS,
            scores=expand("<results>/attribution/scores/{benchmark}.parquet", benchmark=FORGOTTEN),
            queries=expand("<results>/benchmarks/{benchmark}/queries.parquet", benchmark=BENCHMARKS),
        output:
            effects="<results>/unlearning/effects.parquet",
            tests="<results>/unlearning/tests.parquet",
            selectivity="<results>/unlearning/selectivity.parquet",
            registration="<results>/unlearning/registration.json",
            selection="<results>/unlearning/selection.parquet",
        log:
            "<logs>/estimate_effects.log",
        benchmark:
            "<timings>/estimate_effects.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("estimate_effects"),
        params:
            version=VERSION["unlearning"],
            arms=ARMS,
            benchmarks=BENCHMARKS,
            targets=FORGOTTEN,
            doses=RUN_SETTINGS["doses"],
            documents=RUN_SETTINGS["documents"],
            confidence=config["influence"]["confidence"],
            bootstraps=config["influence"]["bootstraps"],
            equivalence=config["unlearning"]["equivalence"],
            power=config["unlearning"]["power"],
            registration=REGISTRATION,
            seed=config["seeds"]["bootstrap"],
        script:
            "../workflow_scripts/unlearning/effects/estimate_effects.py"

    TARGETS += [
        f"{RESULTS}/unlearning/effects.parquet",
        f"{RESULTS}/unlearning/tests.parquet",
        f"{RESULTS}/unlearning/selectivity.parquet",
        f"{RESULTS}/unlearning/selection.parquet",
    ]


if FORGOTTEN:

    rule dose_response:
        """Dose response by question within every adapter, to the forgotten documents."""
        input:
            runs=TOPIC_RUNS + CONTROL_RUNS,
            sets=[path.replace("run.json", "sets.parquet") for path in TOPIC_RUNS + CONTROL_RUNS],
            evaluations=EVALUATIONS,
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            rows=collect("<results>/attribution/rows/{shard}.npy", shard=SHARDS),
            queries=collect("<results>/attribution/queries/{benchmark}.npy", benchmark=BENCHMARKS),
            order=collect("<results>/attribution/queries/{benchmark}.json", benchmark=BENCHMARKS),
            scores=collect("<results>/attribution/scores/{target}.parquet", target=FORGOTTEN),
        output:
            table="<results>/unlearning/dose_response.parquet",
            topics="<results>/unlearning/topics.parquet",
        log:
            "<logs>/dose_response.log",
        benchmark:
            "<timings>/dose_response.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("dose_response"),
        params:
            version=VERSION["unlearning"],
            benchmarks=BENCHMARKS,
            targets=FORGOTTEN,
            topics=len(TOPICS),
            doses=RUN_SETTINGS["doses"],
            confidence=config["influence"]["confidence"],
        script:
            "../workflow_scripts/unlearning/dose_response/estimate_dose_response.py"

    TARGETS += [
        f"{RESULTS}/unlearning/dose_response.parquet",
        f"{RESULTS}/unlearning/topics.parquet",
    ]
