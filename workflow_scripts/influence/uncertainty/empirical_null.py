"""The empirical null: false discovery rates against the law that a map's own bins follow.

Efron (2004), Large-scale simultaneous hypothesis testing: the choice of a null hypothesis, JASA 99.
The z-values of a map's tests are in the main those of ordinary bins, but need not be standard
normal. The law of ordinary bins is fitted by maximum likelihood to the z-values of the central
part alone (Efron 2010, Large-Scale Inference, section 6.3), with its share p0 of all B, and with
y = (z - centre) / scale

    q_i = min over |y_j| <= |y_i| of p0 B P(|y| >= |y_j|) / #{k: |y_k| >= |y_j|}

is the tail-area false discovery rate. Deviation: Efron's null is normal, this one Student's t
with a fitted shape, normal at shape 0. Bins with a Laplace spread and nothing planted look normal
in their quarters and not in their tails; against a normal fitted to their central part more of them
are called than without it, against a t nearly none (docs/statistics.md).
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from workflow_scripts.influence.uncertainty.between_bin_spread import MAD_TO_SD

# The central part: z-values within so many robust standard deviations of the median.
CENTRAL = 3.0
# With fewer tests a fitted law says less than the theoretical one.
LEAST_TESTS = 50
# Under this shape a t law is normal to four digits.
NORMAL = 1e-3


@dataclass(frozen=True)
class EmpiricalNull:
    """Law of ordinary z-values.

    Attributes:
        centre: its median.
        scale: its scale; the standard deviation at shape 0.
        shape: 1 / degrees of freedom of Student's t, in [0, 0.5]; 0 = normal.
        share: share p0 of the z-values that follow it, in (0, 1].
    """

    centre: float
    scale: float
    shape: float
    share: float

    def below(self, z: np.ndarray | float) -> np.ndarray:
        """P(a draw of the law is at most z)."""
        y = (z - self.centre) / self.scale
        return special.ndtr(y) if self.shape < NORMAL else special.stdtr(1 / self.shape, y)

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Logarithm of the density at z."""
        y = (z - self.centre) / self.scale
        law = stats.norm if self.shape < NORMAL else stats.t(1 / self.shape)
        return law.logpdf(y) - np.log(self.scale)


def fit_null(z: np.ndarray) -> EmpiricalNull:
    """Fit the law of ordinary bins to the central z-values.

    Args:
        z: (n,) finite z-values; those within ``CENTRAL`` are not all alike.
    """
    middle = float(np.median(z))
    unit = MAD_TO_SD * float(np.median(np.abs(z - middle)))
    low, high = middle - CENTRAL * unit, middle + CENTRAL * unit
    central = z[(z >= low) & (z <= high)]

    def law(parameters: np.ndarray) -> EmpiricalNull:
        shift, growth, shape = (float(value) for value in parameters)
        return EmpiricalNull(middle + shift * unit, unit * float(np.exp(growth)), shape, 1.0)

    def misfit(parameters: np.ndarray) -> float:
        trial = law(parameters)
        inside = trial.below(high) - trial.below(low)
        return float(np.log(inside) - np.mean(trial.log_density(central)))

    bounds = [(-1.0, 1.0), (-1.0, 1.0), (0.0, 0.5)]
    found = law(optimize.minimize(misfit, [0.0, 0.05, 0.05], method="L-BFGS-B", bounds=bounds).x)
    inside = found.below(high) - found.below(low)
    share = min(len(central) / len(z) / float(inside), 1.0)
    return EmpiricalNull(found.centre, found.scale, found.shape, share)


def tail_rates(p: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """Tail-area false discovery rates against the empirical null (formula above).

    Args:
        p: (n,) two-sided p-values, at least ``LEAST_TESTS``, not all alike.
        sign: (n,) whose sign is that of the departure.

    Returns:
        (n,) q-values in [0, 1].
    """
    z = np.sign(sign) * stats.norm.isf(np.clip(p, 1e-300, 1) / 2)
    law = fit_null(z)
    size = np.abs(z - law.centre)
    order = np.argsort(-size, kind="stable")
    both_tails = 2 * law.below(law.centre - size[order])
    rate = law.share * len(z) * both_tails / np.arange(1, len(z) + 1)
    q = np.empty(len(z))
    q[order] = np.minimum(np.minimum.accumulate(rate[::-1])[::-1], 1.0)
    return q
