"""Control of the false discovery rate over the bins of a map."""

import numpy as np

from workflow_scripts.common.errors import DataError

METHODS = ("bh", "by")


def adjust(p: np.ndarray, method: str = "bh") -> np.ndarray:
    """Adjusted p-values (q-values) by Benjamini-Hochberg or Benjamini-Yekutieli.

    q_(i) = min over j >= i of c m p_(j) / j, with c = 1 (Benjamini and Hochberg 1995) or
    c = sum of 1/k for k = 1..m (Benjamini and Yekutieli 2001, valid under any dependence).
    m counts the tests that were made: entries that are NaN stay NaN and do not count.

    Args:
        p: (n,) float in [0, 1], NaN where no test was made.
        method: ``bh`` or ``by``.

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
    order = made[np.argsort(p[made], kind="stable")]
    factor = 1.0 if method == "bh" else float(np.sum(1.0 / np.arange(1, m + 1)))
    raw = factor * m * p[order] / np.arange(1, m + 1)
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q
