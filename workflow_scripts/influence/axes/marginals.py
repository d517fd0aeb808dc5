"""Topics and formats as units: means of bins, how sure they are, and which are unusual."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.axes.top_units import top_shares
from workflow_scripts.influence.axes.unit_effects import unit_effects
from workflow_scripts.influence.contrasts.contrasts import Axis, average, axes
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.influence.uncertainty.false_discovery import adjust, fcr_confidence
from workflow_scripts.influence.uncertainty.shrinkage import SHAPE

TOPS = (1, 3, 5)
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
    "band_low": pl.Float64,
    "band_high": pl.Float64,
    "fcr_low": pl.Float64,
    "fcr_high": pl.Float64,
    "effect": pl.Float64,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
    "rank": pl.Int64,
    **{f"p_top{k}": pl.Float64 for k in TOPS},
}


def marginal_table(
    maps: StudyMaps, n_docs: Mapping[str, np.ndarray], confidence: float, seed: int
) -> pl.DataFrame:
    """Mean z of every topic and format on every benchmark.

    Two kinds of intervals answer two questions. ``ci``: the bins are the unit's own, and other
    documents and questions might have been drawn (quantile of |error| over the study's draws, as
    for the contrasts). ``bins``, ``band`` and ``fcr``: the unit's bins are draws themselves (t
    intervals of their mean, the other axis' effects taken out of their spread), so they ask what
    the unit as such is like; they need no draws. ``bins`` holds for one unit alone, ``band`` for
    all units of the axis together (Sidak 1967), ``fcr`` for those that q_value calls.

    ``p_value`` asks whether the unit is unusual among the units (``unit_effects``).

    Args:
        maps: of the study.
        n_docs: benchmark -> (576,) documents of each bin, NaN where not stated.
        confidence: coverage of the intervals.
        seed: of the draws behind ``p_top``.

    Returns:
        Frame with the columns of ``influence/marginals``.
    """
    frames = []
    for name in maps.influence:
        known = maps.known([name])
        if known.sum() < 2:
            continue
        z = np.full(len(known), np.nan)
        z[known] = maps.z([name], known)[0]
        error = maps.error([name], known)
        for axis in axes(known)[1:]:
            grid = z.reshape(SHAPE) if axis.name == "topic" else z.reshape(SHAPE).T
            columns = {"benchmark": name, "axis": axis.name}
            columns |= {"topic": axis.topics, "format": axis.formats}
            members = axis.matrix > 0  # (units, known)
            columns |= _of_bins(grid, confidence)
            documents = np.where(members, n_docs[name][known], 0.0).sum(axis=1)
            columns |= {"n_docs": documents}  # NaN where not stated
            rng = stream(seed, "top units", name, axis.name)
            draws = None if error is None else error[0]
            columns |= _of_draws(axis, columns["z"], draws, confidence, rng)
            frames.append(pl.DataFrame(columns))
    if not frames:
        return pl.DataFrame(schema=SCHEMA)
    table = pl.concat(frames, how="vertical_relaxed").with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )
    return table.select(list(SCHEMA)).cast(SCHEMA)


def _of_bins(grid: np.ndarray, confidence: float) -> dict[str, np.ndarray]:
    """Mean, intervals and tests of each unit over its bins: (U,) columns, from (U, V) z."""
    n_bins = np.isfinite(grid).sum(axis=1)
    filled = n_bins > 0
    mean = np.divide(np.nansum(grid, axis=1), n_bins, out=np.full(len(grid), np.nan), where=filled)
    found = unit_effects(grid)
    q = adjust(found.p_value)
    called = np.nan_to_num(q, nan=1.0) < SIGNIFICANT
    single = half_width(found.residual, confidence)
    together = half_width(found.residual, confidence ** (1 / max(filled.sum(), 1)))
    chosen = half_width(found.residual, fcr_confidence(q, called, confidence))
    widths = {"bins": single, "band": together, "fcr": np.where(called, chosen, np.nan)}
    return {
        "n_bins": n_bins,
        "z": mean,
        **{f"{name}_low": mean - width for name, width in widths.items()},
        **{f"{name}_high": mean + width for name, width in widths.items()},
        "effect": found.effect,
        "p_value": found.p_value,
        "q_value": q,
        "rank": stats.rankdata(-mean, "min", nan_policy="omit"),
    }


def half_width(residual: np.ndarray, confidence: float) -> np.ndarray:
    """(U,) half-widths of the t intervals of means of (U, V) bins; NaN with fewer than two."""
    count = np.isfinite(residual).sum(axis=1).astype(float)
    several = count > 1
    error = np.full(len(residual), np.nan)
    error[several] = np.nanstd(residual[several], axis=1, ddof=1) / np.sqrt(count[several])
    df = np.where(several, count - 1, np.nan)
    return stats.t.ppf(0.5 + confidence / 2, df) * error


def _of_draws(
    axis: Axis,
    mean: np.ndarray,
    error: np.ndarray | None,
    confidence: float,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Intervals and P(top k) of each unit over documents and questions: (U,) columns."""
    width = np.full(len(mean), np.nan)
    tops = np.full((len(TOPS), len(mean)), np.nan)
    if error is not None:
        filled = np.isfinite(mean)
        draws = average(axis.matrix[filled], error)
        width[filled] = np.quantile(np.abs(draws), confidence, axis=0)
        if np.isfinite(draws).all():
            tops[:, filled] = top_shares(mean[filled], draws, TOPS, rng)
    ends = {"ci_low": mean - width, "ci_high": mean + width}
    return ends | {f"p_top{k}": share for k, share in zip(TOPS, tops, strict=True)}
