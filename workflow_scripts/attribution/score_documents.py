"""Score every document of the working set on one benchmark.

in   rows, shards, sketches: document rows, their ids and what they were made with;
     queries, order: query rows; answers: correctness
out  scores: doc_id, topic, format, score, score_correct, score_incorrect, score_a, score_b (mean
     cosines)
"""

from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.attribution.compatibility import check_same
from workflow_scripts.attribution.query_rows import load_query_rows, load_rows, mean_rows
from workflow_scripts.attribution.question_halves import HALVES, question_halves
from workflow_scripts.attribution.sketch import read_manifest
from workflow_scripts.benchmarks.answers import answered_right
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import read_table, write_table

COLUMNS = ["score", "score_correct", "score_incorrect", *(f"score_{half}" for half in HALVES)]


def score_shard(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Mean cosine of each document with each group of queries.

    Args:
        rows: (n, d) stored unit rows.
        targets: (d, k) float64 mean query rows; a column of NaN for a group without queries.

    Returns:
        (n, k) float64; positive = supports.
    """
    blocks = np.array_split(np.arange(len(rows)), max(1, len(rows) // 4096))
    return np.concatenate([rows[block].astype(np.float64) @ targets for block in blocks])


def main(snakemake: Any) -> None:
    """Score and write."""
    source = snakemake.input
    queries = load_query_rows(source.queries)
    for path in source.sketches:
        check_same(path, read_manifest(path), source.queries, queries.manifest)
    right = answered_right(source.answers, queries.query_ids)
    half = question_halves(queries.tasks, queries.passages)
    groups = (None, right, ~right, half == 0, half == 1)
    targets = np.stack([mean_rows(queries.rows, chosen) for chosen in groups], axis=1)
    parts, progress = [], Progress(len(source.shards), "shards scored")
    for shard_path, rows_path in zip(source.shards, source.rows, strict=True):
        keys = read_table(shard_path, "corpus/shards", ["doc_id", "topic", "format"])
        rows = load_rows(rows_path, keys.height, memory_map=True)
        scores = pl.DataFrame(score_shard(rows, targets), schema=COLUMNS).fill_nan(None)
        parts.append(pl.concat([keys, scores], how="horizontal"))
        progress.advance()
    write_table(pl.concat(parts), snakemake.output.scores, "attribution/scores")


if __name__ == "__main__":
    run_job(main, snakemake)
