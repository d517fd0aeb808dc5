"""Inference on discovered bins: false coverage rate intervals, and tests of their size."""

import numpy as np
from scipy import stats

from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.uncertainty.between_bin_spread import MAD_TO_SD
from workflow_scripts.influence.uncertainty.false_discovery import beyond, fcr_confidence
from workflow_scripts.influence.uncertainty.intervals import error_law
from workflow_scripts.influence.uncertainty.variance_components import Components


def fcr_interval(
    parts: Components, q: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of the called bins' influence at the false coverage rate 1 - confidence.

    Args:
        parts: variance components of the map.
        q: (576,) q-values; bins under ``SIGNIFICANT`` are called.
        confidence: coverage over the called bins.

    Returns:
        (576,) lower and upper ends, NaN for bins that are not called.
    """
    called = np.nan_to_num(q, nan=1.0) < SIGNIFICANT
    law = error_law(parts.v_fold_own, parts.df_fold_own, parts, parts.v_query)
    level = fcr_confidence(q, called, confidence)
    half_width = law.half_width(stats.norm.ppf(0.5 + level / 2))
    half_width = np.where(called, half_width, np.nan)
    return parts.influence - half_width, parts.influence + half_width


def effect_p(parts: Components, smallest: float) -> np.ndarray:
    """Test "the bin lies within the smallest effect that matters around the median bin".

    Args:
        parts: variance components of the map.
        smallest: in units of ``robust_z``, 1.4826 times the median absolute deviation of
            influence over bins.

    Returns:
        (576,) p; NaN where a bin has no error, and everywhere at a ``smallest`` of 0: no test.
    """
    if not smallest:
        return np.full(len(parts.influence), np.nan)
    delta = parts.influence - np.nanmedian(parts.influence)
    size = smallest * MAD_TO_SD * np.nanmedian(np.abs(delta))
    law = error_law(parts.v_fold_own, parts.df_fold_own, parts, parts.v_query_centred)
    return beyond(law.p_value, delta, size)
