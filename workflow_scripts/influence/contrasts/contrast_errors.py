"""Errors of a contrast: what documents and question clusters add, and the law of each unit.

A contrast is a weighted sum of z maps, c_b = sum_k w_k z_kb, so its error is that sum of the
maps' errors over their standard deviations s_k. Documents are the same for all maps: a fold f of
bin b moves the contrast by

    g_bf = sum_k (w_k / s_k) n_kbf,     V_doc,b = sum_f g_bf^2,

n_kbf being the fold's share of map k's document noise, so that what the maps share cancels as it
does in the contrast. Questions are draws in clusters (whole tasks, passages or single questions),
benchmark by benchmark: with h_kcb the summed deviation of cluster c's questions over Q_k,

    V_query,kb = (w_k / s_k)^2 C_k / (C_k - 1) sum_c h_kcb^2        with C_k - 1 degrees.

The part that documents and questions both hold is taken out once, as in the bin table. A unit
(bin, topic or format) is a mean of bins less the mean of all, for the mean of z is 0 whatever is
drawn. Its statistic |c| / sqrt(V) is read through a law of its own: the quantile is the mean of
the t quantiles of documents and of questions, weighted by their variances (Cochran 1964,
Approximate significance levels of the Behrens-Fisher test); questions of several benchmarks are
one part, with Satterthwaite's degrees. No scale is pooled, neither over units nor over maps.

For tests V_doc is moderated over the bins (Smyth 2004), that of crowded bins apart, as for
``p_unusual``; intervals, which are statements about one unit alone, take its own. V_query is not:
the bins share their questions, so that all of them may have drawn ones that vary too little. Tests
also take the noise out of the scale: a map with more noise has a larger s_k and smaller z wherever
it has any, so that it alone would differ from a map of the same truth. Each w_k is divided by the
root of the map's reliability, 1 less the mean error variance of its z.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from workflow_scripts.influence.uncertainty.jackknife import chi_square_degrees
from workflow_scripts.influence.uncertainty.moderated_variance import crowded, moderate_map
from workflow_scripts.influence.uncertainty.resampling import Resampling
from workflow_scripts.influence.uncertainty.variance_components import N_BINS

# Draws that are made at once; bounds memory whatever their number.
DRAW_CHUNK = 128
# Less reliability than this is not divided by: it is hardly known.
LEAST_RELIABLE = 0.1
# Tail probabilities at which the law of a unit is tabulated.
TAILS = np.logspace(0, -15, 76)


@dataclass(frozen=True)
class ErrorParts:
    """Error of one contrast in the known bins, B of them.

    Attributes:
        documents: (B,) variance from documents, own; NaN for a bin with one fold.
        df: (B,) its degrees of freedom.
        moderated: (B,) the same variance moderated over the bins.
        df_moderated: (B,) its degrees of freedom.
        questions: benchmark -> (C, B) change of the contrast by each question cluster; times
            independent standard normals and summed it is a draw of the error.
    """

    documents: np.ndarray
    df: np.ndarray
    moderated: np.ndarray
    df_moderated: np.ndarray
    questions: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Law:
    """Error of U units.

    Attributes:
        documents: (U,) variance from documents.
        df_documents: (U,) its degrees of freedom.
        questions: benchmark -> (C, U) as in :class:`ErrorParts`, of units.
    """

    documents: np.ndarray
    df_documents: np.ndarray
    questions: Mapping[str, np.ndarray]

    @functools.cached_property
    def by_benchmark(self) -> np.ndarray:
        """(K, U) variance from the questions of each benchmark."""
        return np.array([np.square(part).sum(axis=0) for part in self.questions.values()])

    @property
    def df_benchmark(self) -> np.ndarray:
        """(K, 1) degrees of freedom of the questions of each: clusters less one."""
        counts = [max(len(part) - 1, 1) for part in self.questions.values()]
        return np.array(counts, dtype=float)[:, None]

    @property
    def error(self) -> np.ndarray:
        """(U,) standard error."""
        return np.sqrt(self.documents + self.by_benchmark.sum(axis=0))

    def quantile(self, tail: np.ndarray | float) -> np.ndarray:
        """(..., U) half-widths that |error| exceeds with the two-sided probability ``tail``."""
        tail = np.asarray(tail)[..., None] / 2
        questions = self.by_benchmark.sum(axis=0)
        scatter = (np.square(self.by_benchmark) / self.df_benchmark).sum(axis=0)
        df = np.divide(questions**2, scatter, out=np.ones(len(questions)), where=scatter > 0)
        total = stats.t.isf(tail, self.df_documents) * self.documents
        total += stats.t.isf(tail, df) * questions
        return np.divide(total, self.error, out=0 * total, where=self.error > 0)

    @functools.cached_property
    def table(self) -> np.ndarray:
        """(T, U) half-widths at the tails ``TAILS``."""
        return self.quantile(TAILS)

    def p(self, values: np.ndarray) -> np.ndarray:
        """Two-sided p of (..., U) values against 0, at least 1e-15; NaN where nothing errs."""
        sizes, logs = np.abs(values), np.log(TAILS)
        result = np.full(values.shape, np.nan)
        for unit in np.flatnonzero(self.error > 0):
            result[..., unit] = np.interp(sizes[..., unit], self.table[:, unit], logs)
        return np.exp(result)

    def draws(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, U) errors, each part widened to its t law, question clusters shared by units."""
        drawn = rng.standard_normal((count, len(self.documents))) * np.sqrt(self.documents)
        drawn *= _wide(self.df_documents, rng, drawn.shape)
        for loadings, df in zip(self.questions.values(), self.df_benchmark, strict=True):
            normals = rng.standard_normal((count, len(loadings)))
            drawn += (normals @ loadings) * _wide(df, rng, drawn.shape)
        return drawn


