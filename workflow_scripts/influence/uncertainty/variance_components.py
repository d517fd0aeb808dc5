"""Variance components of bin means over documents (in folds) and questions, crossed.

X[f, q] is the mean score of a bin's documents in fold f on query q, n_f the number of those
documents, N their sum and w_f = n_f / N. Y_f is the mean of X[f, q] over queries, X[f, c] that over
the queries of a cluster c (:mod:`workflow_scripts.benchmarks.question_clusters`), which hold the
share u_c of them, and T_q, T_c the means over folds weighted by w. The bin's influence is
t = sum of w_f Y_f, which is also the mean of T_q. Both folds and clusters of queries are random
draws, so

    X[f, c] = mu + a_f + g_c + e_fc,    Var t = Var(a) part + Var(g) part + Var(e) part,

and the sum of two one-way variances counts the last part twice (two-way clustering: Cameron,
Gelbach and Miller 2011, Robust inference with multiway clustering, equation 2.10; Owen 2007,
The pigeonhole bootstrap). The estimators are jackknives
(:mod:`workflow_scripts.influence.uncertainty.jackknife`), with b_f made of the w_f and d_c of the
u_c:

    V_fold = sum_f b_f (Y_f - t)^2,    V_query = sum_c d_c (T_c - t)^2,
    V_interaction = sum_fc b_f d_c (X_fc - Y_f - T_c + t)^2,

with equal folds and single queries the ordinary variances of means of F and of Q values. The folds
hold whole sites and near-duplicates, so that V_fold is the variance over other sites of this
kind, whatever happens inside them, also where one site fills most of the bin.
"""

from dataclasses import dataclass

import numpy as np

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.uncertainty.jackknife import (
    chi_square_degrees,
    degrees_of_freedom,
    jackknife_weights,
    question_deviations,
)
from workflow_scripts.influence.uncertainty.moderated_variance import Prior, crowded, moderate_map

N_BINS = len(BINS)
QUERY_CHUNK = 256


