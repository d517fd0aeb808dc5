"""The map of each task of a benchmark, such as the subjects of MMLU."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.bin_table import standardise
from workflow_scripts.influence.bins.correctness import of_questions
from workflow_scripts.influence.uncertainty.variance_components import (
    GroupMeans,
    combine,
    components,
)


def by_task(groups: GroupMeans, tasks: Sequence[str]) -> pl.DataFrame:
    """Influence of every bin on each task's questions.

    A benchmark averages over questions, so that its influence is the mean of its tasks' weighted
    by their questions.

    Args:
        groups: mean scores of the occupied (bin, fold) groups on each of Q questions.
        tasks: task of each of the Q questions.

    Returns:
        576 rows a task, the columns of ``influence/tasks``; a benchmark of one task has its own
        map once more.
    """
    owner = np.asarray(tasks)
    topics, formats = zip(*BINS, strict=True)
    frames = []
    for task in sorted(set(tasks)):
        mine = of_questions(groups, owner == task)
        if mine.clusters is not None and not mine.clusters.any():
            # Where tasks are the draws, the questions of one task are those within it.
            mine = replace(mine, clusters=None)
        part = components(mine)
        count = part.query_means.shape[1]
        own = part.v_fold_own, part.df_fold_own
        variance, _ = combine(*own, part.v_query, part.v_interaction, part.n_clusters)
        frames.append(
            pl.DataFrame(
                {
                    "task": task,
                    "topic": topics,
                    "format": formats,
                    "n_queries": count,
                    "influence": part.influence,
                    # A single question is no sample of questions.
                    "se": np.sqrt(variance) if count > 1 else np.full(len(BINS), np.nan),
                    "z": standardise(part.influence),
                }
            )
        )
    return pl.concat(frames).with_columns(pl.col(pl.Float64).fill_nan(None))
