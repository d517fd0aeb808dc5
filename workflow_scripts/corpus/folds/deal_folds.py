"""Assign the working set's documents to folds: whole sites and near-duplicates together.

in   sample: table corpus/sample; documents: table corpus/documents of each part
out  folds: table corpus/folds

One topic's text is held at a time.
"""

import logging
from collections.abc import Sequence
from typing import Any

import polars as pl

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.streamed_tables import scan_table
from workflow_scripts.common.tables import polars_schema, read_table, write_table
from workflow_scripts.common.taxonomy import TOPICS
from workflow_scripts.corpus.folds.dealing import deal, number_components
from workflow_scripts.corpus.folds.near_duplicates import connected, near_duplicate_pairs

logger = logging.getLogger("atlas")

COLUMNS = ["doc_id", "topic", "format", "url_domain", "text"]


def deal_bin(documents: pl.DataFrame, threshold: float, folds: int) -> pl.DataFrame:
    """Components and folds of one bin.

    Args:
        documents: doc_id, url_domain, text in the order of the draw.
        threshold: similarity from which two documents are near duplicates.
        folds: number of folds.

    Returns:
        The columns of the table ``corpus/folds``.
    """
    pairs = near_duplicate_pairs(documents["text"].to_list(), threshold)
    component = number_components(documents["url_domain"].to_list(), pairs)
    return documents.select(
        "doc_id",
        pl.Series("component", component, dtype=pl.Int64),
        pl.Series("likeness", connected(documents.height, pairs), dtype=pl.Int64),
        pl.Series("fold", deal(component, folds), dtype=pl.Int64),
    )


def deal_folds(
    sample: pl.DataFrame, paths: Sequence[str], threshold: float, folds: int
) -> pl.DataFrame:
    """Components and folds of the working set.

    Args:
        sample: doc_id, draw_rank.
        paths: the parts of the table corpus/documents.
        threshold: similarity from which two documents are near duplicates.
        folds: number of folds.

    Returns:
        The table ``corpus/folds``.

    Raises:
        IntegrityError: a document of the sample has no text in any part.
    """
    schema = polars_schema("corpus/folds")
    frames = [pl.DataFrame(schema=schema)]
    progress = Progress(len(TOPICS), "topics searched for near duplicates")
    for topic in TOPICS:
        texts = [
            scan_table(path, "corpus/documents", COLUMNS).filter(topic=topic).collect()
            for path in paths
        ]
        drawn = pl.concat(texts).join(sample, on="doc_id").sort("format", "draw_rank")
        frames += [
            deal_bin(bin_, threshold, folds).select(list(schema))
            for _, bin_ in drawn.group_by("format", maintain_order=True)
        ]
        progress.advance()
    table = pl.concat(frames)
    if table.height != sample.height:
        lost = sample.join(table, on="doc_id", how="anti")
        raise IntegrityError(
            f"the parts lack the text of {lost.height} document(s) of the sample, first "
            f"{lost['doc_id'].first()!r}; delete corpus/documents and run again"
        )
    return table


def main(snakemake: Any) -> None:
    """Assign and write."""
    sample = read_table(snakemake.input.sample, "corpus/sample", ["doc_id", "draw_rank"])
    params = snakemake.params
    table = deal_folds(sample, snakemake.input.documents, params.threshold, params.folds)
    write_table(table, snakemake.output.folds, "corpus/folds")
    logger.info("%s documents dealt to %d folds a bin", f"{table.height:,}", params.folds)


if __name__ == "__main__":
    run_job(main, snakemake)
