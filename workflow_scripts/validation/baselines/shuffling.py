"""The shuffled control: the same documents and rows, bins assigned at random."""

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from workflow_scripts.common.random_streams import stream
from workflow_scripts.validation.maps.scorer_maps import bin_positions


def shuffle_bins(bins: np.ndarray, n_folds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Permute the bins of documents and assign new folds.

    A shuffled bin holds no whole sites, so each document is its own group: the folds of a bin
    are assigned in turn to its documents, in the order of the input.

    Args:
        bins: (n,) int position in ``BINS`` of each document, in an order that depends on
            nothing but the documents.
        n_folds: folds to assign.
        seed: of the permutation.

    Returns:
        (n,) int64 new bins, as many documents in each as before, and (n,) int64 folds.
    """
    shuffled = stream(seed, "shuffled bins").permutation(bins).astype(np.int64)
    order = np.argsort(shuffled, kind="stable")
    ordered = shuffled[order]
    first = np.searchsorted(ordered, ordered)
    folds = np.empty(len(bins), dtype=np.int64)
    folds[order] = (np.arange(len(bins)) - first) % n_folds
    return shuffled, folds


def shuffled_places(
    shards: Sequence[pl.DataFrame], n_folds: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """New bins and folds (n,) of the documents of all shards, in the order of the shards.

    Args:
        shards: doc_id, topic, format of each shard's documents.
        n_folds: folds to assign.
        seed: of the permutation.
    """
    # Sorted by doc_id, so that the draw does not depend on how the documents were cut.
    documents = pl.concat(shards).with_row_index("place").sort("doc_id")
    dealt = shuffle_bins(bin_positions(documents), n_folds, seed)
    back = np.argsort(documents["place"].to_numpy())
    return dealt[0][back], dealt[1][back]


def sum_rows(
    shards: Iterable[tuple[np.ndarray, np.ndarray]], n_groups: int, block: int = 4096
) -> np.ndarray:
    """Sum document rows by group, shard after shard.

    Args:
        shards: per shard its rows (n, d) and the group (n,) int of each.
        n_groups: number of groups G.
        block: rows taken into memory at once.

    Returns:
        (G, d) float32, summed in float32 as the sketches are.
    """
    sums: np.ndarray | None = None
    for rows, owner in shards:
        if sums is None:
            sums = np.zeros((n_groups, rows.shape[1]), dtype=np.float32)
        for start in range(0, len(rows), block):
            order = np.argsort(owner[start : start + block], kind="stable")
            present, first = np.unique(owner[start : start + block][order], return_index=True)
            ordered = rows[start : start + block].astype(np.float32)[order]
            sums[present] += np.add.reduceat(ordered, first, axis=0)
    if sums is None:
        raise ValueError("no shard to sum; give at least one")
    return sums
