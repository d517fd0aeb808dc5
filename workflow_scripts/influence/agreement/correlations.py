"""Agreement of maps: correlations, what single bins do to them, and what noise hides or makes."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.agreement.cross_half import CrossHalves, cross_halves
from workflow_scripts.influence.agreement.grid_jackknife import (
    FEWEST_BINS,
    Moments,
    interval,
    moments_of,
    relabelled_p,
    standardised,
)
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.influence.uncertainty.resampling import Resampling

# Below this share of a map's variance left after its noise, a corrected correlation is a ratio of
# two small numbers: over 576 bins of four documents its simulated standard deviation is 0.1 at a
# share of 0.5, 0.2 at 0.3 and 0.3 at 0.1 to 0.2.
LEAST_RELIABILITY = 0.25
NO_DOCUMENTS = "an existing matrix has no documents to deal into halves"
FLAT = "a half map is constant"
FLOATS = (
    "cross_half", "ci_low", "ci_high", "p_value", "ceiling", "cross_half_spearman", "pearson",
    "spearman", "loo_low", "loo_high", "corrected",
)  # fmt: skip
SCHEMA = (
    {"benchmark_a": pl.String, "benchmark_b": pl.String, "n_bins": pl.Int64, "n_splits": pl.Int64}
    | dict.fromkeys(FLOATS, pl.Float64)
    | {"loo_topic": pl.String, "loo_format": pl.String}
    | {"shared_tasks": pl.Int64, "reason": pl.String}
)


def correlation_table(
    maps: StudyMaps,
    permutations: int = 0,
    seed: int = 0,
    splits: int = 100,
    confidence: float = 0.95,
    tasks: Mapping[str, Sequence[str]] | None = None,
) -> pl.DataFrame:
    """All pairs of maps, in the order of the study.

    Where documents are known the cross-half correlation leads: interval and p are its own. An
    existing matrix has none; interval and p are those of Pearson's r.

    Args:
        maps: of the study.
        permutations: relabellings behind ``p_value``; 0 leaves it null.
        seed: of relabellings and splits, which are the same for all pairs.
        splits: random halves of the documents.
        confidence: coverage of the interval.
        tasks: benchmark -> names of its tasks; None where they are not known.

    Returns:
        Frame with the columns of ``influence/correlations``. Null where a map is constant, or
        over fewer than 3 common bins (4 for leave-one-out).
    """
    halves: CrossHalves | str = NO_DOCUMENTS
    if maps.redrawable:
        halves = cross_halves(maps.resampling, splits, seed)
    rows = []
    for (i, a), (j, b) in combinations(enumerate(maps.influence), 2):
        row = dict.fromkeys(SCHEMA) | {"benchmark_a": a, "benchmark_b": b}
        if tasks is not None:
            row["shared_tasks"] = len(set(tasks[a]) & set(tasks[b]))
        row |= _of_whole_maps(maps, a, b)
        if isinstance(halves, str):
            row["reason"] = halves
        elif not np.isfinite(halves.pearson[i, j]):
            row["reason"] = FLAT
        else:
            row |= _across(halves, i, j, splits)
        moments, pair = _leading(maps, halves, (i, j), (a, b))
        if moments is not None:
            row["ci_low"], row["ci_high"] = interval(moments, confidence)
            row["p_value"] = relabelled_p(moments, *pair, permutations, seed)
        rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)


def _of_whole_maps(maps: StudyMaps, a: str, b: str) -> dict[str, object]:
    """Correlations of two whole maps, documents' shared noise included but in ``corrected``."""
    known = maps.known((a, b))
    x, y = maps.influence[a][known], maps.influence[b][known]
    if len(x) < FEWEST_BINS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {}
    pearson = float(np.corrcoef(x, y)[0, 1])
    row = {"pearson": pearson, "spearman": float(stats.spearmanr(x, y).statistic)}
    if len(x) > FEWEST_BINS:
        row |= _leave_one_out(x, y, np.flatnonzero(known), pearson)
    if maps.redrawable:
        row["corrected"] = noise_corrected(maps.resampling[a], maps.resampling[b])
    return row


def _across(halves: CrossHalves, i: int, j: int, splits: int) -> dict[str, object]:
    """Correlations of two maps across halves of the documents."""
    return {
        "n_bins": len(halves.bins),
        "n_splits": splits,
        "cross_half": float(halves.pearson[i, j]),
        "cross_half_spearman": float(halves.spearman[i, j]),
        "ceiling": halves.ceiling(i, j),
    }


