"""The largest contrasts of reasoning and of knowledge, and their ratio.

The largest of many numbers is large by itself, and the largest of two sets have a ratio that
differs from 1 by itself. The null distribution of the ratio comes from the draws that test the
contrasts: domain labels exchanged within each capability, the largest |contrast| of each taken
anew. The interval comes from redrawn errors; noise makes the largest of many larger in both, so
it is an interval of what would be measured again, not of a ratio without noise.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from workflow_scripts.influence.contrasts import (
    CAPABILITIES,
    Axis,
    Draws,
    average,
    axes,
    contrast_draws,
    contrasted,
    plan_contrasts,
)
from workflow_scripts.influence.study_maps import StudyMaps

SCHEMA = {
    "axis": pl.String,
    **{
        f"{capability}{column}": dtype
        for capability in CAPABILITIES
        for column, dtype in (("", pl.Float64), ("_topic", pl.String), ("_format", pl.String))
    },
    "ratio": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "null_low": pl.Float64,
    "null_median": pl.Float64,
    "null_high": pl.Float64,
    "p_value": pl.Float64,
}


def extremes_table(
    maps: StudyMaps,
    cells: Mapping[str, Mapping[str, str]],
    confidence: float,
    permutations: int,
    seed: int,
) -> pl.DataFrame:
    """Largest |contrast| of reasoning and knowledge along each axis; arguments as for contrasts.

    Returns:
        Frame with the columns of ``influence/contrast_extremes``: a row per axis, none where
        one of the two contrasts is missing.
    """
    plans = plan_contrasts(cells)
    if len(plans) < 2:
        return pl.DataFrame(schema=SCHEMA)
    known = maps.known(contrasted(maps, plans))
    if known.sum() < 2:
        return pl.DataFrame(schema=SCHEMA)
    draws = [contrast_draws(maps, plan, known, permutations, seed) for plan in plans[:2]]
    rows = [_row(axis, draws, confidence, maps.redrawable) for axis in axes(known)]
    return pl.DataFrame(rows, schema=SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def _row(
    axis: Axis, draws: Sequence[Draws], confidence: float, redrawable: bool
) -> dict[str, object]:
    """One axis."""
    filled = np.flatnonzero(np.isfinite(axis.matrix).all(axis=1))
    matrix = axis.matrix[filled]
    row: dict[str, object] = {"axis": axis.name}
    sizes, nulls, errors = [], [], []
    for name, part in zip(CAPABILITIES, draws, strict=True):
        values = matrix @ part.value
        place = int(np.argmax(np.abs(values)))
        row |= {
            name: float(values[place]),
            f"{name}_topic": axis.topics[filled[place]],
            f"{name}_format": axis.formats[filled[place]],
        }
        sizes.append(abs(float(values[place])))
        nulls.append(np.abs(average(matrix, part.null)).max(axis=1))
        errors.append(np.abs(values + average(matrix, part.error)).max(axis=1))
    ratio = sizes[0] / sizes[1] if sizes[1] > 0 else np.nan
    # A bin alone keeps its size when its values are exchanged: no null without questions.
    null = _ratio(*nulls) if redrawable or axis.name != "bin" else np.array([np.nan])
    tail = (1 - confidence) / 2
    low, high = np.quantile(_ratio(*errors), [tail, 1 - tail])
    null_low, null_median, null_high = np.quantile(null, [tail, 0.5, 1 - tail])
    return row | {
        "ratio": ratio,
        "ci_low": low,
        "ci_high": high,
        "null_low": null_low,
        "null_median": null_median,
        "null_high": null_high,
        "p_value": two_sided_p(ratio, null),
    }


def two_sided_p(value: float, null: np.ndarray) -> float:
    """Twice the smaller of the shares of draws that reach ``value`` from above and from below.

    The null distribution of a ratio of maxima need not lie around 1: the exchanges keep the
    spread of each map, and a map with one wild bin has the larger maxima. NaN where a draw is.
    """
    if not (np.isfinite(value) and np.isfinite(null).all()):
        return np.nan
    shares = [(1 + np.sum(side)) / (1 + len(null)) for side in (null >= value, null <= value)]
    return float(min(1.0, 2 * min(shares)))


def _ratio(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first / np.where(second > 0, second, np.nan)
