"""Stage corpus: manifest, working set, documents, tokenizer, tokenised shards, bin summary.

Needs the source files (or plants a world); leaves everything that later stages read of the
corpus. Nothing after the manifest and the documents opens a source file.
"""

from itertools import chain

from workflow_scripts.corpus.planted.capability_wording import question_files
from workflow_scripts.corpus.sources.sources import (
    attribute_files,
    beside,
    group_parts,
    hub_sizes,
    reference_tokenizer_files,
    resolve,
    source_files,
    source_layout,
)

try:
    SOURCE_LAYOUT = source_layout(config)
    PART_FILES = group_parts(source_files(config, RESULTS), PARTS)
    HUB_SIZES = hub_sizes(config)
    PART_ATTRIBUTES = {
        part: attribute_files(files, SOURCE_LAYOUT) for part, files in PART_FILES.items()
    }
    check_own_files(*PART_FILES.values(), *PART_ATTRIBUTES.values())
    check_own_files(reference_tokenizer_files(config))
except AtlasError as error:
    print(f"config error: {error}", file=sys.stderr)
    sys.exit(1)

# A hub dataset's files lie in the hub's cache, where Snakemake has no business: each part has a
# receipt of its own in their place.
FROM_HUB = config["corpus"]["source"] == "hub"
CLASSIFIERS = {
    kind: resolve(path, config["data"])
    for kind in ("topic", "format")
    if (path := config["corpus"]["annotate"][f"{kind}_model"])
}
ANNOTATED = bool(CLASSIFIERS)
PART_SOURCES = {part: [] if FROM_HUB else files for part, files in PART_FILES.items()}
RECEIPT = ["<results>/corpus/hub/{part}.json"] if FROM_HUB else []
ANNOTATIONS = ["<results>/corpus/annotations/{part}.parquet"] if ANNOTATED else []
# No document is read before the models have been checked. Order alone: another model reads the
# corpus no second time.
CHECKED = {}
if config["model"]["source"] == "pretrained":
    CHECKED["model_check"] = ancient("<results>/model/check.json")
if config["model"]["query"]["path"]:
    CHECKED["query_model_check"] = ancient("<results>/model/query_check.json")


if config["corpus"]["source"] == "planted":

    rule plant_world:
        """Generate the planted corpus, the truth about its bins and its questions."""
        output:
            documents=expand("<results>/corpus/world/documents-{number}.jsonl.gz", number=range(4)),
            truth="<results>/corpus/truth.parquet",
            questions=expand(
                "<results>/corpus/questions/{task}.jsonl",
                task=chain.from_iterable(
                    map(question_files, config["corpus"]["planted"]["benchmarks"])
                ),
            ),
        log:
            "<logs>/plant_world/all.log",
        benchmark:
            "<timings>/plant_world/all.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("plant_world"),
        params:
            version=VERSION["corpus"],
            world=config["corpus"]["planted"],
            seed=config["seeds"]["corpus"],
        script:
            "../workflow_scripts/corpus/planted/plant_world.py"


if FROM_HUB:
    PART_BESIDE = {part: beside(files, SOURCE_LAYOUT) for part, files in PART_FILES.items()}

    # Needs the network, which compute nodes often lack, and little else.
    localrules:
        fetch_files,

    rule fetch_files:
        """Have the files of one part of a hub dataset in the hub's cache."""
        input:
            **CHECKED,
        output:
            receipt="<results>/corpus/hub/{part}.json",
        log:
            "<logs>/fetch_files/{part}.log",
        benchmark:
            "<timings>/fetch_files/{part}.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            **needs("fetch_files"),
        params:
            version=VERSION["corpus"],
            layout=SOURCE_LAYOUT,
            documents=lambda wildcards: PART_FILES[wildcards.part],
            beside=lambda wildcards: PART_BESIDE[wildcards.part],
            sizes=lambda wildcards: [
                HUB_SIZES[file]
                for file in PART_FILES[wildcards.part] + PART_BESIDE[wildcards.part]
            ],
            offline=config["corpus"]["hub"]["offline"],
        script:
            "../workflow_scripts/corpus/sources/fetch_files.py"


