"""Split-half reliability of a map, over documents and over questions.

Over documents, the folds of every bin (groups of whole sites and near-duplicates) are split at
random into two halves, each half's influence is the mean over its documents, and the two maps are
correlated over bins. Over questions, their clusters (tasks or passages whose questions come
together) are split into two halves that all bins share. What is not split is given: the questions
in the first, the documents in the second.

A half map is noisier than the whole one. Spearman (1910) and Brown (1910) step the correlation
r of two halves up to that of two whole ones, 2 r / (1 + r). Deviation: below 0, where it has no
meaning and no lower bound, 2 r / (1 + |r|).
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans

# Splits that are made at once; bounds memory whatever their number.
SPLIT_CHUNK = 64
FEWEST_BINS = 3
# Reasons why questions cannot be split, by whether there are several.
ALONE = {False: "a single question", True: "all questions come together"}

Halves = tuple[np.ndarray, np.ndarray]


def reliability(
    groups: GroupMeans, query_means: np.ndarray, splits: int, confidence: float, seed: int
) -> pl.DataFrame:
    """Split-half reliability of one benchmark's map over documents and over questions.

    Args:
        groups: mean scores of the occupied (bin, fold) groups on each question.
        query_means: (576, Q) mean score of each bin on each question, NaN without documents.
        splits: random splits R of each kind.
        confidence: share of the splits that the interval holds.
        seed: a named seed of the config.

    Returns:
        Two rows (``over`` is documents or questions), the columns of ``influence/reliability``.
        Null with the reason where there is nothing to split or fewer than three bins.
    """
    means = groups.means.mean(axis=1, dtype=float)
    sums, weights = fold_sums(groups.bins, groups.folds, groups.counts, means)
    n_folds = (weights > 0).sum(axis=1)
    several = n_folds > 1
    parts = document_halves(
        sums[several], weights[several], splits, stream(seed, "document halves")
    )
    by_document = {
        "over": "documents",
        "n_units": int(weights[several].sum()),
        "n_bins": int(several.sum()),
        "n_left_out": int((n_folds == 1).sum()),
        **agreement(parts, int(several.sum()), splits, confidence),
    }
    means = query_means[np.isfinite(query_means[:, 0])]
    clusters = np.arange(means.shape[1]) if groups.clusters is None else groups.clusters
    parts = question_halves(means, clusters, splits, stream(seed, "question halves"))
    enough = len(np.unique(clusters)) > 1
    reason = "" if enough else ALONE[means.shape[1] > 1]
    by_question = {
        "over": "questions",
        "n_units": means.shape[1],
        "n_bins": len(means) if enough else 0,
        "n_left_out": 0 if enough else len(means),
        **agreement(parts, len(means), splits, confidence, reason),
    }
    return pl.DataFrame([by_document, by_question], infer_schema_length=None)


def fold_sums(
    bins: np.ndarray, folds: np.ndarray, counts: np.ndarray, means: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Summed scores and documents of every fold, one row a bin with documents.

    Args:
        bins: (G,) int; bin of each (bin, fold) group.
        folds: (G,) int; its fold.
        counts: (G,) int; its documents.
        means: (G,) float; their mean score over documents and questions.

    Returns:
        (B, F) float64 sum over a fold's documents of their mean score over questions, and
        (B, F) float64 number of those documents; 0 where a bin has fewer folds than F.
    """
    order = np.lexsort((folds, bins))
    occupied, row = np.unique(bins[order], return_inverse=True)
    starts = np.searchsorted(row, np.arange(len(occupied)))
    place = np.arange(len(row)) - starts[row]
    weights = np.zeros((len(occupied), place.max() + 1))
    weights[row, place] = counts[order]
    sums = np.zeros_like(weights)
    sums[row, place] = (counts * means)[order]
    return sums, weights