@dataclass(frozen=True)
class GroupMeans:
    """Mean scores of the occupied (bin, fold) groups of one benchmark.

    Attributes:
        bins: (G,) int; position of the bin in ``BINS``.
        folds: (G,) int; fold of whole sites and groups of near-duplicates within the bin.
        counts: (G,) int >= 1; documents of the group.
        means: (G, Q) float; mean score of those documents on each query (for TrackStar a
            mean cosine; positive = supports the gold answer).
        clusters: (Q,) int; cluster of each query, 0 to C - 1
            (:mod:`workflow_scripts.benchmarks.question_clusters`); None where each is its own.

    Raises:
        DataError: lengths differ, a bin is outside [0, 576), a group is empty or comes
            twice, there is no query, or a mean is not finite.
    """

    bins: np.ndarray
    folds: np.ndarray
    counts: np.ndarray
    means: np.ndarray
    clusters: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that the groups are what the statistics take them for."""
        lengths = {len(self.bins), len(self.folds), len(self.counts), len(self.means)}
        if len(lengths) != 1 or self.means.ndim != 2:
            raise DataError(f"group means: bins, folds, counts, means have lengths {lengths}")
        if not len(self.bins) or not self.means.shape[1]:
            raise DataError(f"group means: {self.means.shape} groups x queries; need at least one")
        if self.bins.min() < 0 or self.bins.max() >= N_BINS:
            raise DataError(f"group means: a bin is outside [0, {N_BINS})")
        if self.counts.min() < 1:
            raise DataError("group means: a group without documents; leave it out")
        if len(np.unique(np.stack([self.bins, self.folds]), axis=1).T) != len(self.bins):
            raise DataError("group means: a (bin, fold) comes twice; merge its parts first")
        if not np.isfinite(self.means).all():
            row = int(np.argwhere(~np.isfinite(self.means))[0, 0])
            where = "/".join(BINS[self.bins[row]])
            raise DataError(f"group means: bin {where}, fold {self.folds[row]} is not finite")


@dataclass(frozen=True)
class Components:
    """Means and variance components of all bins on one benchmark; NaN where undefined.

    Variances are those of a bin's mean, in squared units of the score.

    Attributes:
        n_docs: (576,) int; documents of each bin.
        query_means: (576, Q) float64; T_q of each bin, NaN for a bin without documents.
        influence: (576,) float64; t of each bin.
        v_fold_raw: (576,); V_fold of the bin alone; NaN with fewer than two folds.
        v_fold_own: (576,); V_fold for statements about the bin itself: the bin's own, but the
            moderated one for a bin of copies.
        df_fold_own: (576,); its degrees of freedom.
        v_fold: (576,); V_fold moderated over the map, but the bin's own where few sites make
            the bin and do not make most others.
        df_fold: (576,); its degrees of freedom, those of the prior included.
        v_query: (576,); V_query, 0 with a single cluster (whose queries are then taken as given).
        v_query_centred: (576,); V_query of T_q less the median bin's T_q.
        v_interaction: (576,); V_interaction.
        group_bins: (G,) int; bin of each group, ascending, then by fold.
        group_folds: (G,) int; fold of each group.
        group_noise: (G,); sqrt(b_f) (Y_f - t): its squares sum to V_fold, and times
            independent standard normals it sums to a draw of the bin's document noise.
        group_counts: (G,) int; documents of each group.
        group_means: (G,) float64; mean score of each group over documents and queries (Y_f).
        clusters: (Q,) int; cluster of each query, each its own where none are known.
        prior: of one document's variance, over the bins.
    """

    n_docs: np.ndarray
    query_means: np.ndarray
    influence: np.ndarray
    v_fold_raw: np.ndarray
    v_fold_own: np.ndarray
    df_fold_own: np.ndarray
    v_fold: np.ndarray
    df_fold: np.ndarray
    v_query: np.ndarray
    v_query_centred: np.ndarray
    v_interaction: np.ndarray
    group_bins: np.ndarray
    group_folds: np.ndarray
    group_noise: np.ndarray
    group_counts: np.ndarray
    group_means: np.ndarray
    clusters: np.ndarray
    prior: Prior

    @property
    def n_clusters(self) -> int:
        """C, clusters of queries; their variance has C - 1 degrees of freedom."""
        return 1 + int(self.clusters.max())


def components(groups: GroupMeans) -> Components:
    """Estimate the means and variance components of every bin (formulas above).

    Args:
        groups: mean scores of the occupied (bin, fold) groups, in any order.

    Returns:
        The components; nothing depends on the order of ``groups``.
    """
    order = np.lexsort((groups.folds, groups.bins))
    bins, folds = groups.bins[order], groups.folds[order]
    counts = groups.counts[order]
    n_queries = groups.means.shape[1]
    clusters = np.arange(n_queries) if groups.clusters is None else groups.clusters
    starts = np.flatnonzero(np.r_[True, bins[1:] != bins[:-1]])
    n_docs = np.add.reduceat(counts, starts)
    weight = counts / np.repeat(n_docs, np.diff(np.r_[starts, len(bins)]))
    sums = _sums(groups.means, order, weight, starts, clusters)
    influence = sums.query_means.mean(axis=1)
    noise = jackknife_weights(weight, starts) * sums.fold_mean
    v_fold_raw = np.add.reduceat(noise**2, starts)
    documents = moderate_map(
        v_fold_raw,
        degrees_of_freedom(weight, starts),
        chi_square_degrees(weight, starts),
        n_docs,
        crowded(counts, starts, folds.max()),
    )
    centred = sums.query_means - np.median(sums.query_means, axis=0)

    def spread(values: np.ndarray) -> np.ndarray:
        full = np.full((N_BINS, *values.shape[1:]), np.nan)
        full[bins[starts]] = values
        return full

    return Components(
        n_docs=np.nan_to_num(spread(n_docs)).astype(np.int64),
        query_means=spread(sums.query_means),
        influence=spread(influence),
        v_fold_raw=spread(v_fold_raw),
        v_fold_own=spread(documents.own),
        df_fold_own=spread(documents.df_own),
        v_fold=spread(documents.moderated),
        df_fold=spread(documents.df_moderated),
        v_query=spread(_query_variance(sums.query_means, clusters)),
        v_query_centred=spread(_query_variance(centred, clusters)),
        v_interaction=spread(sums.interaction),
        group_bins=bins,
        group_folds=folds,
        group_noise=np.nan_to_num(noise),
        group_counts=counts,
        group_means=sums.fold_mean + np.repeat(influence, np.diff(np.r_[starts, len(bins)])),
        clusters=clusters,
        prior=documents.prior,
    )


@dataclass(frozen=True)
class _Sums:
    """Of the B occupied bins and their G groups, in order.

    Attributes:
        query_means: (B, Q) T_q.
        fold_mean: (G,) Y_f - t.
        interaction: (B,) V_interaction; NaN for a bin with one fold.
    """

    query_means: np.ndarray
    fold_mean: np.ndarray
    interaction: np.ndarray


def _sums(
    means: np.ndarray,
    order: np.ndarray,
    weight: np.ndarray,
    starts: np.ndarray,
    clusters: np.ndarray,
) -> _Sums:
    """Sums over every group's score on every query, in blocks of about ``QUERY_CHUNK`` queries.

    Of D_fc = X_fc - T_c the interaction needs the sums over c of d_c D_fc and d_c D_fc^2 alone,
    since Y_f - t is known only after the last block.

    Args:
        means: (G, Q) as given.
        order: (G,) sorts the groups by bin and fold.
        weight: (G,) w_f, sorted.
        starts: (B,) first group of each bin.
        clusters: (Q,) int.
    """
    n_queries = means.shape[1]
    row = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(weight)]))
    by_cluster = np.argsort(clusters, kind="stable")
    sizes = np.bincount(clusters)
    firsts = np.cumsum(sizes) - sizes
    several = len(sizes) > 1
    scale = jackknife_weights(sizes / n_queries, np.array([0])) ** 2 if several else 0.0 * sizes
    query_means = np.empty((len(starts), n_queries))
    total, scaled, squares = np.zeros((3, len(weight)))
    block = firsts // QUERY_CHUNK
    for number in np.unique(block):
        inside = block == number
        low, high = firsts[inside][0], (firsts + sizes)[inside][-1]
        queries = by_cluster[low:high]
        x = means[np.ix_(order, queries)].astype(float)  # (G, block)
        t_q = np.add.reduceat(weight[:, None] * x, starts, axis=0)
        query_means[:, queries] = t_q
        x -= t_q[row]
        if high - low > inside.sum():
            x = np.add.reduceat(x, firsts[inside] - low, axis=1)
        total += x.sum(axis=1)
        x /= sizes[inside]
        scaled += x @ scale[inside]
        squares += np.square(x) @ scale[inside]
    fold_mean = total / n_queries  # Y_f - t
    residual = squares - 2 * fold_mean * scaled + fold_mean**2 * scale.sum()
    b = jackknife_weights(weight, starts) ** 2
    interaction = np.add.reduceat(b * residual, starts)
    return _Sums(query_means, fold_mean, np.maximum(interaction, 0))


def _query_variance(query_means: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """V_query per bin of (B, Q) query means; 0 where there is a single cluster."""
    return np.square(question_deviations(query_means, clusters)).sum(axis=1)


def combine(
    v_fold: np.ndarray,
    df_fold: np.ndarray,
    v_query: np.ndarray,
    v_interaction: np.ndarray,
    n_clusters: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of a bin's mean from its components, and its degrees of freedom.

    V = V_fold + V_query - V_interaction, at least the larger of the first two, since the
    difference of estimates can fall below what either alone proves. Degrees of freedom by
    Satterthwaite (1946) for V_fold and the rest: those of the folds (occupied - 1 plus the
    prior's) where documents are the noise, C - 1 where queries are.

    Args:
        v_fold: (B,) variance of the mean over folds.
        df_fold: (B,) its degrees of freedom.
        v_query: (B,) variance of the mean over queries.
        v_interaction: (B,) the part that both hold.
        n_clusters: C, clusters of queries.

    Returns:
        (B,) variances and (B,) degrees of freedom; NaN where ``v_fold`` is.
    """
    floor = np.maximum(v_fold, v_query)
    variance = np.maximum(v_fold + v_query - v_interaction, floor)
    by_query = np.maximum(variance - v_fold, 0)
    spread = v_fold**2 / df_fold + by_query**2 / max(n_clusters - 1, 1)
    df = np.divide(variance**2, spread, out=df_fold.copy(), where=spread > 0)
    return variance, df
