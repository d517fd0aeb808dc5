"""Summarise what each bin holds.

in   contract: JSON of sample_bins; documents: table corpus/documents of each part;
     folds: table corpus/folds;
     shards: table corpus/shard of each shard
out  summary: table corpus/bin_summary, 576 rows
"""

import logging
from collections.abc import Mapping
from typing import Any

import polars as pl

from workflow_scripts.common.errors import DataError, IntegrityError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.corpus.bins.bin_summary import (
    effective_documents,
    near_duplicate_share,
    summarise,
)

logger = logging.getLogger("atlas")


def available_documents(contract: Mapping[str, Any]) -> pl.DataFrame:
    """Well-formed documents of each bin in the corpus: topic, format, n_available."""
    rows = [
        (topic, format_, count)
        for topic, formats in contract["available"].items()
        for format_, count in formats.items()
    ]
    schema = {"topic": pl.String, "format": pl.String, "n_available": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def check_left_out(left_out: pl.DataFrame, documents: int, allowed_share: float) -> None:
    """Refuse a working set of which too many documents had nothing to predict.

    Args:
        left_out: doc_id of the documents that are in no shard.
        documents: documents drawn.
        allowed_share: ``corpus.max_malformed_share``.

    Raises:
        DataError: names the first of them and the key.
    """
    count = left_out.height
    if count > allowed_share * documents:
        raise DataError(
            f"document {left_out['doc_id'][0]!r} has fewer than two tokens, nothing to predict; "
            f"{count:,} of {documents:,} documents drawn are such, allowed share "
            f"{allowed_share:g}: take them out of the source or raise corpus.max_malformed_share"
        )


def likeness(kept: pl.DataFrame) -> pl.DataFrame:
    """Redundancy of each bin: near duplicates and effective sample size.

    Args:
        kept: topic, format, component, likeness of the documents that are in a shard.

    Returns:
        topic, format, n_components, near_duplicate_share, n_effective of the bins with documents.
    """
    rows = []
    for (topic, format_), bin_ in kept.sort("topic", "format").group_by(
        "topic", "format", maintain_order=True
    ):
        component = bin_["component"].to_numpy()
        share = near_duplicate_share(bin_["likeness"].to_numpy())
        count = bin_["component"].n_unique()
        rows.append((topic, format_, count, share, effective_documents(component)))
    schema = {"topic": pl.String, "format": pl.String, "n_components": pl.Int64}
    numbers = {"near_duplicate_share": pl.Float64, "n_effective": pl.Float64}
    return pl.DataFrame(rows, schema=schema | numbers, orient="row")


def main(snakemake: Any) -> None:
    """Gather counts, sites, tokens and near duplicates per bin."""
    contract, params = read_json(snakemake.input.contract), snakemake.params
    texts = list(snakemake.input.documents)
    columns = ["doc_id", "topic", "format", "url_domain"]
    documents = pl.concat(read_table(path, "corpus/documents", columns) for path in texts)
    columns = ["doc_id", "topic", "format", "n_tokens", "n_tokens_full"]
    tokens = pl.concat(
        read_table(path, "corpus/shards", columns) for path in snakemake.input.shards
    )
    columns = ["doc_id", "component", "likeness"]
    folds = read_table(snakemake.input.folds, "corpus/folds", columns)
    kept = documents.join(tokens, on="doc_id", how="semi")
    left_out = documents.join(tokens, on="doc_id", how="anti").sort("doc_id")
    if not (documents.height == contract["documents"] and kept.height == tokens.height):
        raise IntegrityError(
            f"the contract counts {contract['documents']} documents, the parts {documents.height} "
            f"and the shards {tokens.height}; delete corpus/shards and corpus/documents and run "
            "again"
        )
    check_left_out(left_out, documents.height, params.max_malformed_share)
    table = summarise(
        available_documents(contract),
        kept,
        left_out,
        tokens,
        likeness(kept.join(folds, on="doc_id")),
        params.documents_per_bin,
    )
    write_table(table, snakemake.output.summary, "corpus/bin_summary")
    cut = (tokens["n_tokens_full"] > tokens["n_tokens"]).mean()
    logger.info("%s tokens; %.1f%% of documents cut", f"{tokens['n_tokens'].sum():,}", 100 * cut)
    if left_out.height:
        logger.warning("%d documents with nothing to predict were left out", left_out.height)


if __name__ == "__main__":
    run_job(main, snakemake)