def _wide(df: np.ndarray, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Factors that make normals of that shape ones of Student's t."""
    return np.sqrt(df / rng.chisquare(df, size=shape))


def error_parts(
    maps: Mapping[str, Resampling], weights: Mapping[str, float], known: np.ndarray
) -> ErrorParts:
    """Error of a contrast of z maps from the redrawable forms of its benchmarks.

    Args:
        maps: benchmark -> redrawable form, at least those with a weight.
        weights: benchmark -> weight of its z map.
        known: (576,) bool, the bins over which z is taken.
    """
    scaled = {}
    for name, weight in weights.items():
        spread = maps[name].influence[known].std(ddof=1)
        scaled[name] = weight / spread if spread > 0 else 0.0
    moved = sum(factor * fold_shares(maps[name])[:, known] for name, factor in scaled.items())
    own = np.square(moved).sum(axis=0)
    own = np.where(np.isnan(moved).any(axis=0), np.nan, own)
    df = np.min([maps[name].df_fold for name in weights], axis=0)[known]
    loadings, both = {}, np.zeros(known.sum())
    for name, factor in scaled.items():
        loadings[name] = factor * question_shares(maps[name])[:, known]
        of_query = np.square(loadings[name]).sum(axis=0)
        both += np.minimum(factor**2 * maps[name].v_interaction[known], of_query)
    questions = sum(np.square(part).sum(axis=0) for part in loadings.values())
    # At least what questions alone prove, as in the bin table.
    net = np.maximum(questions - both, questions - own)
    share = np.sqrt(np.divide(net, questions, out=0 * questions, where=questions > 0))
    # The maps score the same documents: any of them knows how these come together.
    layout = (values[known] for values in document_layout(maps[next(iter(weights))]))
    found = moderate_map(own, df, *layout)
    loadings = {name: part * share for name, part in loadings.items()}
    return ErrorParts(own, df, found.moderated, found.df_moderated, loadings)


def noiseless_scale(
    maps: Mapping[str, Resampling], weights: Mapping[str, float], known: np.ndarray
) -> tuple[np.ndarray, ErrorParts]:
    """A contrast for tests, the noise taken out of the scale of its maps, and its error.

    Args:
        maps: benchmark -> redrawable form.
        weights: benchmark -> weight of its z map.
        known: (576,) bool.

    Returns:
        (B,) values, as z of maps without noise would be compared, and their error.
    """
    adjusted = {}
    for name, weight in weights.items():
        noise = mean_variance(error_parts(maps, {name: 1.0}, known))
        adjusted[name] = weight / np.sqrt(max(1 - noise, LEAST_RELIABLE))
    value = np.zeros(known.sum())
    for name, weight in adjusted.items():
        influence = maps[name].influence[known]
        spread = influence.std(ddof=1)
        value += weight * (influence - influence.mean()) / (spread if spread > 0 else np.inf)
    return value, error_parts(maps, adjusted, known)


def mean_variance(parts: ErrorParts) -> float:
    """Mean over bins of the error variance, less what all bins share; 0 where none is known."""
    drawn = np.isfinite(parts.documents)
    if not drawn.any():
        return 0.0
    total = parts.documents[drawn]
    for loadings in parts.questions.values():
        own = loadings[:, drawn]
        total = total + np.square(own - own.mean(axis=1, keepdims=True)).sum(axis=0)
    return float(total.mean())


def fold_shares(part: Resampling) -> np.ndarray:
    """(F, 576) part of each fold in a map's document noise; NaN with fewer than two folds."""
    folds = 1 + int(part.group_folds.max())
    one_fold = np.broadcast_to(np.eye(folds)[:, None, :], (folds, N_BINS, folds))
    return part.document_noise(one_fold, np.ones((folds, N_BINS)))


def question_shares(part: Resampling) -> np.ndarray:
    """(C, 576) change of each bin by each question cluster; the squares sum to V_query."""
    n_queries, clusters = part.query_means.shape[1], 1 + int(part.clusters.max())
    if clusters == 1:
        return np.zeros((1, N_BINS))
    deviation = (part.query_means - part.influence[:, None]) / n_queries  # (576, Q)
    if clusters == n_queries:
        summed = deviation.T
    else:
        summed = np.zeros((clusters, N_BINS))
        np.add.at(summed, part.clusters, deviation.T)
    return summed * np.sqrt(clusters / (clusters - 1))


def document_layout(part: Resampling) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clustering of the documents of each bin.

    Returns:
        (576,) float degrees of freedom of a bin's document variance as a chi-square, NaN with
        fewer than two folds; (576,) int documents; (576,) bool, which bins are crowded.
    """
    df, n_docs = np.full(N_BINS, np.nan), np.zeros(N_BINS, dtype=np.int64)
    crowd = np.zeros(N_BINS, dtype=bool)
    starts = np.flatnonzero(np.r_[True, np.diff(part.group_bins) != 0])
    bins, counts = part.group_bins[starts], part.group_counts
    n_docs[bins] = np.add.reduceat(counts, starts)
    df[bins] = chi_square_degrees(counts / n_docs[part.group_bins], starts)
    crowd[bins] = crowded(counts, starts, part.group_folds.max())
    return df, n_docs, crowd


def law_of(parts: ErrorParts, matrix: np.ndarray, moderated: bool) -> Law:
    """The law of units that average bins.

    Args:
        parts: error of the contrast in the B known bins.
        matrix: (U, B) weights of bins in units.
        moderated: document variances moderated over the bins, for tests; else the bins' own.

    Returns:
        The law, of variance 0 for a unit with a bin whose error is not known.
    """
    drawn = np.isfinite(parts.documents)
    known = ~(matrix[:, ~drawn] != 0).any(axis=1)
    centred = (matrix[:, drawn] - 1 / max(drawn.sum(), 1)) * known[:, None]
    own = (parts.moderated, parts.df_moderated) if moderated else (parts.documents, parts.df)
    variance, df = (values[drawn] for values in own)
    of_bins = np.square(centred) * variance  # (U, drawn)
    total = of_bins.sum(axis=1)
    scatter = (np.square(of_bins) / df).sum(axis=1)
    degrees = np.divide(total**2, scatter, out=np.ones(len(total)), where=scatter > 0)
    # Sparse, since a bin is in one unit of an axis and questions may be many.
    averages = sparse.csr_array(matrix[:, drawn] * known[:, None])
    questions = {}
    for name, part in parts.questions.items():
        own = part[:, drawn]
        shared = own.mean(axis=1, keepdims=True) if drawn.any() else 0.0
        questions[name] = (averages @ own.T).T - shared * known
    return Law(total, degrees, questions)


def family_wise(
    values: np.ndarray, law: Law, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """p-values of units: over all of them, and of each alone.

    The smallest p of a draw without any contrast replaces the maximum of the statistic, since
    units differ in their laws: a bin of two documents is seldom the smallest (Westfall and Young
    1993, Resampling-based multiple testing, section 2.6, step-down).

    Args:
        values: (U,) contrasts.
        law: of their errors.
        draws: number R.
        rng: generator.

    Returns:
        (U,) family-wise p in [1 / (1 + R), 1] and (U,) p of the unit alone; NaN where no error
        is known.
    """
    alone = law.p(values)
    tested = np.flatnonzero(np.isfinite(alone))
    together = np.full(len(values), np.nan)
    order = tested[np.argsort(alone[tested], kind="stable")]
    smaller = np.zeros(len(order))
    for first in range(0, draws, DRAW_CHUNK):
        null = law.p(law.draws(min(DRAW_CHUNK, draws - first), rng))[:, order]
        # Of the units from here on, the smallest p of each draw.
        smallest = np.minimum.accumulate(null[:, ::-1], axis=1)[:, ::-1]
        smaller += (smallest <= alone[order]).sum(axis=0)
    together[order] = np.maximum.accumulate((1 + smaller) / (1 + draws))
    return together, alone
