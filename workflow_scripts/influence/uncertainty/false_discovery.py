"""Control of the false discovery rate over the bins of a map, and intervals of what is called."""

from collections.abc import Callable

import numpy as np

from workflow_scripts.common.errors import DataError
from workflow_scripts.influence.uncertainty.empirical_null import LEAST_TESTS, tail_rates

METHODS = ("bh", "by", "local")


def adjust(p: np.ndarray, method: str = "bh", sign: np.ndarray | None = None) -> np.ndarray:
    """Adjusted p-values (q-values) by Benjamini-Hochberg, Benjamini-Yekutieli or Efron.

    q_(i) = min over j >= i of c m p_(j) / j, with c = 1 (Benjamini and Hochberg 1995) or
    c = sum of 1/k for k = 1..m (Benjamini and Yekutieli 2001, valid under any dependence).
    m counts the tests that were made: entries that are NaN stay NaN and do not count.
    ``local`` reads the p-values against the law that most of them follow (``empirical_null``);
    with fewer than 50 tests, or none of any size, it is Benjamini-Hochberg's.

    Args:
        p: (n,) float in [0, 1], NaN where no test was made.
        method: ``bh``, ``by`` or ``local``.
        sign: (n,) float, whose sign is that of the departure; ``local`` needs it.

    Returns:
        (n,) float64 in [0, 1], NaN where ``p`` is NaN.

    Raises:
        DataError: the method is not known.
    """
    if method not in METHODS:
        raise DataError(f"multiplicity {method!r} is not known; allowed: {', '.join(METHODS)}")
    q = np.full(len(p), np.nan)
    made = np.flatnonzero(~np.isnan(p))
    m = len(made)
    if m == 0:
        return q
    if method == "local" and m >= LEAST_TESTS and np.ptp(p[made]) > 0:
        q[made] = tail_rates(p[made], sign[made])
        return q
    order = made[np.argsort(p[made], kind="stable")]
    factor = float(np.sum(1.0 / np.arange(1, m + 1))) if method == "by" else 1.0
    raw = factor * m * p[order] / np.arange(1, m + 1)
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q


def fcr_confidence(q: np.ndarray, called: np.ndarray, confidence: float) -> float:
    """Confidence of the intervals of what is called, so that the share that misses is bounded.

    Of R called among m tested, intervals at 1 - R (1 - confidence) / m miss their value in an
    expected share of at most 1 - confidence of those called, whatever chose them (Benjamini and
    Yekutieli 2005, False discovery rate-adjusted multiple confidence intervals, JASA 100).

    Args:
        q: (n,) q-values, NaN where no test was made.
        called: (n,) bool.
        confidence: coverage over what is called.
    """
    tested, count = int(np.isfinite(q).sum()), max(int(called.sum()), 1)
    return 1 - (1 - confidence) * count / tested if tested else confidence


def beyond(
    p_of: Callable[[np.ndarray], np.ndarray], distance: np.ndarray, smallest: float
) -> np.ndarray:
    """Test "the true distance is at most the smallest that matters".

    The largest p over that interval null, which is had at its ends: with P(x) the two-sided p of a
    distance x from 0, p = (P'(|d| - s) + P(|d| + s)) / 2, where P'(x) = P(x) for x >= 0 and
    2 - P(x) below (Hodges and Lehmann 1954, Testing the approximate validity of statistical
    hypotheses). At s = 0 it is P(|d|).

    Args:
        p_of: (n,) distances -> (n,) two-sided p-values of them against 0.
        distance: (n,) estimated distances, NaN where unknown.
        smallest: s, in the unit of the distances, at least 0.

    Returns:
        (n,) p-values.
    """
    near = np.abs(distance) - smallest
    toward = p_of(np.abs(near))
    return (np.where(near >= 0, toward, 2 - toward) + p_of(np.abs(distance) + smallest)) / 2
