"""Agreement of maps: correlations, what single bins do to them, and what noise hides."""

from itertools import combinations

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.streams import stream
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.influence.resampling import Resampling
from workflow_scripts.influence.study_maps import StudyMaps

# Below this share of a map's variance left after its noise, a corrected correlation is a
# ratio of two small numbers and says nothing.
LEAST_RELIABILITY = 0.1
SCHEMA = {
    "benchmark_a": pl.String,
    "benchmark_b": pl.String,
    "pearson": pl.Float64,
    "spearman": pl.Float64,
    "loo_low": pl.Float64,
    "loo_high": pl.Float64,
    "loo_topic": pl.String,
    "loo_format": pl.String,
    "corrected": pl.Float64,
    "p_value": pl.Float64,
}


def correlation_table(maps: StudyMaps, permutations: int = 0, seed: int = 0) -> pl.DataFrame:
    """All pairs of maps, in the order of the study; an existing matrix is not corrected for noise.

    Args:
        maps: of the study.
        permutations: relabellings behind ``p_value``; 0 leaves it null.
        seed: of the relabellings, which are the same for all pairs.

    Returns:
        Frame with the columns of ``influence/correlations``. Null where a map is constant, or
        over fewer than 3 common bins (4 for leave-one-out).
    """
    rows = []
    for a, b in combinations(maps.influence, 2):
        known = maps.known((a, b))
        x, y = maps.influence[a][known], maps.influence[b][known]
        row = dict.fromkeys(SCHEMA) | {"benchmark_a": a, "benchmark_b": b}
        if len(x) >= 3 and np.ptp(x) > 0 and np.ptp(y) > 0:
            row["pearson"] = float(np.corrcoef(x, y)[0, 1])
            row["spearman"] = float(stats.spearmanr(x, y).statistic)
            if len(x) >= 4:
                row |= _leave_one_out(x, y, np.flatnonzero(known), row["pearson"])
            row["p_value"] = relabelled_p(maps.influence[a], maps.influence[b], permutations, seed)
            if maps.redrawable:
                row["corrected"] = noise_corrected(maps.resampling[a], maps.resampling[b])
        rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)


def relabelled_p(a: np.ndarray, b: np.ndarray, permutations: int, seed: int) -> float | None:
    """Two-sided p of Pearson's r of two maps, against maps whose labels say nothing to each other.

    Bins of a row share a topic and bins of a column a format, so single bins cannot be dealt
    again: two maps with topics of their own would correlate by those alone. Topics and formats
    of one map are relabelled as wholes, which keeps its rows and columns together (the
    quadratic assignment test: Hubert and Schultz 1976, Quadratic assignment as a general data
    analysis strategy; here with the two ways of a table relabelled independently).

    Args:
        a: (576,) one map, NaN for a bin without documents.
        b: (576,) the other.
        permutations: number of relabellings R.
        seed: of the relabellings.

    Returns:
        (1 + #{|r*| >= |r|}) / (1 + R), over the relabellings that leave three common bins; None
        where there is none.
    """
    if not permutations:
        return None
    rng = stream(seed, "correlation relabelling")
    grid = b.reshape(len(TOPICS), len(FORMATS))
    observed = abs(_pearson(a[None], b[None])[0])
    topics = rng.permuted(np.tile(np.arange(len(TOPICS)), (permutations, 1)), axis=1)
    formats = rng.permuted(np.tile(np.arange(len(FORMATS)), (permutations, 1)), axis=1)
    dealt = grid[topics[:, :, None], formats[:, None, :]].reshape(permutations, -1)  # (R, 576)
    r = np.abs(_pearson(np.broadcast_to(a, dealt.shape), dealt))
    r = r[np.isfinite(r)]
    # What the identity gives again differs from the observed r in its last digits.
    return float((1 + (r >= observed - 1e-12).sum()) / (1 + len(r))) if len(r) else None


def _pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(R,) Pearson's r of the rows of two (R, n) arrays over the entries that both have.

    NaN with fewer than three common entries, or where one of the two does not vary over them.
    """
    known = np.isfinite(x) & np.isfinite(y)
    count = known.sum(axis=1, keepdims=True)
    safe = np.maximum(count, 1)
    dx, dy = (np.where(known, v, 0.0) for v in (x, y))
    dx = np.where(known, dx - dx.sum(axis=1, keepdims=True) / safe, 0.0)
    dy = np.where(known, dy - dy.sum(axis=1, keepdims=True) / safe, 0.0)
    size = np.sqrt((dx**2).sum(axis=1) * (dy**2).sum(axis=1))
    usable = (count[:, 0] >= 3) & (size > 0)
    return np.where(usable, (dx * dy).sum(axis=1) / np.where(size > 0, size, 1.0), np.nan)


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
    # What is left of exact zero after the subtraction is rounding.
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
        r clipped to [-1, 1]; None where less than a tenth of a map's variance is left, the maps
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
