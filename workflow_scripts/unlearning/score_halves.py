"""Score every document of the working set on each half of one benchmark's questions.

in   rows, shards, sketches: document rows, their ids and what they were made with;
     queries, order: query rows
out  scores: doc_id, topic, score_a, score_b (mean cosines); questions: half of each question
"""

from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.attribution.manifest import check_same
from workflow_scripts.attribution.query_rows import load_query_rows, load_rows, mean_rows
from workflow_scripts.attribution.score_documents import score_shard
from workflow_scripts.attribution.sketch import read_manifest
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.unlearning.halves import question_halves
from workflow_scripts.unlearning.names import HALVES


def main(snakemake: Any) -> None:
    """Deal the questions, score and write."""
    source, output = snakemake.input, snakemake.output
    queries = load_query_rows(source.queries)
    for path in source.sketches:
        check_same(path, read_manifest(path), source.queries, queries.manifest)
    benchmark, seed = snakemake.wildcards.benchmark, snakemake.params.seed
    halves = question_halves(queries.tasks, seed, benchmark)
    targets = np.stack([mean_rows(queries.rows, halves == half) for half in HALVES], axis=1)
    parts = []
    for shard_path, rows_path in zip(source.shards, source.rows, strict=True):
        keys = read_table(shard_path, "corpus/shards", ["doc_id", "topic"])
        rows = load_rows(rows_path, keys.height, memory_map=True)
        scores = pl.DataFrame(score_shard(rows, targets), schema=["score_a", "score_b"])
        parts.append(pl.concat([keys, scores], how="horizontal"))
    write_table(pl.concat(parts), output.scores, "unlearning/half_scores")
    questions = pl.DataFrame({"query_id": queries.query_ids, "half": halves.tolist()})
    write_table(questions, output.questions, "unlearning/question_halves")


if __name__ == "__main__":
    run_job(main, snakemake)
