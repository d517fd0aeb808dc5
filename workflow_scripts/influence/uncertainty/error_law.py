"""Intervals and p-values of a mean whose error has several sources, each with its own degrees.

With variances v_k of d_k degrees of freedom and V their sum, the interval of tail probability q has
the half-width

    sum_k t_{d_k}(q) v_k / sqrt(V)

(Cochran 1964, Approximate significance levels of the Behrens-Fisher test), and the p-value is the
2 q at which that interval ends at the value tested. Satterthwaite's degrees for the sum take a
variance that two folds put too low for a small share of the whole: intervals covered 90 to
93%, and 11% of ordinary bins of two documents had p < 5%.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import elementwise

# A tail is solved for as the normal score that has it; beyond this one it is 0.
LARGEST_SCORE = 20.0
TABLE = np.r_[np.linspace(0, 6, 121), np.linspace(6.25, LARGEST_SCORE, 56)]


@dataclass(frozen=True)
class ErrorLaw:
    """Law of the error of each of B values.

    Attributes:
        variances: (K, B) float >= 0; NaN where unknown.
        degrees: (K, B) float > 0.
    """

    variances: np.ndarray
    degrees: np.ndarray

    @classmethod
    def of(cls, *sources: tuple[np.ndarray | float, np.ndarray | float]) -> "ErrorLaw":
        """From pairs of variances and degrees of freedom, (B,) arrays or numbers."""
        columns = np.broadcast_arrays(*(part for pair in sources for part in pair))
        return cls(np.stack(columns[::2]).astype(float), np.stack(columns[1::2]).astype(float))

    @property
    def variance(self) -> np.ndarray:
        """(B,) V."""
        return self.variances.sum(axis=0)

    def half_width(self, score: np.ndarray | float) -> np.ndarray:
        """Half-width of the interval whose tails are those of a normal score.

        Args:
            score: number, (B,) or (..., 1), >= 0; 1.96 means 95%.

        Returns:
            (..., B) half-widths; NaN where V is unknown, 0 where it is 0.
        """
        width = _width(np.asarray(score, dtype=float), *self.variances, *self.degrees)
        return width / np.sqrt(np.where(self.variance == 0, 1.0, self.variance))

    def p_value(self, value: np.ndarray) -> np.ndarray:
        """(B,) two-sided p of (B,) values against 0; NaN where V is 0 or either is unknown."""
        p = np.full(len(value), np.nan)
        known = np.flatnonzero(np.isfinite(value) & (self.variance > 0))
        error = np.sqrt(self.variance[known])
        size = np.abs(value[known]) / error
        law = (*(self.variances[:, known] / error**2), *self.degrees[:, known])

        def beyond(score: np.ndarray, size: np.ndarray, *law: np.ndarray) -> np.ndarray:
            return np.log1p(_width(score, *law)) - np.log1p(size)

        last = np.full(len(known), LARGEST_SCORE)
        inside = beyond(last, size, *law) > 0
        law = tuple(part[inside] for part in law)
        found = elementwise.find_root(
            beyond, (0 * last[inside], last[inside]), args=(size[inside], *law)
        )
        last[inside] = found.x
        p[known] = 2 * special.ndtr(-last)
        return p

    def p_values(self, draws: np.ndarray) -> np.ndarray:
        """The same of (R, B) values, from a table (within 0.1% of :meth:`p_value`)."""
        error = np.sqrt(np.where(self.variance > 0, self.variance, np.nan))
        place = np.log1p(self.half_width(TABLE[:, None]) / error)
        size = np.log1p(np.abs(draws) / error)
        p = np.full(draws.shape, np.nan)
        for b in np.flatnonzero(np.isfinite(error)):
            p[:, b] = 2 * special.ndtr(-np.interp(size[:, b], place[:, b], TABLE))
        return p


def _width(score: np.ndarray, *law: np.ndarray) -> np.ndarray:
    """Sum of t_d(score) v over the sources; ``law`` holds their v, then their d."""
    tail = special.ndtr(-score)
    half = len(law) // 2
    return sum(
        np.where(variance == 0, 0.0, -special.stdtrit(degrees, tail)) * variance
        for variance, degrees in zip(law[:half], law[half:], strict=True)
    )
