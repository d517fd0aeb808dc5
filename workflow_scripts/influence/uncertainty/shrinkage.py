"""Shrinkage of a bin's influence toward what its topic and its format lead one to expect.

The fit is additive, overall + topic + format, by median polish (Tukey 1977, Exploratory Data
Analysis, chapter 10), so that a bin of another kind does not pull its row and column; for each bin
it is made without that bin. With r_b the distance of the bin to its own fit, v_b the squared
error of that distance and A the variance of true distances, the posterior mean of the bin under
normal laws is

    shrunk_b = fit_b + (1 - v_b / (v_b + A)) r_b

(Efron and Morris 1973, Stein's estimation rule and its competitors). A comes from the median of
the |r_b| net of noise, so that bins far from their fit do not set it. Those bins are not
ordinary ones, and shrinking them like ordinary ones would erase what the map is for;
therefore no bin moves further than its own standard error (limited translation: Efron and
Morris 1972, Limiting the risk of Bayes and empirical Bayes estimators, part II).
"""

import numpy as np

from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.influence.uncertainty.between_bin_spread import spread_of_bins

SHAPE = (len(TOPICS), len(FORMATS))
ROUNDS = 10
# Bins polished at once: each is a whole map, so that this bounds memory (10 MB).
CHUNK = 192


def shrink(influence: np.ndarray, variance: np.ndarray, df: np.ndarray) -> np.ndarray:
    """Posterior mean of each bin's influence (formula above).

    Args:
        influence: (576,) influence, NaN for a bin without documents.
        variance: (576,) squared error relative to other bins, NaN where unknown.
        df: (576,) its degrees of freedom.

    Returns:
        (576,) shrunk influence. NaN where the variance is NaN (nothing says how much to
        shrink) and where no other bin has documents.
    """
    fit = leave_one_out_fit(influence)
    distance = influence - fit
    spread = spread_of_bins(distance, variance, df)
    total = variance + spread
    share = np.divide(variance, total, out=np.zeros_like(total), where=total > 0)
    limit = np.sqrt(variance)
    return influence - np.clip(share * distance, -limit, limit) + 0 * variance


def leave_one_out_fit(influence: np.ndarray) -> np.ndarray:
    """Overall + topic + format of each bin, from all bins but that one.

    A topic or format without any other bin has the effect 0, that of a typical one.

    Args:
        influence: (576,) influence in the order of ``BINS``, NaN without documents.

    Returns:
        (576,) fit; NaN for a bin without documents, and everywhere where fewer than two have.
    """
    known = np.flatnonzero(np.isfinite(influence))
    fit = np.full(len(influence), np.nan)
    if len(known) < 2:
        return fit
    for first in range(0, len(known), CHUNK):
        left_out = known[first : first + CHUNK]
        maps = np.tile(influence, (len(left_out), 1))
        maps[np.arange(len(left_out)), left_out] = np.nan
        overall, topic, format_ = median_polish(maps.reshape(-1, *SHAPE))
        row, column = np.divmod(left_out, SHAPE[1])
        which = np.arange(len(left_out))
        fit[left_out] = overall + topic[which, row] + format_[which, column]
    return fit


def median_polish(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tukey's median polish of many maps at once.

    Args:
        maps: (M, T, F) float; NaN entries are left out.

    Returns:
        (M,) overall, (M, T) topic and (M, F) format effects, whose medians over the topics and
        formats with entries are 0; the effect of one without entries is 0.
    """
    rest = maps.astype(float)
    overall = np.zeros(len(rest))
    topic, format_ = np.zeros(rest.shape[:2]), np.zeros((len(rest), rest.shape[2]))
    has_topic, has_format = np.isfinite(rest).any(axis=2), np.isfinite(rest).any(axis=1)
    for _ in range(ROUNDS):
        step = np.nan_to_num(median(rest, axis=2))
        topic, rest = topic + step, rest - step[:, :, None]
        step = np.nan_to_num(median(rest, axis=1))
        format_, rest = format_ + step, rest - step[:, None, :]
    for effect, has in ((topic, has_topic), (format_, has_format)):
        centre = np.nan_to_num(median(np.where(has, effect, np.nan), axis=1))
        overall += centre
        effect -= np.where(has, centre[:, None], 0.0)
    return overall, topic, format_


def median(values: np.ndarray, axis: int) -> np.ndarray:
    """Median without the NaN entries, NaN where there are no others.

    As ``np.nanmedian``, which goes through the slices one by one where a slice is short.
    """
    ordered = np.sort(values, axis=axis)  # NaN last
    known = np.isfinite(ordered).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0), axis)
    high = np.take_along_axis(ordered, np.minimum(known // 2, ordered.shape[axis] - 1), axis)
    return np.where(known > 0, (low + high) / 2, np.nan).squeeze(axis)
