"""The bin table of one benchmark and scorer: influence with its uncertainty.

Every scorer (trackstar, cosine, dot, tfidf, untrained, shuffled) goes through
:func:`bin_influence`, so that their tables differ in the scores alone.
"""

import logging

import numpy as np
import polars as pl
from scipy import optimize, stats

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.components import Components, GroupMeans, combine, components
from workflow_scripts.influence.multiplicity import adjust

__all__ = ["GroupMeans", "bin_influence", "table"]

logger = logging.getLogger("atlas")

MAD_TO_SD = 1.4826  # of a normal: 1 / Phi^-1(3/4)
# Efficiency of the MAD under a normal, which turns B bins into degrees of freedom of tau^2.
MAD_EFFICIENCY = 0.37


def bin_influence(
    groups: GroupMeans,
    n_sites: np.ndarray,
    coherence: np.ndarray | None,
    confidence: float = 0.95,
    multiplicity: str = "bh",
) -> pl.DataFrame:
    """The bin table of one benchmark: 576 rows, positive influence = supports.

    Args:
        groups: mean scores of the occupied (bin, fold) groups on each query.
        n_sites: (576,) number of sites of each bin's documents.
        coherence: (576,) norm of each bin's mean row, NaN for an empty bin; None where the
            scorer has no rows.
        confidence: coverage of the intervals, in (0, 1).
        multiplicity: ``bh`` or ``by``, for ``q_unusual``.

    Returns:
        Frame in the order of ``BINS`` with topic, format and the columns that
        ``schemas/tables/influence.yaml`` declares for ``bins``. A bin without documents is
        null throughout, but for ``n_docs`` = 0. A bin with one occupied fold has a mean and
        no error: se, interval and p-values are null.
    """
    return table(components(groups), n_sites, coherence, confidence, multiplicity)


