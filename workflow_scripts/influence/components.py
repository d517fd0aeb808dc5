"""Variance components of bin means over documents (in folds) and queries, crossed.

X[f, q] is the mean score of a bin's documents in fold f on query q, n_f the number of those
documents, N their sum, w_f = n_f / N and S_k = sum of w_f^k. With Y_f the mean of X[f, q] over
queries and T_q the mean over folds weighted by w, the bin's influence is t = sum of w_f Y_f,
which is also the mean of T_q. Both folds and queries are random draws, so

    X[f, q] = mu + a_f + c_q + e_fq,    Var t = Var(a) part + Var(c) part + Var(e) part,

and the sum of two one-way variances counts the last part twice (two-way clustering: Cameron,
Gelbach and Miller 2011, Robust inference with multiway clustering, equation 2.10; Owen 2007,
The pigeonhole bootstrap). The estimators:

    V_fold  = sum_f w_f^2 (Y_f - t)^2 / (1 - S_2)
    V_query = sum_q (T_q - t)^2 / (Q (Q - 1))
    V_interaction = sum_fq w_f^2 (X_fq - Y_f - T_q + t)^2 / ((1 - S_2) Q (Q - 1))

Each is unbiased for its part when a fold's mean has variance in proportion to 1 / n_f
(documents of a fold independent): E (Y_f - t)^2 = s^2 / N (1 / w_f - 1), so the weighted sum
has mean s^2 / N (1 - S_2), where s^2 is one document's variance. Squaring w_f, as cluster-robust
variances do, keeps V_fold honest when the documents of a fold are alike (one site): with
equal folds it is the ordinary variance of a mean of F clusters, whatever happens inside them.
Its degrees of freedom follow from matching mean and variance of that quadratic form under
normal fold means (Satterthwaite 1946):

    df = (1 - S_2)^2 / (S_2 - 2 S_3 + S_2^2),

F - 1 for equal folds and fewer for unequal ones. Proof: with Z_f = sqrt(w_f) Y_f, which have
equal variances, u_f = sqrt(w_f) and P = I - u u^T the sum is Z^T P diag(w) P Z, and
df = tr(M)^2 / tr(M^2) with M = P diag(w) P.
"""

from dataclasses import dataclass

import numpy as np

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.moderation import Prior, fit_prior, moderate, too_small

N_BINS = len(BINS)
QUERY_CHUNK = 256


