"""Draws behind the maps side by side: exchanged bins of a matrix, and errors of z redrawn."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from workflow_scripts.common.progress import Progress
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.between_bin_spread import MAD_TO_SD
from workflow_scripts.influence.uncertainty.resampling import Resampling
from workflow_scripts.influence.uncertainty.variance_components import N_BINS

# Draws that are made at once; bounds memory whatever their number.
DRAW_CHUNK = 128


def null_p(observed: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p-values of units against draws of their joint null distribution.

    Args:
        observed: (U,) values.
        null: (R, U) draws; a unit whose draws are NaN is not tested.

    Returns:
        (U,) p of the max statistic, (1 + #{r: max_u |null_ru| / s_u >= |observed_u| / s_u})
        / (1 + R) with s_u the root mean square of a unit's draws, so that a unit of few bins does
        not set the bar for the others, and (U,) p of the unit alone, the same over all draws of
        all units in place of the largest, which resolves finer than 1 / R. NaN for units without
        null draws or whose draws are all 0.
    """
    size = np.sqrt(np.mean(null**2, axis=0))
    tested = size > 0
    p_max, p_unit = np.full(len(observed), np.nan), np.full(len(observed), np.nan)
    if not tested.any():
        return p_max, p_unit
    draws = np.abs(null[:, tested]) / size[tested]
    values = np.abs(observed[tested]) / size[tested]
    p_max[tested] = _upper_share(draws.max(axis=1), values)
    p_unit[tested] = _upper_share(draws.ravel(), values)
    return p_max, p_unit


def _upper_share(draws: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(1 + number of draws at least as large) / (1 + number of draws), for each value."""
    below = np.searchsorted(np.sort(draws), values, side="left")
    return (1 + len(draws) - below) / (1 + len(draws))


def exchange_bins(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Null draws of a contrast where questions are unknown: the two sides exchanged in bins.

    In each draw, each bin exchanges the values of every pair or keeps them, with equal chances;
    each side is then brought back to mean 0 and the standard deviation that it had.

    Args:
        pairs: (B,) and (B,) z maps of each pair of sides; the contrast is the sum over pairs of
            the first less the second.
        permutations: number of draws R.
        rng: generator.

    Returns:
        (R, B) float64 contrasts.
    """
    draws = []
    for count in _chunks(permutations):
        exchanged = rng.random((count, len(pairs[0][0]))) < 0.5
        contrast = np.zeros(exchanged.shape)
        for first, second in pairs:
            sides = np.where(exchanged, second, first), np.where(exchanged, first, second)
            contrast += standardise_rows(sides[0]) * first.std(ddof=1)
            contrast -= standardise_rows(sides[1]) * second.std(ddof=1)
        draws.append(contrast)
    return np.concatenate(draws)


def standardise_rows(rows: np.ndarray) -> np.ndarray:
    """Standard scores (z) of each row, by the sample deviation; a constant row becomes zeros."""
    deviation = rows - rows.mean(axis=1, keepdims=True)
    spread = rows.std(axis=1, ddof=1, keepdims=True)
    return deviation / np.where(spread > 0, spread, np.inf)


def robust_rows(rows: np.ndarray) -> np.ndarray:
    """Robust z of each row: less its median, over 1.4826 median absolute deviations.

    NaN for a row of which more than half are the same.
    """
    deviation = rows - np.median(rows, axis=1, keepdims=True)
    spread = MAD_TO_SD * np.median(np.abs(deviation), axis=1, keepdims=True)
    return deviation / np.where(spread > 0, spread, np.nan)


def noise_of_z(
    maps: Mapping[str, Resampling], known: np.ndarray, draws: int, seed: int
) -> np.ndarray:
    """Draws of the error of each z map, documents shared between benchmarks.

    Args:
        maps: benchmark -> its redrawable form, K of them.
        known: (576,) bool, the bins of the maps.
        draws: number R.
        seed: of the draws.

    Returns:
        (K, R, known) errors from documents and queries.
    """
    rng = stream(seed, "contrast documents")
    of_queries = {name: stream(seed, "contrast queries", name) for name in maps}
    folds = 1 + max(int(part.group_folds.max()) for part in maps.values())
    df = np.min([part.df_fold for part in maps.values()], axis=0)
    scales = {name: part.influence[known].std(ddof=1) for name, part in maps.items()}
    chunks = []
    for count in _chunks(draws):
        normals = rng.standard_normal((count, N_BINS, folds))
        # Student t's heavier tails: a normal over the root of a chi-square per degree.
        chi2 = rng.chisquare(np.where(np.isfinite(df), df, 1.0), size=(count, N_BINS))
        widening = np.sqrt(df / chi2)
        chunks.append(
            [
                _of_z(part.noise(normals, widening, of_queries[name])[:, known], scales[name])
                for name, part in maps.items()
            ]
        )  # (K, count, known)
    return np.concatenate([np.array(chunk) for chunk in chunks], axis=1)


def _of_z(noise: np.ndarray, scale: float) -> np.ndarray:
    """(R, bins) errors of a map as errors of its standard scores, whose mean stays 0."""
    # Bins with one fold have no draws; there may be no others.
    drawn = np.isfinite(noise[0])
    noise = noise - np.nansum(noise, axis=1, keepdims=True) / max(drawn.sum(), 1)
    return noise / scale if scale > 0 else 0 * noise


def _chunks(total: int) -> Iterator[int]:
    """Sizes of the pieces that ``total`` draws are made in."""
    progress = Progress(total, "draws of contrasts")
    for first in range(0, total, DRAW_CHUNK):
        count = min(DRAW_CHUNK, total - first)
        yield count
        progress.advance(count)
