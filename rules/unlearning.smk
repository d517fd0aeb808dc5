"""Stage unlearning: does forgetting a region hurt the capability that is traced to it?

Needs document scores, the base losses in the sketches, the model and the questions; never the
tables of bins, whose intervals may be asked for at another level. Leaves per benchmark, topic and seed the sets, adapters and history of three arms; per
topic and evaluated benchmark the answers of every adapter; and the damage with its tests. A new
benchmark is evaluated on the adapters that are there; a new seed or topic trains its own alone.
"""

from workflow_scripts.unlearning.registration import registration_digest, registration_of

TOPICS = config["unlearning"]["topics"]
UNLEARNING_SEEDS = config["seeds"]["unlearning"]
ARMS = ["targeted", "random", "bottom"]
# What decides the bytes of a run; which runs there are, and how they are tested, does not.
RUN_SETTINGS = {
    key: value
    for key, value in config["unlearning"].items()
    if key not in ("benchmarks", "topics", "control", "equivalence", "power", "registration")
}
REGISTRATION = registration_of(config) if FORGOTTEN else {}
# Written into every evaluation; a later change makes none again (see registration.py).
NOTED = {"registration": registration_digest(REGISTRATION)}
metric_of = value_function(DEFINITIONS, "metric")
TOPIC_RUNS, CONTROL_RUNS, EVALUATIONS = [], [], []


if FORGOTTEN:

    rule unlearn_topic:
        """Forget documents of a topic: targeted, matched at random, and of lowest influence."""
        input:
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            sketches=collect("<results>/attribution/sketches/{shard}.npz", shard=SHARDS),
            scores="<results>/attribution/scores/{benchmark}.parquet",
            queries="<results>/benchmarks/{benchmark}/queries.parquet",
            record="<results>/model/model.json",
            weights=MODEL_FILES,
        output:
            sets="<results>/unlearning/{benchmark}/{topic}/seed{seed}/sets.parquet",
            history="<results>/unlearning/{benchmark}/{topic}/seed{seed}/history.parquet",
            run="<results>/unlearning/{benchmark}/{topic}/seed{seed}/run.json",
            targeted="<results>/unlearning/{benchmark}/{topic}/seed{seed}/targeted.safetensors",
            random="<results>/unlearning/{benchmark}/{topic}/seed{seed}/random.safetensors",
            bottom="<results>/unlearning/{benchmark}/{topic}/seed{seed}/bottom.safetensors",
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
            settings=RUN_SETTINGS,
            metric=metric_of,
            precision=config["model"]["precision"],
            device=config["model"]["device"],
            tokens_per_batch=config["attribution"]["tokens_per_batch"],
            state=f"{RESULTS}/.state/unlearn_topic/{{benchmark}}-{{topic}}-{{seed}}",
        script:
            "../workflow_scripts/unlearning/unlearn_topic.py"

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
            "../workflow_scripts/unlearning/evaluate_unlearned.py"

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
            "../workflow_scripts/unlearning/unlearn_topic.py"

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
            "../workflow_scripts/unlearning/evaluate_unlearned.py"

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
        output:
            effects="<results>/unlearning/effects.parquet",
            tests="<results>/unlearning/tests.parquet",
            selectivity="<results>/unlearning/selectivity.parquet",
            registration="<results>/unlearning/registration.json",
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
            doses=RUN_SETTINGS["doses"],
            confidence=config["influence"]["confidence"],
            bootstraps=config["influence"]["bootstraps"],
            equivalence=config["unlearning"]["equivalence"],
            power=config["unlearning"]["power"],
            registration=REGISTRATION,
            seed=config["seeds"]["bootstrap"],
        script:
            "../workflow_scripts/unlearning/estimate_effects.py"

    TARGETS += [
        f"{RESULTS}/unlearning/effects.parquet",
        f"{RESULTS}/unlearning/tests.parquet",
        f"{RESULTS}/unlearning/selectivity.parquet",
    ]


if FORGOTTEN:

    rule dose_response:
        """Within every adapter: do questions lose as the forgotten documents support them?"""
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
            "../workflow_scripts/unlearning/estimate_dose_response.py"

    TARGETS += [
        f"{RESULTS}/unlearning/dose_response.parquet",
        f"{RESULTS}/unlearning/topics.parquet",
    ]
