"""Estimate within every adapter the dose response of questions to the forgotten documents.

in   runs, sets: of every benchmark, topic and seed; evaluations: of every topic and evaluated
     benchmark; shards, rows: the document rows and their ids; queries: query rows of the
     benchmarks in the order of params.benchmarks; scores: of the targets
out  table: one row per target, evaluated benchmark, topic, arm, seed and dose, and one over the
     topics; topics: which topics either half of the questions would choose
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.attribution.query_rows import QueryRows, load_query_rows, load_rows
from workflow_scripts.benchmarks.question_clusters import question_clusters
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.unlearning.arms import CONTROL, RETAIN
from workflow_scripts.unlearning.dose_response.dose_response import (
    ALL_TOPICS,
    SCHEMA,
    Response,
    adapter_row,
    margins_of,
    pooled_table,
    problem,
    respond,
)
from workflow_scripts.unlearning.effects.damage import planned_rows
from workflow_scripts.unlearning.forgetting.run_records import read_run
from workflow_scripts.unlearning.selection.topics import topics_by_half

logger = logging.getLogger("atlas")

# Folder of the topic, arm, seed.
Key = tuple[Path, str, int]
Sets = dict[Key, pl.Series]
ANSWERS = ["arm", "seed", "dose", "query_id", "margin"]


def read_sets(paths: Sequence[str]) -> Sets:
    """Forgotten documents of every arm and seed, by the folder of their topic."""
    found = {}
    for path in map(Path, paths):
        rows = read_table(path, "unlearning/sets", ["arm", "doc_id"])
        seed = int(path.parent.name.removeprefix("seed"))
        for (arm,), own in rows.filter(pl.col("arm") != RETAIN).group_by("arm"):
            found[path.parents[1], str(arm), seed] = own["doc_id"]
    return found


def mean_rows(shards: Sequence[str], rows: Sequence[str], sets: Sets) -> dict[Key, np.ndarray]:
    """Mean row (d,) float64 of every set; shard by shard, so that memory does not grow with them.

    Raises:
        IntegrityError: a document has no row.
    """
    sums: dict[Key, np.ndarray] = {}
    left = {key: len(ids) for key, ids in sets.items()}
    for shard, path in zip(shards, rows, strict=True):
        ids = read_table(shard, "corpus/shards", ["doc_id"])["doc_id"]
        own = load_rows(path, len(ids), memory_map=True)
        for key, wanted in sets.items():
            places = np.flatnonzero(ids.is_in(wanted.implode()).to_numpy())
            if len(places):
                sums[key] = sums.get(key, 0) + own[places].sum(axis=0, dtype=np.float64)
                left[key] -= len(places)
    for (folder, arm, seed), count in left.items():
        if count:
            raise IntegrityError(
                f"{count} documents of {folder}/seed{seed}/sets.parquet, arm {arm!r}, are in no "
                "file of attribution/rows/; delete them and run again"
            )
    return {key: value / len(sets[key]) for key, value in sums.items()}


def adapters_of(
    evaluation: str,
    records: Sequence[Mapping[str, Any]],
    doses: list[float],
    forgotten: Mapping[Key, np.ndarray],
    questions: QueryRows,
) -> list[tuple[dict[str, Any], Response | None, str]]:
    """Key, response and reason of every planned adapter of one topic on one benchmark.

    Args:
        evaluation: path of its table ``unlearning/evaluation``.
        records: ``run.json`` of the topic's seeds.
        doses: of the config.
        forgotten: mean rows (d,) of the forget sets.
        questions: rows of the evaluated benchmark.
    """
    path = Path(evaluation)
    folder, ids = path.parents[1], questions.query_ids
    answers = read_table(path, "unlearning/evaluation", ANSWERS)
    margin, lost = margins_of(answers, ids)
    clusters, found = question_clusters(questions.tasks, questions.passages), []
    influences = {key: questions.rows @ mean.astype(np.float32) for key, mean in forgotten.items()}
    target = CONTROL if folder.name == CONTROL else folder.parent.name
    planned = pl.concat([planned_rows(record, doses) for record in records])
    for row in planned.iter_rows(named=True):
        key = {"target": target, "evaluated": path.stem}
        key |= {name: row[name] for name in ("topic", "arm", "seed", "dose")}
        if row["steps"] is None:
            reason = "the run collapsed before the dose" if row["collapsed"] else "dose not reached"
            found.append((key, None, reason))
            continue
        place = (folder, row["arm"], row["seed"])
        others = [
            values
            for (other, *same), values in influences.items()
            if other.parent == folder.parent and other != folder and same == [*place[1:]]
        ]
        own = lost[row["arm"], row["seed"], row["dose"]]
        reason = problem(influences[place], own)
        answer = None if reason else respond(influences[place], own, clusters, margin, others)
        found.append((key, answer, reason))
    return found


def table_of(
    adapters: Sequence[tuple[dict[str, Any], Response | None, str]], confidence: float
) -> pl.DataFrame:
    """Rows of the table ``unlearning/dose_response``."""
    rows = [
        key | {"n_topics": 0, "reason": reason}
        if response is None
        else key | {"reason": "", **adapter_row(response, confidence)}
        for key, response, reason in adapters
    ]
    topics = [(key, response) for key, response, _ in adapters if key["target"] != CONTROL]
    pooled = pooled_table([k for k, _ in topics], [r for _, r in topics], confidence)
    rows += [{"reason": ""} | row for row in pooled]
    return pl.DataFrame(rows, schema=SCHEMA, infer_schema_length=None)


def main(snakemake: Any) -> None:
    """Correlate and write."""
    source, params = snakemake.input, snakemake.params
    forgotten = mean_rows(source.shards, source.rows, read_sets(source.sets))
    records: dict[Path, list[dict[str, Any]]] = {}
    for path in source.runs:
        records.setdefault(Path(path).parents[1], []).append(read_run(path))
    adapters = []
    for name, rows in zip(params.benchmarks, source.queries, strict=True):
        questions = load_query_rows(rows)
        for path in source.evaluations:
            if Path(path).stem == name:
                own = records[Path(path).parents[1]]
                adapters += adapters_of(path, own, params.doses, forgotten, questions)
    topics = [
        topics_by_half(read_table(path, "attribution/scores"), target, params.topics)
        for target, path in zip(params.targets, source.scores, strict=True)
    ]
    write_table(pl.concat(topics), snakemake.output.topics, "unlearning/topics")
    table = table_of(adapters, params.confidence)
    write_table(table, snakemake.output.table, "unlearning/dose_response")
    own = pl.col("target") == pl.col("evaluated")
    shown = table.drop_nulls("spearman").filter(own, topic=ALL_TOPICS, dose=max(params.doses))
    for row in shown.iter_rows(named=True):
        logger.info("%s, %s: correlation %.2f", row["target"], row["arm"], row["spearman"])


if __name__ == "__main__":
    run_job(main, snakemake)
