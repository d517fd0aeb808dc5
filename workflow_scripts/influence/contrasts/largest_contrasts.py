"""The largest contrast along each axis: by z, by robust z, and without the bin that carries it.

The largest of many numbers is large by itself, and the largest of two sets have a ratio that
differs from 1 by itself. Where a contrast compares two others, the ratio of their largest values
is held against draws without any contrast, each with its own largest: of the errors, or in a
matrix with bins exchanged. The interval comes from redrawn errors; noise makes the largest of
many larger in both, so it is an interval of what would be measured again, not of a ratio without
noise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.influence.contrasts.contrast_plan import Contrast, plan_contrasts
from workflow_scripts.influence.contrasts.contrasts import (
    Axis,
    Found,
    average,
    axes,
    contrasted,
    find,
)
from workflow_scripts.influence.contrasts.leave_out import leave_out, without
from workflow_scripts.influence.study_maps import StudyMaps

SCHEMA = {
    "contrast": pl.String,
    "axis": pl.String,
    "value": pl.Float64,
    "topic": pl.String,
    "format": pl.String,
    "without": pl.Float64,
    "without_topic": pl.String,
    "without_format": pl.String,
    "trimmed_value": pl.Float64,
    "trimmed_topic": pl.String,
    "trimmed_format": pl.String,
    "robust_value": pl.Float64,
    "robust_topic": pl.String,
    "robust_format": pl.String,
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
    cells: Mapping[str, Mapping[str, Any]],
    confidence: float,
    permutations: int,
    seed: int,
    wanted: Sequence[Mapping[str, Any]] | None = None,
) -> pl.DataFrame:
    """Largest |contrast| of every contrast along each axis; arguments as for contrasts.

    Returns:
        Frame with the columns of ``influence/contrast_extremes``: a row per contrast and axis,
        none where the study has no contrast.
    """
    plans = plan_contrasts(cells, wanted)
    names = contrasted(maps, plans)
    known = maps.known(names) if names else np.zeros(1, dtype=bool)
    if known.sum() < 2:
        return pl.DataFrame(schema=SCHEMA)
    found = {plan.name: find(maps, plan, known, permutations, seed) for plan in plans}
    errors = {plan.name: _errors(maps, plan, known) for plan in plans}
    rows = []
    for plan in plans:
        for axis in axes(known):
            row = {"contrast": plan.name, "axis": axis.name}
            row |= _largest(axis, found[plan.name], known)
            if plan.of_contrasts:
                two = plan.plus[0], plan.minus[0]
                parts = [(found[name], errors[name]) for name in two]
                row |= _ratio(axis, parts, confidence)
            rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def _errors(maps: StudyMaps, plan: Contrast, known: np.ndarray) -> np.ndarray | None:
    """(R, known) draws of the error of a contrast, with the same documents in all contrasts."""
    drawn = maps.error(plan.weights, known)
    weights = np.array(list(plan.weights.values()))
    return None if drawn is None else np.tensordot(weights, drawn, axes=1)


def _largest(axis: Axis, found: Found, known: np.ndarray) -> dict[str, Any]:
    """The unit of the largest absolute value: by z, each without a bin, and by robust z."""
    filled = np.flatnonzero(np.isfinite(axis.matrix).all(axis=1))
    matrix = axis.matrix[filled]
    values, robust = matrix @ found.value, matrix @ found.robust
    place = int(np.argmax(np.abs(values)))
    left = leave_out(matrix, found.rows, found.weights, known)
    trimmed = without(values, left["loo_low"], left["loo_high"])
    row = {
        "value": float(values[place]),
        "topic": axis.topics[filled[place]],
        "format": axis.formats[filled[place]],
        "without": float(trimmed[place]),
        "without_topic": left["loo_topic"][place],
        "without_format": left["loo_format"][place],
    }
    for kind, others in (("trimmed", trimmed), ("robust", robust)):
        if np.isfinite(others).any():
            most = int(np.nanargmax(np.abs(others)))
            row |= {
                f"{kind}_value": float(others[most]),
                f"{kind}_topic": axis.topics[filled[most]],
                f"{kind}_format": axis.formats[filled[most]],
            }
    return row


def _ratio(
    axis: Axis, parts: Sequence[tuple[Found, np.ndarray | None]], confidence: float
) -> dict[str, float]:
    """Ratio of the largest values of two contrasts, first over second."""
    matrix = axis.matrix[np.isfinite(axis.matrix).all(axis=1)]
    sizes, nulls, again = [], [], []
    for found, error in parts:
        values = matrix @ found.value
        sizes.append(np.abs(values).max())
        # A bin alone keeps its size when its values are exchanged: no null without questions.
        null = found.null * np.nan if error is None and axis.name == "bin" else found.null
        nulls.append(np.abs(average(matrix, null if error is None else error)).max(axis=1))
        drawn = np.full((1, len(found.value)), np.nan) if error is None else error
        again.append(np.abs(values + average(matrix, drawn)).max(axis=1))
    ratio = float(_over(*sizes))
    null = _over(*nulls)
    tail = (1 - confidence) / 2
    low, high = np.quantile(_over(*again), [tail, 1 - tail])
    null_low, null_median, null_high = np.quantile(null, [tail, 0.5, 1 - tail])
    return {
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

    The null distribution of a ratio of maxima need not lie around 1: a map with one wild bin
    has the larger maxima. NaN where a draw is.
    """
    if not (np.isfinite(value) and np.isfinite(null).all()):
        return np.nan
    shares = [(1 + np.sum(side)) / (1 + len(null)) for side in (null >= value, null <= value)]
    return float(min(1.0, 2 * min(shares)))


def _over(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first / np.where(second > 0, second, np.nan)
