"""Intervals for the areas that judge a map by its truth, over topics: pure functions.

Bins of a topic are alike, so that 24 support bins of four topics are fewer than 24 draws. Each
side counts as n / (1 + (m - 1) ICC) bins, m a topic's bins on that side and ICC the larger of the
two sides' correlation within topics, of normal scores (one-way analysis of variance). With these
sizes the interval of an AUROC inverts its score test under the variance of Hanley and McNeil (1982,
The meaning and use of the area under a ROC curve), with the mean of both sizes in place of each
(Newcombe 2006, Confidence intervals for an effect size measure based on the Mann-Whitney
statistic, part 2, method 5). It has a width also where the two sides do not overlap, which no
bootstrap or jackknife has. Average precision is read as a share of the positive side (Wilson 1927).
"""

from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.optimize import brentq

# The ends of an interval are searched between this and one less this.
EDGE = 1e-9


def icc(values: np.ndarray, topics: np.ndarray) -> float:
    """Correlation of values within topics, at least 0; 0 where there are fewer than two topics.

    Args:
        values: (n,) values.
        topics: (n,) topic of each.
    """
    _, place, sizes = np.unique(topics, return_inverse=True, return_counts=True)
    count, n = len(sizes), len(values)
    if count < 2 or n <= count:
        return 0.0
    means = np.bincount(place, values) / sizes
    between = np.sum(sizes * (means - values.mean()) ** 2) / (count - 1)
    within = np.sum((values - means[place]) ** 2) / (n - count)
    typical = (n - np.sum(sizes**2) / n) / (count - 1)
    total = between + (typical - 1) * within
    return float(np.clip((between - within) / total, 0, 1)) if total > 0 else 0.0


def effective_sizes(
    values: np.ndarray, positive: np.ndarray, topics: np.ndarray
) -> tuple[float, float]:
    """Effective number of independent bins of each side.

    Args:
        values: (n,) influence of the bins of both sides.
        positive: (n,) bool; the bins that should lie above.
        topics: (n,) topic of each bin.
    """
    scores = stats.norm.ppf((stats.rankdata(values) - 0.5) / len(values))
    sides = (positive, ~positive)
    together = max(icc(scores[side], topics[side]) for side in sides)
    sizes = []
    for side in sides:
        alike = side.sum() / len(np.unique(topics[side]))
        sizes.append(float(side.sum() / (1 + (alike - 1) * together)))
    return sizes[0], sizes[1]


def area_interval(
    area: float | None,
    values: np.ndarray,
    positive: np.ndarray,
    topics: np.ndarray,
    confidence: float,
) -> tuple[float | None, float | None]:
    """Both ends of the interval of an AUROC; None where there is no area.

    Args:
        area: the AUROC of ``positive`` against the rest.
        values: (n,) influence of the bins of both sides.
        positive: (n,) bool; the bins that should lie above.
        topics: (n,) topic of each bin.
        confidence: coverage.
    """
    if area is None:
        return None, None
    m, n = effective_sizes(values, positive, topics)
    reach, mean = stats.norm.ppf((1 + confidence) / 2), (m + n) / 2 - 1

    def beyond(other: float) -> float:
        spread = 1 + mean * ((1 - other) / (2 - other) + other / (1 + other))
        return abs(area - other) - reach * np.sqrt(other * (1 - other) * spread / (m * n))

    return _end(beyond, EDGE, area), _end(beyond, 1 - EDGE, area)


def precision_interval(
    precision: float | None,
    values: np.ndarray,
    positive: np.ndarray,
    topics: np.ndarray,
    confidence: float,
) -> tuple[float | None, float | None]:
    """Both ends of the interval of an average precision; arguments as for an area."""
    if precision is None:
        return None, None
    m, _ = effective_sizes(values, positive, topics)
    z2 = stats.norm.ppf((1 + confidence) / 2) ** 2
    middle = (precision + z2 / (2 * m)) / (1 + z2 / m)
    reach = np.sqrt(z2 * precision * (1 - precision) / m + (z2 / (2 * m)) ** 2) / (1 + z2 / m)
    return float(max(middle - reach, 0.0)), float(min(middle + reach, 1.0))


def _end(beyond: Callable[[float], float], edge: float, area: float) -> float:
    """Confidence limit between the area and an edge; the edge where the test never rejects."""
    inner = float(np.clip(area, 10 * EDGE, 1 - 10 * EDGE))
    if beyond(edge) <= 0 or beyond(inner) >= 0:
        return float(round(edge))
    return float(brentq(beyond, *sorted((edge, inner))))
