"""Family-wise p-values of "this bin is unusual", from draws of the whole map's noise.

Under the null hypothesis all bins lie within the spread of bins. A draw of such a map is

    delta*_b = tau s xi_b + noise*_b,

where xi_b are standard normals, s^2 = df_tau / chi-square(df_tau) is one number a draw, for tau is
itself an estimate, and noise* are the bins' errors redrawn: every fold's deviation from its
bin's mean is weighted by a normal, a bin's document noise is widened to its t law, and every
question's deviation by a normal that all bins share, so that what ties bins together stays.
Each draw is centred at its median and read through the same p-value as the map itself. Bins
differ in degrees of freedom, so the smallest p replaces the maximum of the statistic
(Westfall and Young 1993, Resampling-based multiple testing, section 2.6, step-down): with
p_(1) <= ... <= p_(B) the ordered p-values,

    p_max_(i) = max over j <= i of (1 + #{draws: min over k >= j of p*_(k) <= p_(j)}) / (1 + draws).

Calling the bins with p_max under 5% makes one or more false calls in at most 5% of maps; q-values
bound the expected share of false calls instead. p_max is never below 1 / (1 + draws).
"""

import dataclasses

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.between_bin_spread import tau_degrees
from workflow_scripts.influence.uncertainty.intervals import Estimates
from workflow_scripts.influence.uncertainty.resampling import from_components
from workflow_scripts.influence.uncertainty.variance_components import N_BINS, Components

# Draws made at once; bounds memory whatever their number.
CHUNK = 128


@dataclasses.dataclass(frozen=True)
class Family:
    """Settings of the draws for ``p_max``: seed, and number of redrawn maps."""

    seed: int
    draws: int = 999


def family_wise(parts: Components, found: Estimates, family: Family) -> np.ndarray:
    """Family-wise p of each bin (formula above).

    Args:
        parts: variance components of the map.
        found: errors and p-values of its bins.
        family: number of draws and seed.

    Returns:
        (576,) p in [1 / (1 + draws), 1]; NaN where ``p_unusual`` is.
    """
    p = found.p_unusual
    tested = np.flatnonzero(np.isfinite(p))
    result = np.full(N_BINS, np.nan)
    if not len(tested):
        return result
    rng = stream(family.seed, "p_max")
    order = tested[np.argsort(p[tested], kind="stable")]
    smaller = np.zeros(len(order))
    for first in range(0, family.draws, CHUNK):
        null = null_maps(parts, found, min(CHUNK, family.draws - first), rng)
        null_p = found.unusual.p_values(null)[:, order]
        # Of the bins from j on, the smallest p of each draw.
        smallest = np.minimum.accumulate(null_p[:, ::-1], axis=1)[:, ::-1]
        smaller += (smallest <= p[order]).sum(axis=0)
    result[order] = np.maximum.accumulate((1 + smaller) / (1 + family.draws))
    return result


def null_maps(
    parts: Components, found: Estimates, count: int, rng: np.random.Generator
) -> np.ndarray:
    """(count, 576) draws of influence less its median, were all bins within the spread."""
    shared = np.nanmedian(parts.query_means, axis=0)
    centred = dataclasses.replace(
        from_components(parts),
        query_means=parts.query_means - shared,
        v_query=parts.v_query_centred,
    )
    df = parts.df_fold
    known = np.where(np.isfinite(df), df, 1.0)
    widening = np.sqrt(known / rng.chisquare(known, size=(count, N_BINS)))
    folds = 1 + int(parts.group_folds.max())
    noise = centred.noise(rng.standard_normal((count, N_BINS, folds)), widening, rng)
    df_tau = tau_degrees(np.isfinite(df).sum())
    scale = np.sqrt(found.tau2 * df_tau / rng.chisquare(df_tau, size=(count, 1)))
    maps = noise + scale * rng.standard_normal((count, N_BINS))
    return maps - np.nanmedian(maps, axis=1, keepdims=True)