def table(
    parts: Components,
    n_sites: np.ndarray,
    coherence: np.ndarray | None,
    confidence: float = 0.95,
    multiplicity: str = "bh",
) -> pl.DataFrame:
    """The bin table from variance components; arguments as :func:`bin_influence`.

    ``p_value``: t = (influence - median over bins) / se_centred, where se_centred comes from the
    scores less the median bin's score on the same query; what shifts all bins alike on a query
    is no difference between bins and cancels. ``p_unusual`` divides by
    sqrt(se_centred^2 + tau^2) instead: does the bin lie outside the spread that bins have anyway.
    """
    n_queries = parts.query_means.shape[1]
    variance, df = combine(
        parts.v_fold, parts.df_fold, parts.v_query, parts.v_interaction, n_queries
    )
    centred, df_centred = combine(
        parts.v_fold, parts.df_fold, parts.v_query_centred, parts.v_interaction, n_queries
    )
    influence = parts.influence
    delta = influence - np.nanmedian(influence)
    tau2 = spread_of_bins(delta, centred, df_centred)
    p_unusual = unusual_p(delta, centred, df_centred, tau2)
    half_width = stats.t.ppf(0.5 + confidence / 2, df) * np.sqrt(variance)
    empty = parts.n_docs == 0
    nothing = np.full(len(BINS), np.nan)
    logger.info(
        "%d bins with documents; document variance: prior %.3g with %.1f degrees of freedom; "
        "spread of bins net of noise (sd): %.3g",
        (~empty).sum(),
        parts.prior.variance,
        parts.prior.df,
        np.sqrt(tau2),
    )
    columns = {
        "n_sites": np.where(empty, np.nan, np.asarray(n_sites, dtype=float)),
        "influence": influence,
        "se": np.sqrt(variance),
        "se_centred": np.sqrt(centred),
        "ci_low": influence - half_width,
        "ci_high": influence + half_width,
        "z": standardise(influence),
        "robust_z": robust_standardise(influence),
        "rank": np.where(empty, np.nan, stats.rankdata(-influence, "min", nan_policy="omit")),
        "shrunk": nothing,
        "p_value": t_test(delta, centred, df_centred),
        "p_unusual": p_unusual,
        "q_unusual": adjust(p_unusual, multiplicity),
        "coherence": nothing if coherence is None else np.where(empty, np.nan, coherence),
    }
    topics, formats = zip(*BINS, strict=True)
    frame = pl.DataFrame(
        {"topic": topics, "format": formats, "n_docs": parts.n_docs, **columns}
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    return frame.with_columns(pl.col("n_sites", "rank").cast(pl.Int64))


def t_test(delta: np.ndarray, variance: np.ndarray, df: np.ndarray) -> np.ndarray:
    """Two-sided p-values of ``delta`` against 0; NaN where an argument is NaN.

    A bin whose variance is 0 (copies of one document on every query) cannot be tested: NaN.
    """
    testable = variance > 0
    ratio = np.divide(delta, np.sqrt(variance), out=np.full(len(delta), np.nan), where=testable)
    return 2 * stats.t.sf(np.abs(ratio), df)


def spread_of_bins(delta: np.ndarray, variance: np.ndarray, df: np.ndarray) -> float:
    """tau^2: variance of true bin values around their median, from the MAD net of noise.

    Solves median over bins of |delta_b| / (m_b sqrt(tau^2 + variance_b)) = 1 for tau^2, with m_b
    the median of |t| at the bin's degrees of freedom. With equal noise this is the squared MAD
    less the noise; with unequal noise a bin counts by its own. At least 0. Less than half the
    bins can move the median, so that support bins do not hide themselves.

    Args:
        delta: (B,) influence less its median over bins; NaN entries are left out.
        variance: (B,) squared error of each.
        df: (B,) degrees of freedom of each.

    Returns:
        tau^2, in squared units of the score.
    """
    known = np.isfinite(delta) & (variance > 0)
    if not known.any():
        return 0.0
    size = np.abs(delta[known]) / stats.t.ppf(0.75, df[known])
    noise = variance[known]

    def excess(tau2: float) -> float:
        return float(np.median(size / np.sqrt(tau2 + noise))) - 1

    if excess(0.0) <= 0:
        return 0.0
    return float(optimize.brentq(excess, 0.0, float(np.max(size)) ** 2, rtol=1e-10))


def unusual_p(delta: np.ndarray, variance: np.ndarray, df: np.ndarray, tau2: float) -> np.ndarray:
    """p-values of "this bin lies within the spread of bins".

    Args:
        delta: (B,) influence less its median over bins.
        variance: (B,) squared centred error.
        df: (B,) its degrees of freedom.
        tau2: spread of true bin values.

    Returns:
        (B,) two-sided p of t = delta / sqrt(variance + tau2), degrees of freedom by Satterthwaite.
    """
    df_tau = max(MAD_EFFICIENCY * (np.isfinite(variance).sum() - 1), 1.0)
    total = variance + tau2
    scatter = variance**2 / df + tau2**2 / df_tau
    degrees = np.divide(total**2, scatter, out=df.copy(), where=scatter > 0)
    return t_test(delta, total, degrees)


def standardise(values: np.ndarray) -> np.ndarray:
    """Standard scores (z) over the entries that are not NaN, with the sample standard deviation.

    All NaN where fewer than two entries are known or all are equal.
    """
    if np.isfinite(values).sum() < 2:
        return np.full(values.shape, np.nan)
    spread = np.nanstd(values, ddof=1)
    return (values - np.nanmean(values)) / (spread if spread > 0 else np.nan)


def robust_standardise(values: np.ndarray) -> np.ndarray:
    """(value - median) / (1.4826 MAD); all NaN where the MAD is 0."""
    deviation = values - np.nanmedian(values)
    mad = MAD_TO_SD * np.nanmedian(np.abs(deviation))
    return deviation / (mad if mad > 0 else np.nan)