@dataclass(frozen=True)
class GroupMeans:
    """Mean scores of the occupied (bin, fold) groups of one benchmark.

    Attributes:
        bins: (G,) int; position of the bin in ``BINS``.
        folds: (G,) int; fold of whole sites within the bin.
        counts: (G,) int >= 1; documents of the group.
        means: (G, Q) float; mean score of those documents on each query (for TrackStar a
            mean cosine; positive = supports the gold answer).
        clusters: (Q,) int; cluster of each query, 0 to C - 1
            (:mod:`workflow_scripts.influence.question_clusters`); None where each is its own.

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
        v_fold: (576,); V_fold moderated over the map.
        df_fold: (576,); its degrees of freedom, those of the prior included.
        v_query: (576,); V_query, 0 with a single query (which is then taken as given).
        v_query_centred: (576,); V_query of T_q less the median bin's T_q.
        v_interaction: (576,); V_interaction.
        group_bins: (G,) int; bin of each group, ascending, then by fold.
        group_folds: (G,) int; fold of each group.
        group_noise: (G,); w_f (Y_f - t) / sqrt(1 - S_2): its squares sum to V_fold, and times
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


def components(groups: GroupMeans) -> Components:
    """Estimate the means and variance components of every bin (formulas above).

    Args:
        groups: mean scores of the occupied (bin, fold) groups, in any order.

    Returns:
        The components; nothing depends on the order of ``groups``.
    """
    order = np.lexsort((groups.folds, groups.bins))
    bins, folds = groups.bins[order], groups.folds[order]
    counts = groups.counts[order].astype(float)
    n_queries = groups.means.shape[1]
    starts = np.flatnonzero(np.r_[True, bins[1:] != bins[:-1]])
    occupied = bins[starts]
    row = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(bins)]))
    n_docs = np.add.reduceat(counts, starts)
    weight = counts / n_docs[row]
    query_means = np.empty((len(starts), n_queries))
    fold_mean, squares = np.zeros(len(bins)), np.zeros(len(bins))
    for first in range(0, n_queries, QUERY_CHUNK):
        chunk = slice(first, first + QUERY_CHUNK)
        x = groups.means[order, chunk].astype(float)  # (G, chunk)
        t_q = np.add.reduceat(weight[:, None] * x, starts, axis=0)  # (occupied, chunk)
        query_means[:, chunk] = t_q
        x -= t_q[row]
        fold_mean += x.sum(axis=1)
        squares += np.square(x).sum(axis=1)
    fold_mean /= n_queries  # Y_f - t
    influence = query_means.mean(axis=1)
    s2 = np.add.reduceat(weight**2, starts)
    s3 = np.add.reduceat(weight**3, starts)
    several = np.diff(np.r_[starts, len(bins)]) > 1
    rest = np.where(several, 1 - s2, np.nan)
    noise = weight * fold_mean / np.sqrt(rest[row])
    v_fold_raw = np.add.reduceat(noise**2, starts)
    degrees = rest**2 / (s2 - 2 * s3 + s2**2)
    residual = np.add.reduceat(weight**2 * (squares - n_queries * fold_mean**2), starts)
    pairs = n_queries * (n_queries - 1)
    v_interaction = np.maximum(residual, 0) / rest / pairs if pairs else 0 * rest
    v_query = _query_variance(query_means)
    v_query_centred = _query_variance(query_means - np.median(query_means, axis=0))
    v_fold, df_fold = v_fold_raw.copy(), degrees.copy()
    v_own, df_own = v_fold_raw.copy(), degrees.copy()
    prior = Prior(variance=float("nan"), df=0.0)
    if several.any():
        own, df = v_fold_raw[several] * n_docs[several], degrees[several]
        prior = fit_prior(own, df)
        moderated, df_fold[several] = moderate(own, df, prior)
        copies = too_small(own, df, prior)
        v_fold[several] = moderated / n_docs[several]
        v_own[several] = np.where(copies, moderated, own) / n_docs[several]
        df_own[several] = np.where(copies, df_fold[several], df)

    def spread(values: np.ndarray) -> np.ndarray:
        full = np.full((N_BINS, *values.shape[1:]), np.nan)
        full[occupied] = values
        return full

    return Components(
        n_docs=np.nan_to_num(spread(n_docs)).astype(np.int64),
        query_means=spread(query_means),
        influence=spread(influence),
        v_fold_raw=spread(v_fold_raw),
        v_fold_own=spread(v_own),
        df_fold_own=spread(df_own),
        v_fold=spread(v_fold),
        df_fold=spread(df_fold),
        v_query=spread(v_query),
        v_query_centred=spread(v_query_centred),
        v_interaction=spread(v_interaction),
        group_bins=bins,
        group_folds=folds,
        group_noise=np.nan_to_num(noise),
        group_counts=groups.counts[order],
        group_means=fold_mean + influence[row],
        clusters=np.arange(n_queries) if groups.clusters is None else groups.clusters,
        prior=prior,
    )


def _query_variance(query_means: np.ndarray) -> np.ndarray:
    """V_query per bin of (B, Q) query means; 0 where there is a single query."""
    n_queries = query_means.shape[1]
    if n_queries == 1:
        return np.zeros(len(query_means))
    return query_means.var(axis=1, ddof=1) / n_queries


def combine(
    v_fold: np.ndarray,
    df_fold: np.ndarray,
    v_query: np.ndarray,
    v_interaction: np.ndarray,
    n_queries: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of a bin's mean from its components, and its degrees of freedom.

    V = V_fold + V_query - V_interaction, at least the larger of the first two, since the
    difference of estimates can fall below what either alone proves. Degrees of freedom by
    Satterthwaite (1946) for V_fold and the rest: those of the folds (occupied - 1 plus the
    prior's) where documents are the noise, Q - 1 where queries are.

    Args:
        v_fold: (B,) variance of the mean over folds.
        df_fold: (B,) its degrees of freedom.
        v_query: (B,) variance of the mean over queries.
        v_interaction: (B,) the part that both hold.
        n_queries: Q.

    Returns:
        (B,) variances and (B,) degrees of freedom; NaN where ``v_fold`` is.
    """
    floor = np.maximum(v_fold, v_query)
    variance = np.maximum(v_fold + v_query - v_interaction, floor)
    by_query = np.maximum(variance - v_fold, 0)
    spread = v_fold**2 / df_fold + by_query**2 / max(n_queries - 1, 1)
    df = np.divide(variance**2, spread, out=df_fold.copy(), where=spread > 0)
    return variance, df