def document_halves(
    sums: np.ndarray, weights: np.ndarray, splits: int, rng: np.random.Generator
) -> Iterator[Halves]:
    """Split the folds of every bin into two halves and take each half's mean over documents.

    With an odd number of folds a coin says which half of the bin gets one more.

    Args:
        sums: (B, F) summed scores of each fold, or (K, B, F) those of K maps of the same
            documents; every bin has two occupied folds or more.
        weights: (B, F) its documents; 0 for a fold that the bin does not have.
        splits: number of splits R.
        rng: generator.

    Yields:
        Two (r, B) float64 maps, or (K, r, B), r splits at a time, R in all.
    """
    there = weights > 0
    n_folds = there.sum(axis=1)
    for count in _chunks(splits):
        keys = np.where(there, rng.random((count, *weights.shape)), np.inf)
        size = (n_folds + rng.integers(0, 2, size=(count, len(weights)))) // 2
        # Folds that are not there come last.
        bound = np.take_along_axis(np.sort(keys, axis=2), size[:, :, None], axis=2)
        first = keys < bound  # (r, B, F)
        yield tuple(
            np.einsum("rbf,...bf->...rb", half, sums) / np.einsum("rbf,bf->rb", half, weights)
            for half in (first.astype(float), (there & ~first).astype(float))
        )


def question_halves(
    means: np.ndarray, clusters: np.ndarray, splits: int, rng: np.random.Generator
) -> Iterator[Halves]:
    """Split the clusters of questions into two halves, the same for all bins.

    Args:
        means: (B, Q) mean score of each bin on each question.
        clusters: (Q,) int; questions of one cluster stay together.
        splits: number of splits R; a single cluster is not split.
        rng: generator.

    Yields:
        Two (r, B) float64 maps, r splits at a time: means over the questions of each half.
    """
    _, cluster = np.unique(clusters, return_inverse=True)
    n_clusters = int(cluster.max()) + 1
    if n_clusters < 2:
        return
    half = np.arange(n_clusters) < n_clusters // 2
    for count in _chunks(splits):
        first = rng.permuted(np.tile(half, (count, 1)), axis=1)[:, cluster]  # (r, Q)
        yield tuple(side @ means.T / side.sum(axis=1, keepdims=True) for side in (first, ~first))


def agreement(
    halves: Iterator[Halves], n_bins: int, splits: int, confidence: float, reason: str = ""
) -> dict[str, object]:
    """Correlations of the two halves over splits, stepped up to whole maps.

    Args:
        halves: as :func:`document_halves` yields them.
        n_bins: bins of each map.
        splits: number of splits R.
        confidence: share of the splits that the interval holds.
        reason: why there is nothing to correlate, where the caller knows.

    Returns:
        The columns from ``n_splits`` on; correlations None with ``reason`` where there are
        fewer than three bins or a half map is constant.
    """
    empty = ("pearson", "corrected", "ci_low", "ci_high", "spearman", "spearman_corrected")
    if n_bins < FEWEST_BINS and not reason:
        reason = f"fewer than {FEWEST_BINS} bins that can be split"
    if reason:
        return {"n_splits": 0, **dict.fromkeys(empty), "reason": reason}
    pairs = [
        (
            row_correlations(first, second),
            row_correlations(stats.rankdata(first, axis=1), stats.rankdata(second, axis=1)),
        )
        for first, second in halves
    ]
    pearson, spearman = (np.concatenate(part) for part in zip(*pairs, strict=True))
    if not np.isfinite(pearson).all():
        return {"n_splits": 0, **dict.fromkeys(empty), "reason": "a half map is constant"}
    tail = (1 - confidence) / 2
    low, high = np.quantile(step_up(pearson), [tail, 1 - tail])
    return {
        "n_splits": splits,
        "pearson": pearson.mean(),
        "corrected": float(step_up(pearson.mean())),
        "ci_low": low,
        "ci_high": high,
        "spearman": spearman.mean(),
        "spearman_corrected": float(step_up(spearman.mean())),
        "reason": None,
    }


def row_correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's r (R,) of each row of two (R, B) arrays; NaN where a row is constant."""
    a, b = (part - part.mean(axis=1, keepdims=True) for part in (a, b))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.full(len(a), np.nan), where=size > 0)


def step_up(r: np.ndarray | float) -> np.ndarray | float:
    """Spearman-Brown: reliability of a whole map from the correlation of its halves."""
    return 2 * r / (1 + np.abs(r))


def _chunks(total: int) -> Iterator[int]:
    """Sizes of the pieces that ``total`` splits are made in."""
    for first in range(0, total, SPLIT_CHUNK):
        yield min(SPLIT_CHUNK, total - first)
