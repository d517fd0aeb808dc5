"""Contrasts between maps: what a region does for some benchmarks more than for others.

All values are differences of z, so unitless; positive = the region supports the benchmarks on the
side ``plus`` more than those on the side ``minus``. Which contrasts there are says
:mod:`workflow_scripts.influence.contrasts.contrast_plan`. Each is read per bin, and as the mean
over the bins with documents of each topic and each format.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.influence.contrast_draws import exchange_bins, null_p, robust_rows
from workflow_scripts.influence.contrasts.contrast_errors import (
    ErrorParts,
    error_parts,
    family_wise,
    law_of,
    noiseless_scale,
)
from workflow_scripts.influence.contrasts.contrast_plan import Contrast, plan_contrasts
from workflow_scripts.influence.contrasts.leave_out import leave_out
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.influence.uncertainty.false_discovery import adjust

logger = logging.getLogger("atlas")

SCHEMA = {
    "contrast": pl.String,
    "axis": pl.String,
    "topic": pl.String,
    "format": pl.String,
    "value": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
    "robust_value": pl.Float64,
    "loo_low": pl.Float64,
    "loo_high": pl.Float64,
    "loo_topic": pl.String,
    "loo_format": pl.String,
    "n_clusters": pl.Int64,
    "confounded": pl.Boolean,
}


@dataclass(frozen=True)
class Found:
    """A contrast with what it is held against.

    Attributes:
        rows: (K, B) influence of its benchmarks in the known bins.
        weights: (K,) of their z maps.
        value: (B,) contrast of each known bin.
        robust: (B,) the same of robust z.
        parts: its error; None where documents and questions are not known.
        tested: (B,) the contrast with the noise taken out of the maps' scale, and its error.
        null: (P, B) draws without a contrast, where the error is not known.
    """

    rows: np.ndarray
    weights: np.ndarray
    value: np.ndarray
    robust: np.ndarray
    parts: ErrorParts | None = None
    tested: tuple[np.ndarray, ErrorParts] | None = None
    null: np.ndarray | None = None


@dataclass(frozen=True)
class Axis:
    """Units that a contrast is read in: ``matrix`` (units, bins) averages bins to units."""

    name: str
    topics: Sequence[str | None]
    formats: Sequence[str | None]
    matrix: np.ndarray


def axes(known: np.ndarray) -> list[Axis]:
    """Bins, topics and formats, averaging over the bins that are known.

    Args:
        known: (576,) bool.

    Returns:
        Axes whose matrices have a column per known bin; the row of a unit without known bins
        is NaN.
    """
    topics, formats = (np.array(labels) for labels in zip(*BINS, strict=True))

    def mean_of(members: np.ndarray) -> np.ndarray:
        row = members[known].astype(float)
        return row / row.sum() if row.any() else row * np.nan

    eye = np.full((len(BINS), known.sum()), 0.0)
    eye[known] = np.eye(known.sum())
    eye[~known] = np.nan
    none = [None]
    return [
        Axis("bin", topics.tolist(), formats.tolist(), eye),
        Axis("topic", TOPICS, none * 24, np.stack([mean_of(topics == t) for t in TOPICS])),
        Axis("format", none * 24, FORMATS, np.stack([mean_of(formats == f) for f in FORMATS])),
    ]


def contrast_table(
    maps: StudyMaps,
    cells: Mapping[str, Mapping[str, Any]],
    confidence: float,
    permutations: int,
    seed: int,
    wanted: Sequence[Mapping[str, Any]] | None = None,
) -> pl.DataFrame:
    """All contrasts of a study with intervals, p-values and q-values.

    The law of each unit's error is that of
    :mod:`workflow_scripts.influence.contrasts.contrast_errors`: documents, the same for all
    benchmarks, and clusters of questions are the draws, the mean and standard deviation of each map
    held fixed.
    Intervals take the bins' own document variances; p and q those moderated over the bins, and
    maps without the noise in their standard deviation.
    ``q_value``: BH over the p of each unit alone. ``p_value``: family-wise over the axis, by the
    smallest p of draws of the errors.

    An existing matrix has no questions and no errors: the labels of its values are exchanged bin
    by bin (of two contrasts: the first sides, and the second), and each side standardised again.
    That tests topics and formats, with bins as the independent units; a single bin has no p.

    Args:
        maps: of the study.
        cells: benchmark -> domain, capability and answer_form.
        confidence: coverage of the intervals.
        permutations: draws of the errors, or exchanges of the values of bins.
        seed: of the draws.
        wanted: the config key ``contrasts``.

    Returns:
        Frame with the columns of ``influence/contrasts``; no rows without a contrast.
    """
    plans = plan_contrasts(cells, wanted)
    names = contrasted(maps, plans)
    if not names:
        return pl.DataFrame(schema=SCHEMA)
    known = maps.known(names)
    if known.sum() < 2:
        logger.info("no contrasts: %d bins have documents on all benchmarks", known.sum())
        return pl.DataFrame(schema=SCHEMA)
    frames = []
    for plan in plans:
        found = find(maps, plan, known, permutations, seed)
        if maps.redrawable:
            study = maps.resampling, plan.weights, known
            found = replace(found, parts=error_parts(*study), tested=noiseless_scale(*study))
        clusters = [1 + int(maps.resampling[n].clusters.max()) for n in plan.weights if found.parts]
        for axis in axes(known):
            test = permutations, stream(seed, "contrast", plan.name, axis.name)
            columns = _columns(axis, found, known, confidence, *test)
            columns |= {"contrast": plan.name, "confounded": plan.confounded}
            columns["n_clusters"] = min(clusters, default=None)
            frames.append(pl.DataFrame(columns, schema=SCHEMA, nan_to_null=True))
    return pl.concat(frames)


def contrasted(maps: StudyMaps, plans: Sequence[Contrast]) -> list[str]:
    """Benchmarks that take part in a contrast, in the order of the study."""
    return [name for name in maps.influence if any(name in plan.weights for plan in plans)]


def find(maps: StudyMaps, plan: Contrast, known: np.ndarray, permutations: int, seed: int) -> Found:
    """One contrast over the known bins, and in a matrix its null draws."""
    names, weights = list(plan.weights), np.array(list(plan.weights.values()))
    z = maps.z(names, known)
    rows = np.stack([maps.influence[name][known] for name in names])
    plain = rows, weights, weights @ z, weights @ robust_rows(rows)
    if maps.redrawable:
        return Found(*plain)
    by_name = dict(zip(names, z, strict=True))
    pairs = [tuple(_side(by_name, side) for side in pair) for pair in plan.pairs]
    rng = stream(seed, "contrast permutation", plan.name)
    return Found(*plain, null=exchange_bins(pairs, permutations, rng))


def _side(z: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    return np.sum([weight * z[name] for name, weight in weights.items()], axis=0)


def _columns(
    axis: Axis,
    found: Found,
    known: np.ndarray,
    confidence: float,
    permutations: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """One contrast along one axis."""
    filled = np.isfinite(axis.matrix).all(axis=1)
    matrix = axis.matrix[filled]
    value = matrix @ found.value
    half_width = np.full(len(value), np.nan)
    if found.parts is not None:
        own = law_of(found.parts, matrix, moderated=False)
        half_width = np.where(own.error > 0, own.quantile(1 - confidence), np.nan)
        held, parts = found.tested
        p = family_wise(matrix @ held, law_of(parts, matrix, moderated=True), permutations, rng)
    else:
        # Exchanged alone, a bin's value keeps its size: nothing to hold it against.
        null = found.null * np.nan if axis.name == "bin" else found.null
        p = null_p(value, average(matrix, null))
    columns = {
        "value": value,
        "ci_low": value - half_width,
        "ci_high": value + half_width,
        "p_value": p[0],
        "q_value": adjust(p[1]),
        "robust_value": matrix @ found.robust,
        **leave_out(matrix, found.rows, found.weights, known),
    }
    spread = {name: _spread(values, filled) for name, values in columns.items()}
    return spread | {"axis": axis.name, "topic": axis.topics, "format": axis.formats}


def _spread(values: np.ndarray | list, filled: np.ndarray) -> np.ndarray | list:
    """Values of the filled units among all; NaN, or None in a list of labels, in the others."""
    if isinstance(values, list):
        rest = iter(values)
        return [next(rest) if there else None for there in filled]
    full = np.full(len(filled), np.nan)
    full[filled] = values
    return full


def average(matrix: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """(R, units) averages of (R, bins) draws; NaN only where a bin of the unit is NaN."""
    unknown = np.isnan(draws).any(axis=0)
    result = np.where(unknown, 0.0, draws) @ matrix.T
    result[:, (matrix[:, unknown] != 0).any(axis=1)] = np.nan
    return result
