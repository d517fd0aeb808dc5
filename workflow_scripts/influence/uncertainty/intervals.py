"""Errors, intervals and p-values of all bins of one map.

Three errors, all by :func:`workflow_scripts.influence.uncertainty.variance_components.combine`:

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

from workflow_scripts.influence.uncertainty.between_bin_spread import spread_of_bins, tau_degrees
from workflow_scripts.influence.uncertainty.error_law import ErrorLaw
from workflow_scripts.influence.uncertainty.variance_components import Components, combine


@dataclass(frozen=True)
class Estimates:
    """Estimates of one map's bins; (576,) arrays, NaN where undefined.

    Attributes:
        se: error of influence.
        se_centred: error of influence relative to the median bin.
        ci_low, ci_high: t interval of influence.
        p_value: p of "equals the median bin".
        moderated: squared error relative to the median bin, moderated over the map.
        df_moderated: its degrees of freedom.
        tau2: spread of true bin values around their median, a number.
        unusual: law of a bin's distance to the median bin, were all within the spread of bins.
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
    unusual: ErrorLaw
    p_unusual: np.ndarray


def estimate(parts: Components, confidence: float = 0.95) -> Estimates:
    """Errors, intervals and p-values from variance components.

    Args:
        parts: variance components of one map.
        confidence: coverage of the intervals, in (0, 1).
    """
    own = error_law(parts.v_fold_own, parts.df_fold_own, parts, parts.v_query)
    centred = error_law(parts.v_fold_own, parts.df_fold_own, parts, parts.v_query_centred)
    moderated, df_moderated = combine(
        parts.v_fold, parts.df_fold, parts.v_query_centred, parts.v_interaction, parts.n_clusters
    )
    delta = parts.influence - np.nanmedian(parts.influence)
    if np.isfinite(parts.influence).sum() < 2:
        delta = np.full(len(delta), np.nan)  # the only bin is the median bin: nothing to test
    tau2 = spread_of_bins(delta, moderated, df_moderated)
    unusual = ErrorLaw.of(
        (parts.v_fold, parts.df_fold),
        (moderated - parts.v_fold, max(parts.n_clusters - 1, 1)),
        (tau2, tau_degrees(int(np.isfinite(moderated).sum()))),
    )
    half_width = own.half_width(stats.norm.ppf(0.5 + confidence / 2))
    return Estimates(
        se=np.sqrt(own.variance),
        se_centred=np.sqrt(centred.variance),
        ci_low=parts.influence - half_width,
        ci_high=parts.influence + half_width,
        p_value=centred.p_value(delta),
        moderated=moderated,
        df_moderated=df_moderated,
        tau2=tau2,
        unusual=unusual,
        p_unusual=unusual.p_value(delta),
    )


def error_law(
    v_fold: np.ndarray, df_fold: np.ndarray, parts: Components, v_query: np.ndarray
) -> ErrorLaw:
    """Law of the error of bin means: documents, and what questions add to them.

    Args:
        v_fold: (576,) document variance.
        df_fold: (576,) its degrees of freedom.
        parts: of the same map.
        v_query: (576,) question variance, of the scores or of the centred ones.
    """
    variance, _ = combine(v_fold, df_fold, v_query, parts.v_interaction, parts.n_clusters)
    return ErrorLaw.of((v_fold, df_fold), (variance - v_fold, max(parts.n_clusters - 1, 1)))
