"""What is said of bins once they are called: intervals that hold, and whether they are large."""

import functools

import numpy as np

from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.components import Components, combine
from workflow_scripts.influence.estimates import Estimates, interval
from workflow_scripts.influence.multiplicity import beyond, fcr_confidence
from workflow_scripts.influence.spread import t_test

MAD_TO_SD = 1.4826  # of a normal: 1 / Phi^-1(3/4)


def fcr_interval(
    parts: Components, found: Estimates, q: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of the called bins' influence at the false coverage rate 1 - confidence.

    Args:
        parts: variance components of the map.
        found: its errors.
        q: (576,) q-values; bins under ``SIGNIFICANT`` are called.
        confidence: coverage over the called bins.

    Returns:
        (576,) lower and upper ends, NaN for bins that are not called.
    """
    called = np.nan_to_num(q, nan=1.0) < SIGNIFICANT
    half_width = interval(
        parts.v_fold_own,
        parts.df_fold_own,
        found.se**2,
        parts.query_means.shape[1],
        fcr_confidence(q, called, confidence),
    )
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
    centred, df = combine(
        parts.v_fold_own,
        parts.df_fold_own,
        parts.v_query_centred,
        parts.v_interaction,
        parts.query_means.shape[1],
    )
    return beyond(functools.partial(t_test, variance=centred, df=df), delta, size)
