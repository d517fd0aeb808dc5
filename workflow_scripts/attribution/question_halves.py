"""Halves of a benchmark's questions: what one half chooses, the other has not chosen."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from workflow_scripts.benchmarks.question_clusters import question_clusters
from workflow_scripts.common.random_streams import stream

# Names of the halves, as in the columns score_a and score_b.
HALVES = ("a", "b")


def question_halves(
    tasks: Sequence[str], passages: Sequence[str | None] | None = None
) -> np.ndarray:
    """Half of each question: those that come together stay together.

    The order is drawn by the number of questions alone, so that the same questions always have
    the same halves; each cluster goes to the half that has fewer questions.

    Args:
        tasks: task of each of the Q questions.
        passages: passage of each, None for one of its own; None where none is known.

    Returns:
        (Q,) int, 0 or 1.
    """
    clusters = question_clusters(tasks, passages)
    sizes = np.bincount(clusters)
    owner, held = np.empty(len(sizes), dtype=int), [0, 0]
    for cluster in stream(0, "question halves", len(tasks)).permutation(len(sizes)):
        owner[cluster] = int(held[1] < held[0])
        held[owner[cluster]] += sizes[cluster]
    return owner[clusters]


def table_of_halves(queries: pl.DataFrame) -> pl.DataFrame:
    """Half of each question of the table ``benchmarks/queries``.

    Returns:
        query_id, half (``a`` or ``b``): those of the columns score_a and score_b.
    """
    order = queries["task"].to_list(), queries["passage"].to_list()
    halves = np.array(HALVES)[question_halves(*order)]
    return queries.select("query_id", half=pl.Series(halves.tolist()))
