"""Contrasts between maps: what a region does for one domain more than for the other.

All values are differences of z, so unitless; positive = the region supports the social
benchmarks more than the STEM benchmarks of the same capability.

    reasoning  = z(social, reasoning) - z(stem, reasoning)
    knowledge  = z(social, knowledge) - z(stem, knowledge)
    difference = reasoning - knowledge

Several benchmarks in a cell are averaged as z. Each contrast is read per bin, and as the mean
over the bins with documents of each topic and each format.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from workflow_scripts.common.streams import stream
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.influence.contrast_draws import (
    noise_of_z,
    null_p,
    permute_queries,
    standardise_rows,
)
from workflow_scripts.influence.multiplicity import adjust
from workflow_scripts.influence.resampling import Resampling

logger = logging.getLogger("atlas")

CAPABILITIES = ("reasoning", "knowledge")
DOMAINS = ("social", "stem")
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
    "confounded": pl.Boolean,
}


@dataclass(frozen=True)
class Contrast:
    """One contrast as weights on the benchmarks' z maps.

    Attributes:
        name: ``reasoning``, ``knowledge`` or ``difference``.
        weights: benchmark -> weight; social positive within a capability.
        confounded: its sides answer in different forms (letters against texts), which alone
            can move a map.
    """

    name: str
    weights: dict[str, float]
    confounded: bool


@dataclass(frozen=True)
class Axis:
    """Units that a contrast is read in: ``matrix`` (units, bins) averages bins to units."""

    name: str
    topics: Sequence[str | None]
    formats: Sequence[str | None]
    matrix: np.ndarray


def plan_contrasts(cells: Mapping[str, Mapping[str, str]]) -> list[Contrast]:
    """The contrasts that a set of benchmarks allows; the log names those it does not.

    Args:
        cells: benchmark -> domain, capability and answer_form.
    """
    plans = []
    for capability in CAPABILITIES:
        sides = [
            [
                name
                for name, cell in cells.items()
                if (cell["domain"], cell["capability"]) == (domain, capability)
            ]
            for domain in DOMAINS
        ]
        if not all(sides):
            absent = " and ".join(d for d, side in zip(DOMAINS, sides, strict=True) if not side)
            logger.info("no contrast %s: no %s %s benchmark", capability, absent, capability)
            continue
        weights = {name: 1 / len(sides[0]) for name in sides[0]}
        weights |= {name: -1 / len(sides[1]) for name in sides[1]}
        plans.append(Contrast(capability, weights, _mixed_forms(weights, cells)))
    if len(plans) < 2:
        logger.info("no contrast difference: it needs reasoning and knowledge")
        return plans
    reasoning, knowledge = plans
    weights = reasoning.weights | {name: -weight for name, weight in knowledge.weights.items()}
    return [*plans, Contrast("difference", weights, _mixed_forms(weights, cells))]


def _mixed_forms(names: Mapping[str, float], cells: Mapping[str, Mapping[str, str]]) -> bool:
    return len({cells[name]["answer_form"] for name in names}) > 1


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
    maps: Mapping[str, Resampling],
    cells: Mapping[str, Mapping[str, str]],
    confidence: float,
    permutations: int,
    bootstraps: int,
    seed: int,
) -> pl.DataFrame:
    """All contrasts of a study with intervals, p-values and q-values.

    Intervals: value +- the ``confidence`` quantile of |error| over multiplier draws of documents
    (the same draws for all benchmarks, which share their documents) and queries, the mean and
    standard deviation of each map held fixed. ``p_value`` of reasoning and knowledge: the share
    of exchanges of the questions between the domains in which the largest |contrast| of the axis
    reaches |value|; it controls the family-wise error over the axis. Documents stay as they
    are, so it asks whether these documents tell the domains' questions apart; the interval
    also holds what other documents of the bin would say. The difference has no
    labels to exchange: its null draws are the bootstrap errors. ``q_value``: BH over p-values of
    the units alone, from null draws in units of their own spread, pooled over the axis.

    Args:
        maps: benchmark -> its redrawable map.
        cells: benchmark -> domain, capability and answer_form.
        confidence: coverage of the intervals.
        permutations: exchanges of questions.
        bootstraps: draws of the errors.
        seed: of all draws.

    Returns:
        Frame with the columns of ``influence/contrasts``; no rows where cells are missing.
    """
    plans = plan_contrasts(cells)
    names = [name for name in maps if any(name in plan.weights for plan in plans)]
    if not names:
        return pl.DataFrame(schema=SCHEMA)
    known = np.all([np.isfinite(maps[name].influence) for name in names], axis=0)
    if known.sum() < 2:
        logger.info("no contrasts: %d bins have documents on all benchmarks", known.sum())
        return pl.DataFrame(schema=SCHEMA)
    z = standardise_rows(np.stack([maps[name].influence[known] for name in names]))
    noise = noise_of_z({name: maps[name] for name in names}, known, bootstraps, seed)
    units = axes(known)
    frames = []
    for plan in plans:
        weights = np.array([plan.weights.get(name, 0.0) for name in names])
        value = weights @ z  # (known,)
        error = np.tensordot(weights, noise, axes=1)  # (R, known)
        null = error
        if plan.name in CAPABILITIES:
            part = {name: maps[name].query_means[known] for name in plan.weights}
            rng = stream(seed, "contrast permutation", plan.name)
            null = permute_queries(part, plan.weights, permutations, rng)
        frames += [_rows(plan, axis, value, error, null, confidence) for axis in units]
    return pl.concat(frames)


def _rows(
    plan: Contrast,
    axis: Axis,
    value: np.ndarray,
    error: np.ndarray,
    null: np.ndarray,
    confidence: float,
) -> pl.DataFrame:
    """One contrast along one axis."""
    filled = np.isfinite(axis.matrix).all(axis=1)
    matrix = axis.matrix[filled]
    observed = matrix @ value

    def spread(values: np.ndarray) -> np.ndarray:
        full = np.full(len(filled), np.nan)
        full[filled] = values
        return full

    half_width = np.quantile(np.abs(_average(matrix, error)), confidence, axis=0)
    p_max, p_unit = null_p(observed, _average(matrix, null))
    return pl.DataFrame(
        {
            "contrast": plan.name,
            "axis": axis.name,
            "topic": axis.topics,
            "format": axis.formats,
            "value": spread(observed),
            "ci_low": spread(observed - half_width),
            "ci_high": spread(observed + half_width),
            "p_value": spread(p_max),
            "q_value": spread(adjust(p_unit)),
            "confounded": plan.confounded,
        },
        schema=SCHEMA,
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def _average(matrix: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """(R, units) averages of (R, bins) draws; NaN only where a bin of the unit is NaN."""
    unknown = np.isnan(draws).any(axis=0)
    result = np.where(unknown, 0.0, draws) @ matrix.T
    result[:, (matrix[:, unknown] != 0).any(axis=1)] = np.nan
    return result
