"""Forget documents of a topic that one half of the questions chose; evaluated on the other.

in   shards, sketches, scores, queries, record: as of unlearn_topic
out  sets, history, run and adapters: as of unlearn_topic, for the arms targeted_a, random_a,
     targeted_b and random_b
"""

from typing import Any

import polars as pl
import torch

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.unlearning.arms import HALVES, RANDOM, of_half
from workflow_scripts.unlearning.forgetting.unlearn_topic import (
    Sets,
    pick,
    shuffled,
    topic_of,
    train_arms,
    with_retained,
)
from workflow_scripts.unlearning.selection.candidates import read_documents
from workflow_scripts.unlearning.selection.forget_sets import SetSettings, balance, forget_sets


def half_sets(
    own: pl.DataFrame, scores: pl.DataFrame, settings: SetSettings, params: Any, where: str
) -> tuple[Sets, dict[str, Any]]:
    """Targeted and random documents by each half of the questions, and how alike they are.

    Args:
        own: the topic's documents, as for :func:`forget_sets`.
        scores: table ``attribution/scores``.
        settings: of the sets.
        params: seed_unlearning, settings and topic of the rule.
        where: benchmark and topic, for messages.
    """
    seed, sets, report = int(params.seed_unlearning), {}, {}
    for half in HALVES:
        column = scores.select("doc_id", pl.col(f"score_{half}").alias("score"))
        ranked = own.drop("score").join(column, on="doc_id", maintain_order="left")
        if params.settings["ranking"] == "shuffled":
            ranked = shuffled(ranked, seed, f"{params.topic} {half}")
        chosen = forget_sets(ranked, settings, seed, where, (RANDOM,))
        alike = balance(chosen, own, settings.max_difference)
        sets |= {of_half(arm, half): rows for arm, rows in chosen.items()}
        report |= {of_half(arm, half): found for arm, found in alike.items()}
    return sets, report


def main(snakemake: Any) -> None:
    """Choose the sets by half and run the arms."""
    torch.set_num_threads(snakemake.threads)
    source, params = snakemake.input, snakemake.params
    settings = pick(SetSettings, dict(params.settings))
    topic = topic_of(snakemake)
    documents = read_documents(source.shards, source.sketches, source.scores)
    where = f"topic {topic!r} (benchmark {snakemake.wildcards.benchmark!r}), half of the questions"
    scores = read_table(source.scores, "attribution/scores")
    sets, report = half_sets(documents.filter(topic=topic), scores, settings, params, where)
    sets = with_retained(sets, documents, settings, int(params.seed_unlearning))
    train_arms(snakemake, topic, sets, report)


if __name__ == "__main__":
    run_job(main, snakemake)
