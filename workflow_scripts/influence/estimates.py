"""Errors, intervals and p-values of all bins of one map.

Three errors, all by :func:`workflow_scripts.influence.components.combine`:

- ``se``: the bin's own document variance and the question variance of its scores. It makes the
  interval, a statement about this bin alone.
- ``se_centred``: the same of the scores less the median bin's score on the same question; what
  shifts all bins alike on a question is no difference between bins and cancels. It makes
  ``p_value``, t = (influence - median over bins) / se_centred.
- moderated: as ``se_centred``, with the document variance moderated over the map. It makes
  ``p_unusual``, t = (influence - median over bins) / sqrt(moderated + tau^2): does the bin lie
  outside the spread that bins have anyway.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workflow_scripts.influence.components import Components, combine
from workflow_scripts.influence.spread import spread_of_bins, t_test, unusual_p


@dataclass(frozen=True)
class Estimates:
    """What one map says of its bins; (576,) arrays, NaN where undefined.

    Attributes:
        se: error of influence.
        se_centred: error of influence relative to the median bin.
        ci_low, ci_high: t interval of influence.
        p_value: p of "equals the median bin".
        moderated: squared error relative to the median bin, moderated over the map.
        df_moderated: its degrees of freedom.
        tau2: spread of true bin values around their median, a number.
        p_unusual: p of "lies within the spread of bins".
    """

    se: np.ndarray
    se_centred: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    p_value: np.ndarray
    moderated: np.ndarray
    df_moderated: np.ndarray
    tau2: float
    p_unusual: np.ndarray


def estimate(parts: Components, confidence: float = 0.95) -> Estimates:
    """Errors, intervals and p-values from variance components.

    Args:
        parts: variance components of one map.
        confidence: coverage of the intervals, in (0, 1).
    """
    n_queries = parts.query_means.shape[1]
    own = (parts.v_fold_own, parts.df_fold_own)
    variance, _ = combine(*own, parts.v_query, parts.v_interaction, n_queries)
    rest = (parts.v_query_centred, parts.v_interaction, n_queries)
    centred, df_centred = combine(*own, *rest)
    moderated, df_moderated = combine(parts.v_fold, parts.df_fold, *rest)
    delta = parts.influence - np.nanmedian(parts.influence)
    tau2 = spread_of_bins(delta, moderated, df_moderated)
    half_width = interval(*own, variance, n_queries, confidence)
    return Estimates(
        se=np.sqrt(variance),
        se_centred=np.sqrt(centred),
        ci_low=parts.influence - half_width,
        ci_high=parts.influence + half_width,
        p_value=t_test(delta, centred, df_centred),
        moderated=moderated,
        df_moderated=df_moderated,
        tau2=tau2,
        p_unusual=unusual_p(delta, moderated, df_moderated, tau2),
    )


def interval(
    v_fold: np.ndarray,
    df_fold: np.ndarray,
    variance: np.ndarray,
    n_queries: int,
    confidence: float,
) -> np.ndarray:
    """Half-width of the t interval of a mean with two sources of error.

    (t_fold V_fold + t_query (V - V_fold)) / sqrt(V), each part with the quantile of its own degrees
    of freedom (Cochran 1964, Approximate significance levels of the Behrens-Fisher test).
    Satterthwaite's degrees take a document variance that two folds put too low for a small
    share of the whole: such intervals covered 90 to 93%, these 95 to 96%.

    Args:
        v_fold: (B,) document variance of the mean.
        df_fold: (B,) its degrees of freedom.
        variance: (B,) squared error of the mean, at least ``v_fold``.
        n_queries: Q; the other part of the variance has Q - 1 degrees.
        confidence: coverage.

    Returns:
        (B,) half-widths; NaN where ``v_fold`` is, 0 where the variance is.
    """
    level = 0.5 + confidence / 2
    of_folds = stats.t.ppf(level, df_fold) * v_fold
    of_queries = stats.t.ppf(level, max(n_queries - 1, 1)) * np.maximum(variance - v_fold, 0)
    error = np.sqrt(variance)
    return np.divide(of_folds + of_queries, error, out=0 * error, where=error > 0)
