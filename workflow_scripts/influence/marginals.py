"""Topics and formats as units: means of bins, and how sure they are."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.influence.contrasts import Axis, average, axes
from workflow_scripts.influence.study_maps import StudyMaps

SCHEMA = {
    "benchmark": pl.String,
    "axis": pl.String,
    "topic": pl.String,
    "format": pl.String,
    "n_bins": pl.Int64,
    "n_docs": pl.Int64,
    "z": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "bins_low": pl.Float64,
    "bins_high": pl.Float64,
    "rank": pl.Int64,
}


def marginal_table(
    maps: StudyMaps, n_docs: Mapping[str, np.ndarray], confidence: float
) -> pl.DataFrame:
    """Mean z of every topic and format on every benchmark.

    Two intervals answer two questions. ``ci``: the bins are the unit's own, and other documents
    and questions might have been drawn (quantile of |error| over the study's draws, as for the
    contrasts). ``bins``: the unit's bins are draws themselves (t interval of their mean), so it
    asks whether the unit as such differs from the average bin; it needs no draws.

    Args:
        maps: of the study.
        n_docs: benchmark -> (576,) documents of each bin, NaN where not stated.
        confidence: coverage of the intervals.

    Returns:
        Frame with the columns of ``influence/marginals``.
    """
    frames = []
    for name in maps.influence:
        known = maps.known([name])
        if known.sum() < 2:
            continue
        z = maps.z([name], known)[0]
        error = maps.error([name], known)
        draws = None if error is None else error[0]
        counts = n_docs[name][known]
        frames += [_rows(name, axis, z, draws, counts, confidence) for axis in axes(known)[1:]]
    if not frames:
        return pl.DataFrame(schema=SCHEMA)
    return pl.concat(frames)


def _rows(
    name: str,
    axis: Axis,
    z: np.ndarray,
    error: np.ndarray | None,
    counts: np.ndarray,
    confidence: float,
) -> pl.DataFrame:
    """One benchmark along one axis."""
    members = axis.matrix > 0  # (units, known)
    n_bins = members.sum(axis=1)
    mean = np.where(n_bins > 0, np.where(members, axis.matrix, 0.0) @ z, np.nan)
    low, high = spread_over_bins(members, z, mean, confidence)
    half_width = np.full(len(mean), np.nan)
    if error is not None:
        filled = n_bins > 0
        sizes = np.abs(average(axis.matrix[filled], error))
        half_width[filled] = np.quantile(sizes, confidence, axis=0)
    documents = np.where(members, counts, 0.0).sum(axis=1)  # NaN where not stated
    columns = {
        "benchmark": name,
        "axis": axis.name,
        "topic": axis.topics,
        "format": axis.formats,
        "n_bins": n_bins,
        "n_docs": documents,
        "z": mean,
        "ci_low": mean - half_width,
        "ci_high": mean + half_width,
        "bins_low": low,
        "bins_high": high,
        "rank": stats.rankdata(-mean, "min", nan_policy="omit"),
    }
    frame = pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))
    return frame.cast(SCHEMA)


def spread_over_bins(
    members: np.ndarray, z: np.ndarray, mean: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Interval by t of each unit's mean, its bins taken as draws; NaN with fewer than two bins.

    Args:
        members: (U, B) bool; the bins of each unit.
        z: (B,) values.
        mean: (U,) mean of each unit's bins.
        confidence: coverage.
    """
    count = members.sum(axis=1).astype(float)
    squares = np.where(members, (z - mean[:, None]) ** 2, 0.0).sum(axis=1)
    several = count > 1
    df = np.where(several, count - 1, np.nan)
    half_width = stats.t.ppf(0.5 + confidence / 2, df) * np.sqrt(squares / df / count)
    return mean - half_width, mean + half_width