def _leading(
    maps: StudyMaps, halves: CrossHalves | str, places: tuple[int, int], names: tuple[str, str]
) -> tuple[Moments | None, tuple[np.ndarray, np.ndarray]]:
    """Moments of the correlation that leads, and the two maps to relabel against each other.

    A relabelled bin meets another bin, which shares no document with it, so that whole maps serve.
    """
    pair = tuple(maps.influence[name] for name in names)
    known = maps.known(names)
    if not isinstance(halves, str):
        known &= np.isin(np.arange(len(BINS)), halves.bins)
    elif maps.redrawable:
        return None, pair
    if known.sum() < FEWEST_BINS:
        return None, pair
    pair = tuple(standardised(np.where(known, values, np.nan)) for values in pair)
    if isinstance(halves, str):
        return moments_of(*pair), pair
    return halves.moments(*places), pair


def _leave_one_out(
    x: np.ndarray, y: np.ndarray, bins: np.ndarray, pearson: float
) -> dict[str, object]:
    """Range of Pearson's r over the removals of one bin, and the bin that moves it most."""
    r = leave_one_out(x, y)
    if not np.isfinite(r).any():
        return {}
    topic, format_ = BINS[bins[np.nanargmax(np.abs(r - pearson))]]
    low, high = float(np.nanmin(r)), float(np.nanmax(r))
    return {"loo_low": low, "loo_high": high, "loo_topic": topic, "loo_format": format_}


def leave_one_out(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's r without each of the n points in turn, (n,); NaN where nothing varies.

    Removing point i takes n / (n - 1) times the product of its deviations from a sum of
    products around the mean.
    """
    n = len(x)
    dx, dy = x - x.mean(), y - y.mean()
    scale = n / (n - 1)
    xx = np.sum(dx**2) - scale * dx**2
    yy = np.sum(dy**2) - scale * dy**2
    xy = np.sum(dx * dy) - scale * dx * dy
    # Rounding leaves a remainder of exact zeros after the subtraction.
    varies = (xx > 1e-12 * np.sum(dx**2)) & (yy > 1e-12 * np.sum(dy**2))
    return np.divide(
        xy, np.sqrt(xx * yy, where=varies, out=np.ones(n)), where=varies, out=xy * np.nan
    )


def noise_corrected(a: Resampling, b: Resampling) -> float | None:
    """Pearson's r of two maps without noise of documents and queries.

    (cov - noise cov) / sqrt((var_a - noise var_a)(var_b - noise var_b)), all over the bins with
    at least two folds. Spearman's (1904) correction for attenuation, with the covariance
    corrected as well: both maps score the same documents, so that their document noise is
    shared. Noise variance per bin is V_fold - V_interaction, unmoderated, plus the variance of
    query noise around its mean over bins; queries of two benchmarks are independent.

    Returns:
        r clipped to [-1, 1]; None where less than a quarter of a map's variance is left, the maps
        score different documents, or fewer than three bins have two folds.
    """
    if not (
        np.array_equal(a.group_bins, b.group_bins) and np.array_equal(a.group_folds, b.group_folds)
    ):
        return None
    known = np.isfinite(a.v_fold_raw) & np.isfinite(b.v_fold_raw)
    if known.sum() < 3:
        return None
    shared = np.bincount(a.group_bins, a.group_noise * b.group_noise, minlength=len(BINS))
    covariance = np.cov(a.influence[known], b.influence[known])[0, 1] - shared[known].mean()
    left = []
    for part in (a, b):
        observed = part.influence[known].var(ddof=1)
        net = observed - _noise_variance(part, known)
        if net <= LEAST_RELIABILITY * observed:
            return None
        left.append(net)
    return float(np.clip(covariance / np.sqrt(left[0] * left[1]), -1, 1))


def _noise_variance(part: Resampling, known: np.ndarray) -> float:
    """Expected part of noise in the variance of a map over its known bins."""
    documents = float(np.mean(part.v_fold_raw[known] - part.v_interaction[known]))
    n_queries = part.query_means.shape[1]
    if n_queries == 1:
        return documents
    means = part.query_means[known]
    centred = means - means.mean(axis=0)
    queries = centred.var(axis=1, ddof=1).sum() / n_queries / (known.sum() - 1)
    return documents + float(queries)