if ANNOTATED:

    rule annotate_part:
        """Label the documents of one part that have no label."""
        input:
            **CHECKED,
            documents=lookup(dpath="{part}", within=PART_SOURCES),
            attributes=lookup(dpath="{part}", within=PART_ATTRIBUTES),
            receipt=RECEIPT,
        output:
            annotations="<results>/corpus/annotations/{part}.parquet",
        log:
            "<logs>/annotate_part/{part}.log",
        benchmark:
            "<timings>/annotate_part/{part}.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("annotate_part"),
        params:
            version=VERSION["corpus"],
            layout=SOURCE_LAYOUT,
            data=config["data"],
            annotate=config["corpus"]["annotate"],
            models=CLASSIFIERS,
            device=config["model"]["device"],
            precision=config["model"]["precision"],
        script:
            "../workflow_scripts/corpus/sources/annotate_part.py"


rule index_documents:
    """Index one part of the source: labels, lengths and places of its documents."""
    input:
        **CHECKED,
        documents=lookup(dpath="{part}", within=PART_SOURCES),
        attributes=lookup(dpath="{part}", within=PART_ATTRIBUTES),
        receipt=RECEIPT,
        annotations=ANNOTATIONS,
    output:
        manifest="<results>/corpus/manifest/{part}.parquet",
        malformed="<results>/corpus/manifest/{part}.malformed.json",
    log:
        "<logs>/index_documents/{part}.log",
    benchmark:
        "<timings>/index_documents/{part}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("index_documents"),
    params:
        version=VERSION["corpus"],
        layout=SOURCE_LAYOUT,
        data=config["data"],
        strict=config["corpus"]["max_malformed_share"] == 0,
    script:
        "../workflow_scripts/corpus/sources/index_documents.py"


rule sample_bins:
    """Draw the working set: in each bin the documents with the smallest keyed hash."""
    input:
        manifests=collect("<results>/corpus/manifest/{part}.parquet", part=PARTS),
        malformed=collect("<results>/corpus/manifest/{part}.malformed.json", part=PARTS),
    output:
        sample="<results>/corpus/sample.parquet",
        contract="<results>/corpus/sample_contract.json",
    log:
        "<logs>/sample_bins/all.log",
    benchmark:
        "<timings>/sample_bins/all.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("sample_bins"),
    params:
        version=VERSION["corpus"],
        parts=PARTS,
        documents_per_bin=config["corpus"]["documents_per_bin"],
        max_malformed_share=config["corpus"]["max_malformed_share"],
        repeated_ids=config["corpus"]["repeated_ids"],
        seed=config["seeds"]["corpus"],
    script:
        "../workflow_scripts/corpus/sampling/sample_bins.py"


rule collect_documents:
    """Collect the working set's text from one part of the source."""
    input:
        sample="<results>/corpus/sample.parquet",
        documents=lookup(dpath="{part}", within=PART_SOURCES),
        attributes=lookup(dpath="{part}", within=PART_ATTRIBUTES),
        receipt=RECEIPT,
    output:
        documents="<results>/corpus/documents/{part}.parquet",
    log:
        "<logs>/collect_documents/{part}.log",
    benchmark:
        "<timings>/collect_documents/{part}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("collect_documents"),
    params:
        version=VERSION["corpus"],
        layout=SOURCE_LAYOUT,
        data=config["data"],
    script:
        "../workflow_scripts/corpus/sources/collect_documents.py"


rule deal_folds:
    """Assign each bin's documents to folds, whole sites and near duplicates together."""
    input:
        sample="<results>/corpus/sample.parquet",
        documents=collect("<results>/corpus/documents/{part}.parquet", part=PARTS),
    output:
        folds="<results>/corpus/folds.parquet",
    log:
        "<logs>/deal_folds/all.log",
    benchmark:
        "<timings>/deal_folds/all.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("deal_folds"),
    params:
        version=VERSION["corpus"],
        folds=config["corpus"]["folds"],
        threshold=config["corpus"]["near_duplicate_threshold"],
    script:
        "../workflow_scripts/corpus/folds/deal_folds.py"


