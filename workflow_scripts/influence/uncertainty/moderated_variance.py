"""Moderated variances: empirical Bayes shrinkage of each bin's variance over the bins.

Empirical Bayes of Smyth (2004), Linear models and empirical Bayes methods for assessing
differential expression in microarray experiments, section 6. A bin's document variance
s_b^2, with d_b degrees of freedom, is seen as a draw around a true variance that itself
scatters around a prior variance s0^2 with d0 degrees of freedom; then s_b^2 ~ s0^2 F(d_b, d0).

The moderated variance is that of a bin of this map. It serves the question whether a bin is an
ordinary one (``p_unusual``), where it finds what eight documents alone cannot. It does not
serve an interval for one bin: bins in which only some documents carry a capability vary more
than the prior believes, and an interval from the moderated variance would be too short in
just those bins (docs/statistics.md has the numbers).
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

# A bin of near-duplicates has almost no variance, and its logarithm alone would undo the fit.
# No draw from a chi-square falls below this quantile in maps of our size.
LOWEST_QUANTILE = 1e-6
# One bin in a hundred of a map without copies has so small a variance.
COPIES_QUANTILE = 0.01
# A bin is crowded where its folds are so much less even than those of the median bin.
CROWDED = 1.5


@dataclass(frozen=True)
class Prior:
    """Distribution of the bins' variances: typical value and how tightly they agree.

    Attributes:
        variance: s0^2, in squared units of the score; NaN where nothing could be fitted.
        df: d0 in [0, inf]; 0 leaves every variance alone, inf gives all bins the same.
    """

    variance: float
    df: float


def fit_prior(variances: np.ndarray, df: np.ndarray) -> Prior:
    """Estimate s0^2 and d0 from the first two moments of the log variances.

    With e_b = log s_b^2 - psi(d_b / 2) + log(d_b / 2), Smyth's equations are
    mean e = log s0^2 - psi(d0 / 2) + log(d0 / 2) and
    trigamma(d0 / 2) = mean of ((e_b - mean e)^2 B / (B - 1) - trigamma(d_b / 2)).
    Deviation: a variance far under all others counts as if it were at the 1e-6 quantile of
    its chi-square, since a bin of copies says nothing about the other bins.

    Args:
        variances: (B,) float; variance of one document's score in each bin, >= 0.
        df: (B,) float > 0; degrees of freedom of each.

    Returns:
        The prior; with fewer than three bins, or all variances 0, one of 0 degrees.
    """
    positive = variances > 0
    if positive.sum() < 3:
        return Prior(variance=float("nan"), df=0.0)
    half = df / 2
    offset = np.log(half) - special.digamma(half)
    typical = np.median(np.log(variances[positive]) + offset[positive])
    # ppf underflows to 0 only where df is far below 1; any tiny number serves there.
    lowest = np.log(np.maximum(stats.chi2.ppf(LOWEST_QUANTILE, df) / df, 1e-300)) + typical
    logs = np.log(variances, out=np.full(len(variances), -np.inf), where=positive)
    e = np.maximum(logs, lowest) + offset
    excess = e.var(ddof=1) - np.mean(special.polygamma(1, half))
    if excess <= 0:
        return Prior(variance=float(np.exp(e.mean())), df=float("inf"))
    half_prior = inverse_trigamma(excess)
    shift = special.digamma(half_prior) - np.log(half_prior)
    return Prior(variance=float(np.exp(e.mean() + shift)), df=2 * half_prior)


def inverse_trigamma(value: float) -> float:
    """Solve trigamma(x) = value for x > 0.

    trigamma falls from infinity to 0 and lies between 1/x and 1/x + 1/x^2, which brackets x.
    """
    low, high = 1 / value, 0.5 / value + np.sqrt(0.25 / value**2 + 1 / value)
    if high - low < 1e-12 * high:
        return high
    return float(
        optimize.brentq(lambda x: special.polygamma(1, x) - value, low * 0.999, high * 1.001)
    )


def moderate(variances: np.ndarray, df: np.ndarray, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Posterior variances and their degrees of freedom.

    (d0 s0^2 + d_b s_b^2) / (d0 + d_b) with d0 + d_b degrees (Smyth 2004, equation 3.2 and
    below), the degrees at most those of all bins pooled: the prior is itself estimated from
    these bins, which matters in maps of few bins.

    Args:
        variances: (B,) float.
        df: (B,) float > 0.
        prior: what :func:`fit_prior` found.

    Returns:
        (B,) variances and (B,) degrees of freedom.
    """
    if prior.df == 0:
        return variances, df
    if np.isinf(prior.df):
        posterior = np.full(len(variances), prior.variance)
    else:
        posterior = (prior.df * prior.variance + df * variances) / (prior.df + df)
    return posterior, np.minimum(df + prior.df, df.sum())


