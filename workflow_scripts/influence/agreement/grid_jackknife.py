"""Error and test of a correlation of two maps whose bins share topics and formats.

Bins of a topic, and of a format, resemble each other: 576 bins are fewer than 576 independent
points. Topics and formats are taken as draws, and the error of Fisher's z = artanh r is a
two-way jackknife: what leaving out one topic, one format and one bin at a time does to z,

    V = max(V_topics + V_formats - V_bins, V_topics, V_formats),

since the first two both hold what single bins do (two-way clustering: Cameron, Gelbach and Miller
2011, Robust inference with multiway clustering, equation 2.10; jackknife: Efron 1982). Student's t
has as many degrees of freedom as the axis with fewer units leaves. The test compares z / sqrt V
with what it is when topics and formats of one map are relabelled as wholes (quadratic assignment:
Hubert and Schultz 1976). It is studentised, because an observed product and a relabelled one
need not scatter alike (Chung and Romano 2013, Exact and asymptotically robust permutation tests).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import FORMATS, TOPICS

FEWEST_BINS = 3
# Relabellings that are made at once; bounds memory whatever their number.
CHUNK = 128
# Fisher's z has no value at |r| = 1.
LIMIT = 1 - 1e-12
SHAPE = (len(TOPICS), len(FORMATS))


@dataclass(frozen=True)
class Moments:
    """Moments of a correlation of two maps, bin by bin.

    r = (mean product - mean a mean b) / sqrt((mean a^2 - (mean a)^2)(mean b^2 - (mean b)^2)).

    Attributes:
        terms: (6, ..., 576) float64; 1 for a bin that counts, then the bin's product, square of
            a, square of b, a and b; 0 throughout for a bin that does not count.
    """

    terms: np.ndarray

    @property
    def grid(self) -> np.ndarray:
        """(6, ..., 24, 24) the terms by topic and format."""
        return self.terms.reshape(*self.terms.shape[:-1], *SHAPE)


def moments_of(a: np.ndarray, b: np.ndarray) -> Moments:
    """Moments of Pearson's r of two (..., 576) maps over the bins that both have (not NaN)."""
    known = np.isfinite(a) & np.isfinite(b)
    a, b = np.where(known, a, 0.0), np.where(known, b, 0.0)
    return Moments(np.stack([known.astype(float), a * b, a * a, b * b, a, b]))


def standardised(values: np.ndarray) -> np.ndarray:
    """(..., n) rows less their mean and divided by their spread; NaN where a row is constant."""
    centred = values - np.nanmean(values, axis=-1, keepdims=True)
    spread = np.sqrt(np.nanmean(centred**2, axis=-1, keepdims=True))
    floor = 1e-12 * np.nanmax(np.abs(values), axis=-1, keepdims=True)
    return centred / np.where(spread > floor, spread, np.nan)


def fisher(moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Fisher's z of the correlation and its standard error by the two-way jackknife.

    Returns:
        (...) z and (...) error; NaN where fewer than three bins count, with one unit left out or
        without, or a map does not vary over them.
    """
    grid = moments.grid
    total = grid.sum(axis=(-2, -1))
    parts = [grid.sum(axis=-1), grid.sum(axis=-2), moments.terms]
    topics, formats, bins = (_jackknife(total, part) for part in parts)
    variance = np.maximum(topics + formats - bins, np.maximum(topics, formats))
    z = _z(total)
    return z, np.sqrt(np.where(np.isfinite(z), variance, np.nan))


def interval(moments: Moments, confidence: float) -> tuple[float | None, float | None]:
    """Interval of one correlation, topics and formats taken as draws; None where unknown.

    Args:
        moments: of one pair of maps.
        confidence: coverage.
    """
    z, error = (float(value) for value in fisher(moments))
    units = [int((moments.grid[0].sum(axis=axis) > 0).sum()) for axis in (0, 1)]
    if not np.isfinite(error):
        return None, None
    # An axis with a single unit shows nothing of other units.
    df = min(count for count in units if count > 1) - 1
    reach = stats.t.ppf(0.5 + confidence / 2, df) * error
    return float(np.tanh(z - reach)), float(np.tanh(z + reach))


def relabelled_p(
    moments: Moments, a: np.ndarray, b: np.ndarray, permutations: int, seed: int
) -> float | None:
    """Two-sided p of a correlation under independent permutation of topic and format labels.

    A quadratic assignment test.

    Args:
        moments: of the correlation as observed.
        a: (576,) one map, NaN for a bin that does not count, in units about 1.
        b: (576,) the other, of which topics and formats with bins are relabelled.
        permutations: number of relabellings R.
        seed: of the relabellings, which are the same for all pairs.

    Returns:
        (1 + #{|t*| >= |t|}) / (1 + R), t = z / error, over the relabellings that have an error;
        None if no relabelling has one, or t itself has none.
    """
    observed = _studentised(moments)
    if not permutations or not np.isfinite(observed):
        return None
    rng = stream(seed, "correlation relabelling")
    counts = moments.grid[0] > 0
    topics, formats = (_relabellings(counts.any(axis=other), permutations, rng) for other in (1, 0))
    grid, as_strong, counted = b.reshape(SHAPE), 1, 1
    for first in range(0, permutations, CHUNK):
        part = slice(first, first + CHUNK)
        dealt = grid[topics[part, :, None], formats[part, None, :]].reshape(-1, a.size)
        drawn = _studentised(moments_of(np.broadcast_to(a, dealt.shape), dealt))
        drawn = drawn[np.isfinite(drawn)]
        # The identity permutation differs from the observed value in its last digits.
        as_strong += int((drawn >= observed * (1 - 1e-9)).sum())
        counted += len(drawn)
    return as_strong / counted if counted > 1 else None


def _relabellings(occupied: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """(R, 24) orders of the units in which those that are occupied change places at random."""
    orders = np.tile(np.arange(len(occupied)), (number, 1))
    orders[:, occupied] = rng.permuted(orders[:, occupied], axis=1)
    return orders


def _studentised(moments: Moments) -> np.ndarray:
    """(...) |z| / error; an error of rounding counts as one."""
    z, error = fisher(moments)
    return np.abs(z) / np.maximum(error, 1e-9)


def _z(sums: np.ndarray) -> np.ndarray:
    """Fisher's z from (6, ...) sums of the terms; NaN where it is undefined."""
    n = np.where(sums[0] >= FEWEST_BINS, sums[0], np.nan)
    product, square_a, square_b, a, b = sums[1:] / n
    variances = np.stack([square_a - a * a, square_b - b * b])
    # Rounding leaves a remainder of exact zeros after the subtraction.
    floor = 1e-12 * np.stack([square_a, square_b])
    size = np.sqrt(np.prod(np.where(variances > floor, variances, np.nan), axis=0))
    return np.arctanh(np.clip((product - a * b) / size, -LIMIT, LIMIT))


def _jackknife(total: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Variance of z by leaving out each occupied unit in turn; 0 where there is only one.

    Args:
        total: (6, ...) sums over all bins.
        units: (6, ..., G) sums over the bins of each unit.
    """
    occupied = units[0] > 0
    count = occupied.sum(axis=-1)
    without = np.where(occupied, _z(total[..., None] - units), 0.0)
    centre = without.sum(axis=-1, keepdims=True) / np.maximum(count, 1)[..., None]
    squares = np.where(occupied, (without - centre) ** 2, 0.0).sum(axis=-1)
    return np.where(count > 1, (count - 1) / np.maximum(count, 1) * squares, 0.0)
