"""Other trainings of the study's model: share of a map that is due to one training.

Part of the stages model, attribution and influence, for a study with several seeds.model or with
model.siblings; none of it is planned otherwise. Each sibling has its own preconditioner, document
pass (sums alone), rows of the questions and bin tables; its answers are not asked for.
"""

SIBLING = "<results>/attribution/siblings/{sibling}"
SIBLING_RECORD = "<results>/model/{sibling}/model.json"


if SIBLINGS and config["model"]["source"] == "train":

    use rule train_model as train_sibling with:
        output:
            config="<results>/model/{sibling}/config.json",
            weights="<results>/model/{sibling}/model.safetensors",
            record=SIBLING_RECORD,
            history="<results>/model/{sibling}/history.json",
        log:
            "<logs>/train_sibling/{sibling}.log",
        benchmark:
            "<timings>/train_sibling/{sibling}.tsv"
        params:
            seed=lambda wildcards: SIBLINGS[wildcards.sibling]["seed"],
            state=f"{RESULTS}/.state/train_sibling/{{sibling}}",

    SIBLING_FILES = [
        "<results>/model/{sibling}/config.json",
        "<results>/model/{sibling}/model.safetensors",
    ]

elif SIBLINGS:
    try:
        for each in SIBLINGS.values():
            each["path"] = resolve(each["path"], config["data"])
            if workflow.is_main_process:
                check_query_reference(each["path"], each["revision"], REFERENCE, "model.siblings")
            each["files"] = reference_files(each["path"])
            check_own_files(each["files"])
    except AtlasError as error:
        print(f"config error: {error}", file=sys.stderr)
        sys.exit(1)

    use rule reference_model as reference_sibling with:
        input:
            files=lambda wildcards: SIBLINGS[wildcards.sibling]["files"],
        output:
            record=SIBLING_RECORD,
        log:
            "<logs>/reference_sibling/{sibling}.log",
        benchmark:
            "<timings>/reference_sibling/{sibling}.tsv"
        params:
            path=lambda wildcards: SIBLINGS[wildcards.sibling]["path"],
            revision=lambda wildcards: SIBLINGS[wildcards.sibling]["revision"],

    use rule check_model as check_sibling with:
        input:
            document_record="<results>/model/model.json",
            record=SIBLING_RECORD,
        output:
            check="<results>/model/{sibling}/check.json",
        log:
            "<logs>/check_sibling/{sibling}.log",
        benchmark:
            "<timings>/check_sibling/{sibling}.tsv"
        params:
            key="model.siblings.path",

    SIBLING_FILES = ["<results>/model/{sibling}/check.json"]


if SIBLINGS:

    use rule fit_preconditioner as fit_sibling_preconditioner with:
        input:
            shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
            record=SIBLING_RECORD,
            weights=SIBLING_FILES,
        output:
            moments=f"{SIBLING}/moments.safetensors",
            settings=f"{SIBLING}/settings.json",
        log:
            "<logs>/fit_sibling_preconditioner/{sibling}.log",
        benchmark:
            "<timings>/fit_sibling_preconditioner/{sibling}.tsv"
        params:
            seed_projection=lambda wildcards: SIBLINGS[wildcards.sibling]["projection_seed"],

    use rule attribute_documents as attribute_sibling_documents with:
        input:
            shard="<results>/corpus/shards/{shard}.parquet",
            moments=f"{SIBLING}/moments.safetensors",
            settings=f"{SIBLING}/settings.json",
            record=SIBLING_RECORD,
            weights=SIBLING_FILES,
        output:
            sketch=f"{SIBLING}/sketches/{{shard}}.npz",
        log:
            "<logs>/attribute_sibling_documents/{sibling}-{shard}.log",
        benchmark:
            "<timings>/attribute_sibling_documents/{sibling}-{shard}.tsv"
        params:
            seed_projection=lambda wildcards: SIBLINGS[wildcards.sibling]["projection_seed"],

    use rule attribute_queries as attribute_sibling_queries with:
        input:
            queries="<results>/benchmarks/{benchmark}/queries.parquet",
            moments=f"{SIBLING}/moments.safetensors",
            settings=f"{SIBLING}/settings.json",
            record=SIBLING_RECORD,
            weights=SIBLING_FILES,
        output:
            rows=f"{SIBLING}/queries/{{benchmark}}.npy",
            raw=f"{SIBLING}/queries/{{benchmark}}.raw.npy",
            order=f"{SIBLING}/queries/{{benchmark}}.json",
        log:
            "<logs>/attribute_sibling_queries/{sibling}-{benchmark}.log",
        benchmark:
            "<timings>/attribute_sibling_queries/{sibling}-{benchmark}.tsv"
        params:
            seed_projection=lambda wildcards: SIBLINGS[wildcards.sibling]["projection_seed"],

    rule estimate_sibling_bins:
        """The bin table of one benchmark under another training of the model."""
        input:
            sketches=collect(f"{SIBLING}/sketches/{{shard}}.npz", shard=SHARDS, allow_missing=True),
            queries=f"{SIBLING}/queries/{{benchmark}}.npy",
            order=f"{SIBLING}/queries/{{benchmark}}.json",
            summary="<results>/corpus/bin_summary.parquet",
        output:
            bins="<results>/influence/siblings/{sibling}/{benchmark}.parquet",
            resampling="<results>/influence/siblings/{sibling}/{benchmark}.npz",
        log:
            "<logs>/estimate_sibling_bins/{sibling}-{benchmark}.log",
        benchmark:
            "<timings>/estimate_sibling_bins/{sibling}-{benchmark}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("estimate_sibling_bins", "benchmark"),
        params:
            version=VERSION["influence"],
            confidence=config["influence"]["confidence"],
            multiplicity=config["influence"]["multiplicity"],
        script:
            "../workflow_scripts/influence/siblings/estimate_sibling_bins.py"

    rule compare_models:
        """Agreement of the maps of all trainings, and the error that training adds."""
        input:
            bins=collect("<results>/influence/bins/{benchmark}.parquet", benchmark=BENCHMARKS),
            resampling=COMPARED["resampling"],
            sibling_bins=expand(
                "<results>/influence/siblings/{sibling}/{benchmark}.parquet",
                sibling=SIBLINGS,
                benchmark=BENCHMARKS,
            ),
            sibling_resampling=expand(
                "<results>/influence/siblings/{sibling}/{benchmark}.npz",
                sibling=SIBLINGS,
                benchmark=BENCHMARKS,
            ),
        output:
            agreement="<results>/influence/model_seeds.parquet",
            bins="<results>/influence/model_bins.parquet",
        log:
            "<logs>/compare_models.log",
        benchmark:
            "<timings>/compare_models.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("compare_models"),
        params:
            version=VERSION["influence"],
            benchmarks=BENCHMARKS,
            siblings=list(SIBLINGS),
        script:
            "../workflow_scripts/influence/siblings/compare_models.py"

    TARGETS += [
        f"{RESULTS}/influence/model_seeds.parquet",
        f"{RESULTS}/influence/model_bins.parquet",
    ]