def too_small(variances: np.ndarray, df: np.ndarray, prior: Prior) -> np.ndarray:
    """Find the bins that vary so little that they look like copies of one document.

    Their variance shows how alike the copies are, not how well the bin's mean is known.

    Args:
        variances: (B,) float.
        df: (B,) float > 0.
        prior: what :func:`fit_prior` found.

    Returns:
        (B,) bool; True below the 1% quantile of the law s0^2 F(d_b, d0) that bins of this map
        have. All False without a prior.
    """
    if prior.df == 0:
        return np.zeros(len(variances), dtype=bool)
    if np.isinf(prior.df):
        lowest = stats.chi2.ppf(COPIES_QUANTILE, df) / df
    else:
        lowest = stats.f.ppf(COPIES_QUANTILE, df, prior.df)
    return variances < prior.variance * lowest


@dataclass(frozen=True)
class DocumentVariance:
    """Document variance of the mean of each of B bins; NaN with one fold.

    Attributes:
        own: (B,) the bin's own; moderated for a bin of copies.
        df_own: (B,) its degrees of freedom.
        moderated: (B,) moderated over the map; the bin's own where it is crowded.
        df_moderated: (B,) its degrees of freedom.
        prior: of one document's variance.
    """

    own: np.ndarray
    df_own: np.ndarray
    moderated: np.ndarray
    df_moderated: np.ndarray
    prior: Prior


def moderate_map(
    raw: np.ndarray, df: np.ndarray, law_df: np.ndarray, n_docs: np.ndarray, crowd: np.ndarray
) -> DocumentVariance:
    """Moderate the document variances of a map.

    A crowded bin is no draw from the law of the others' variances: where one site is 70% of a
    bin, and the other bins have many, its mean varies 50 times as much as theirs. It neither
    takes part in the prior nor is it moderated, and is tested with the few degrees of freedom of
    its variance: at the small p that a map of bins asks for, those of the interval are too many.

    Args:
        raw: (B,) document variance of each bin's mean, NaN with one fold.
        df: (B,) degrees of freedom of its t interval, NaN with one fold.
        law_df: (B,) degrees of freedom of the variance as a chi-square, NaN with one fold.
        n_docs: (B,) documents.
        crowd: (B,) bool, as :func:`crowded` finds it.
    """
    own, df_own, moderated, df_moderated = raw.copy(), df.copy(), raw.copy(), law_df.copy()
    alike = np.flatnonzero(np.isfinite(raw) & ~crowd)
    if not len(alike):
        return DocumentVariance(own, df_own, moderated, df_moderated, Prior(float("nan"), 0.0))
    one, freedom = raw[alike] * n_docs[alike], law_df[alike]
    prior = fit_prior(one, freedom)
    posterior, df_moderated[alike] = moderate(one, freedom, prior)
    moderated[alike] = posterior / n_docs[alike]
    copies = alike[too_small(one, freedom, prior)]
    own[copies], df_own[copies] = moderated[copies], df_moderated[copies]
    return DocumentVariance(own, df_own, moderated, df_moderated, prior)


def crowded(counts: np.ndarray, starts: np.ndarray, last_fold: int) -> np.ndarray:
    """Find the bins made of far fewer sites than most bins of the map.

    The unevenness of a bin is the sum of its squared shares of documents by fold over what
    documents without common sites, assigned round-robin, would have.

    Args:
        counts: (G,) documents of each group, bin after bin.
        starts: (B,) first group of each bin.
        last_fold: the largest fold of the map.

    Returns:
        (B,) bool.
    """
    n_docs = np.add.reduceat(counts, starts)
    each, more = np.divmod(n_docs, last_fold + 1)
    even = (last_fold + 1) * each**2 + more * (2 * each + 1)
    uneven = np.add.reduceat(counts**2, starts) / even
    return uneven > CROWDED * np.median(uneven)
