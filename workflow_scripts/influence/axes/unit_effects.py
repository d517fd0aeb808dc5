"""Tests of unusual topics (formats) among the topics (formats), with bins as draws.

With r_uf = z_uf - overall - effect of the other factor, whose effects come from a median polish
(a bin that stands out then does not pull its row and column), the effect of a unit is the mean
of r_uf over its bins, less that of the median unit: the bins that stand out move a map's mean, so
that 0 is not the neutral value. Under the null hypothesis a unit's bins are like those of the other
units. Its error is therefore pooled over them, s^2 = median over units of the variance of r_uf,
and not its own, since the very bins that make a topic unusual spread it. But a mean that rests on
one bin says nothing of a topic: of its own variance s_u^2 at least two fifths count, so that a
single bin, however large, takes t to at most 1.6, and six of 24 to 4.5. The units themselves
differ by tau^2 (``spread``); p is that of

    t = effect / sqrt(max(s^2, 2/5 s_u^2) / n_u + tau^2)

with Satterthwaite's degrees of freedom.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from workflow_scripts.influence.uncertainty.between_bin_spread import spread_of_bins, tau_degrees
from workflow_scripts.influence.uncertainty.shrinkage import median_polish

# Least share of a unit's own variance that counts.
OWN_SHARE = 0.4
# Two dozen values lie nearer to their own median than to that of their law (simulated).
FEW_UNITS = 1.2
# Fewer units cannot say how much units differ.
LEAST_UNITS = 4


@dataclass(frozen=True)
class UnitEffects:
    """Units of one axis, in the unit of the map; NaN where undefined.

    Attributes:
        effect: (U,) mean of the unit's bins, the other factor's effects taken out, less that of
            the median unit; positive = supports.
        residual: (U, V) value of each bin without the other factor's effect, NaN without one.
        p_value: (U,) two-sided p of "within the spread of units".
    """

    effect: np.ndarray
    residual: np.ndarray
    p_value: np.ndarray


def unit_effects(values: np.ndarray) -> UnitEffects:
    """Effects of the rows of a map, and how unusual each is (formulas above).

    Args:
        values: (U, V) map, units in rows, the other factor in columns; NaN without documents.
    """
    overall, _, other = (part[0] for part in median_polish(values[None]))
    residual = values - overall - other
    nothing = np.full(len(values), np.nan)
    known = np.isfinite(residual)
    count = known.sum(axis=1)
    filled, several = count > 0, count > 1
    mean = np.divide(np.nansum(residual, axis=1), count, out=nothing.copy(), where=filled)
    effect = mean - np.nanmedian(mean) if filled.any() else nothing
    if several.sum() < LEAST_UNITS:
        return UnitEffects(effect, residual, nothing)
    squares = np.where(known, (residual - mean[:, None]) ** 2, 0.0).sum(axis=1)
    degrees = count[several] - 1
    pooled = np.median(squares[several] / stats.chi2.ppf(0.5, degrees))
    own = np.divide(squares, count - 1, out=np.zeros(len(values)), where=several)
    variance = np.maximum(pooled, OWN_SHARE * own) / np.where(filled, count, np.nan)
    return UnitEffects(effect, residual, _p_value(effect, variance, degrees.sum()))


def _p_value(effect: np.ndarray, variance: np.ndarray, df: int) -> np.ndarray:
    """(U,) p of effects against their (U,) squared errors and the spread of units."""
    tau2 = spread_of_bins(FEW_UNITS * effect, variance, np.full(len(effect), float(df)))
    total = np.where(variance > 0, variance + tau2, np.nan)
    scatter = variance**2 / df + tau2**2 / tau_degrees(int(np.isfinite(effect).sum()))
    return 2 * special.stdtr(total**2 / scatter, -np.abs(effect) / np.sqrt(total))
