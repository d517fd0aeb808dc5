"""The spread of true bin values around their median."""

import numpy as np
from scipy import optimize, stats

MAD_TO_SD = 1.4826  # of a normal: 1 / Phi^-1(3/4)
# Efficiency of the MAD under a normal, which turns B bins into degrees of freedom of tau^2.
MAD_EFFICIENCY = 0.37


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


def tau_degrees(bins: int) -> float:
    """Degrees of freedom of tau^2 from a MAD over so many bins."""
    return max(MAD_EFFICIENCY * (bins - 1), 1.0)
