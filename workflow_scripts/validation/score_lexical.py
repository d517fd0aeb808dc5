"""Map the benchmarks by TF-IDF cosine between documents and questions with their gold answer.

in   documents: the working set's text, by part; sample: folds; queries: of every benchmark;
     summary: sites per bin
out  tfidf: the columns of influence/bin_influence, all benchmarks
"""

import logging
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.influence.makeup import read_makeup
from workflow_scripts.validation.lexical import fit_documents, group_sums, lexical_means
from workflow_scripts.validation.scoring import (
    bin_positions,
    occupied_groups,
    write_maps,
)

logger = logging.getLogger("atlas")


def read_working_set(parts: list[str], sample: str) -> pl.DataFrame:
    """Text, bin and fold of every document, in the order of doc_id whatever the parts.

    Raises:
        IntegrityError: the text of a sampled document is missing.
    """
    columns = ["doc_id", "topic", "format", "text"]
    texts = pl.concat([read_table(path, "corpus/documents", columns) for path in parts])
    folds = read_table(sample, "corpus/sample", ["doc_id", "fold"])
    joined = folds.join(texts, on="doc_id", how="left").sort("doc_id")
    missing = joined.filter(pl.col("text").is_null())
    if missing.height:
        raise IntegrityError(
            f"{missing.height} documents of {sample} have no text in {', '.join(parts)}; "
            f"the first is {missing['doc_id'][0]!r}; delete the part and run again"
        )
    return joined


def main(snakemake: Any) -> None:
    """Score and write."""
    source, params = snakemake.input, snakemake.params
    documents = read_working_set(source.documents, source.sample)
    space = fit_documents(documents["text"].to_list())
    groups, owner, counts = occupied_groups(bin_positions(documents), documents["fold"].to_numpy())
    sums = group_sums(space.rows, owner, len(groups))
    maps = []
    for benchmark, path in zip(params.benchmarks, source.queries, strict=True):
        queries = read_table(path, "benchmarks/queries", ["prompt", "target"])
        rows = space.vectorizer.transform((queries["prompt"] + queries["target"]).to_list())
        unknown = int((np.diff(rows.indptr) == 0).sum())
        logger.info(
            "%s: %d questions, %d of them without a word of the corpus",
            benchmark,
            queries.height,
            unknown,
        )
        maps.append((benchmark, lexical_means(groups, counts, sums, rows)))
    makeup = read_makeup(source.summary)
    write_maps(snakemake.output.tfidf, maps, makeup, params.confidence, params.multiplicity)


if __name__ == "__main__":
    run_job(main, snakemake)
