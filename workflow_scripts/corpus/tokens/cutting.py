"""Cut the working set into shards of about equal numbers of tokens."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from workflow_scripts.common.errors import DataError


def cut_shards(sample: pl.DataFrame, shards: Sequence[str], max_tokens: int) -> pl.DataFrame:
    """Assign documents, in the order (topic, format, draw_rank), to contiguous shards.

    A document weighs its estimated tokens, at most ``max_tokens``, because no more of it is
    read. A big bin may be split between shards.

    Args:
        sample: the working set.
        shards: labels of the shards.
        max_tokens: where documents are cut.

    Returns:
        doc_id, shard, in that order of documents; no shard is empty.

    Raises:
        DataError: there are fewer documents than shards.
    """
    if sample.height < len(shards):
        raise DataError(
            f"the working set has {sample.height} document(s) for {len(shards)} shards; "
            f"corpus.shards may be 1 to {sample.height}"
        )
    ordered = sample.sort("topic", "format", "draw_rank")
    weights = np.minimum(ordered["n_tokens_estimate"].to_numpy(), max_tokens).clip(min=1)
    sizes = np.diff(cut_points(weights, len(shards)))
    labels = np.repeat(np.array(shards, dtype=object), sizes)
    return ordered.select("doc_id").with_columns(pl.Series("shard", labels, dtype=pl.String))


def cut_points(weights: np.ndarray, n_shards: int) -> np.ndarray:
    """Find the cuts of a row of weights that give each run about the same total.

    Args:
        weights: (n,) positive numbers, n at least ``n_shards``.
        n_shards: number of runs.

    Returns:
        (n_shards + 1,) int, from 0 to n, strictly rising: run i is [points[i], points[i + 1]).
    """
    totals = np.cumsum(weights)
    # The middle of each weight decides, so that a cut falls to the nearer side.
    middles = totals - weights / 2
    goals = totals[-1] * np.arange(1, n_shards) / n_shards
    points = np.searchsorted(middles, goals)
    # One very heavy document must not leave a shard empty.
    for i in range(len(points)):
        lowest = points[i - 1] + 1 if i else 1
        points[i] = np.clip(points[i], lowest, len(weights) - (n_shards - 1 - i))
    return np.concatenate([[0], points, [len(weights)]])