if config["model"]["source"] == "train":

    rule fit_tokenizer:
        """Fit a byte-level tokenizer on the working set."""
        input:
            documents=collect("<results>/corpus/documents/{part}.parquet", part=PARTS),
        output:
            tokenizer="<results>/corpus/tokenizer/tokenizer.json",
            settings="<results>/corpus/tokenizer/tokenizer_config.json",
        log:
            "<logs>/fit_tokenizer/all.log",
        benchmark:
            "<timings>/fit_tokenizer/all.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("fit_tokenizer"),
        params:
            version=VERSION["corpus"],
            vocab_size=config["corpus"]["vocab_size"],
        script:
            "../workflow_scripts/corpus/tokens/fit_tokenizer.py"

else:

    rule copy_tokenizer:
        """Take over the tokenizer of the pretrained model."""
        input:
            **CHECKED,
            files=reference_tokenizer_files(config),
        output:
            tokenizer="<results>/corpus/tokenizer/tokenizer.json",
            settings="<results>/corpus/tokenizer/tokenizer_config.json",
        log:
            "<logs>/copy_tokenizer/all.log",
        benchmark:
            "<timings>/copy_tokenizer/all.tsv"
        conda:
            "../envs/engine.yaml"
        threads: 1
        resources:
            **needs("copy_tokenizer"),
        params:
            version=VERSION["corpus"],
            path=resolve(config["model"]["pretrained"]["path"], config["data"]),
            revision=config["model"]["pretrained"]["revision"],
        script:
            "../workflow_scripts/corpus/tokens/copy_tokenizer.py"


rule cut_shards:
    """Cut the working set into contiguous shards of about equal estimated tokens."""
    input:
        sample="<results>/corpus/sample.parquet",
    output:
        cut="<results>/corpus/cut.parquet",
    log:
        "<logs>/cut_shards/all.log",
    benchmark:
        "<timings>/cut_shards/all.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("cut_shards"),
    params:
        version=VERSION["corpus"],
        shards=SHARDS,
        max_tokens=config["corpus"]["max_tokens"],
    script:
        "../workflow_scripts/corpus/tokens/cut_shards.py"


rule tokenize_shard:
    """Tokenise the documents of one shard and cut them at max_tokens."""
    input:
        sample="<results>/corpus/sample.parquet",
        folds="<results>/corpus/folds.parquet",
        cut="<results>/corpus/cut.parquet",
        documents=collect("<results>/corpus/documents/{part}.parquet", part=PARTS),
        tokenizer="<results>/corpus/tokenizer/tokenizer.json",
        settings="<results>/corpus/tokenizer/tokenizer_config.json",
    output:
        shard="<results>/corpus/shards/{shard}.parquet",
    log:
        "<logs>/tokenize_shard/{shard}.log",
    benchmark:
        "<timings>/tokenize_shard/{shard}.tsv"
    conda:
        "../envs/engine.yaml"
    threads: 1
    resources:
        **needs("tokenize_shard"),
    params:
        version=VERSION["corpus"],
        max_tokens=config["corpus"]["max_tokens"],
        max_malformed_share=config["corpus"]["max_malformed_share"],
    script:
        "../workflow_scripts/corpus/tokens/tokenize_shard.py"


rule summarise_bins:
    """Size, sites, near duplicates and truncation of each of the 576 bins."""
    input:
        contract="<results>/corpus/sample_contract.json",
        folds="<results>/corpus/folds.parquet",
        documents=collect("<results>/corpus/documents/{part}.parquet", part=PARTS),
        shards=collect("<results>/corpus/shards/{shard}.parquet", shard=SHARDS),
    output:
        summary="<results>/corpus/bin_summary.parquet",
    log:
        "<logs>/summarise_bins/all.log",
    benchmark:
        "<timings>/summarise_bins/all.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **needs("summarise_bins"),
    params:
        version=VERSION["corpus"],
        documents_per_bin=config["corpus"]["documents_per_bin"],
        max_malformed_share=config["corpus"]["max_malformed_share"],
    script:
        "../workflow_scripts/corpus/bins/summarise_bins.py"


TARGETS += [
    "<results>/corpus/bin_summary.parquet",
    "<results>/corpus/sample_contract.json",
]
