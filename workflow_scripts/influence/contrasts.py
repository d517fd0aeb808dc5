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
from workflow_scripts.influence.contrast_draws import exchange_bins, null_p, permute_queries
from workflow_scripts.influence.multiplicity import adjust
from workflow_scripts.influence.study_maps import StudyMaps

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
        pairs: the same as pairs of weights, value = sum of first less second: sides whose labels
            say the same where there is no contrast, domains within a capability (difference:
            capabilities within a domain).
        confounded: its sides answer in different forms (letters against texts), which alone
            can move a map.
    """

    name: str
    weights: dict[str, float]
    pairs: tuple[tuple[dict[str, float], dict[str, float]], ...]
    confounded: bool


@dataclass(frozen=True)
class Draws:
    """A contrast with what it is held against.

    Attributes:
        value: (B,) contrast of each known bin.
        error: (R, B) draws of its error; NaN where it is not known.
        null: (P, B) draws without a contrast.
    """

    value: np.ndarray
    error: np.ndarray
    null: np.ndarray


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
        social, stem = ({name: 1 / len(side) for name in side} for side in sides)
        weights = social | _negated(stem)
        pairs = ((social, stem),)
        plans.append(Contrast(capability, weights, pairs, _mixed_forms(weights, cells)))
    if len(plans) < 2:
        logger.info("no contrast difference: it needs reasoning and knowledge")
        return plans
    reasoning, knowledge = plans
    weights = reasoning.weights | _negated(knowledge.weights)
    (social, stem), (known_social, known_stem) = reasoning.pairs[0], knowledge.pairs[0]
    pairs = ((social, known_social), (known_stem, stem))
    return [*plans, Contrast("difference", weights, pairs, _mixed_forms(weights, cells))]


def _negated(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: -weight for name, weight in weights.items()}


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
    maps: StudyMaps,
    cells: Mapping[str, Mapping[str, str]],
    confidence: float,
    permutations: int,
    seed: int,
) -> pl.DataFrame:
    """All contrasts of a study with intervals, p-values and q-values.

    Intervals: value +- the ``confidence`` quantile of |error| over multiplier draws of documents
    (the same draws for all benchmarks, which share their documents) and queries, the mean and
    standard deviation of each map held fixed. ``p_value`` of reasoning and knowledge: the share
    of null draws in which the largest |contrast| of the axis reaches |value|; it controls the
    family-wise error over the axis. A null draw exchanges the questions between the domains and
    adds a draw of the documents' error. Exchanged questions alone ask whether these very
    documents tell the domains' questions apart, which nearly all do: with documents shuffled
    over bins, so that no bin has a contrast, they called 40% of the bins at q < 0.05. The
    difference has no labels to exchange: its null draws are the bootstrap errors. ``q_value``:
    BH over p-values of the units alone, from null draws in units of their own spread, pooled
    over the axis.

    An existing matrix has no questions to exchange and no errors: the labels of its values are
    exchanged bin by bin (difference: capabilities within a domain), each side standardised anew.
    That tests topics and formats, with bins as the independent units; a single bin has no p.

    Args:
        maps: of the study.
        cells: benchmark -> domain, capability and answer_form.
        confidence: coverage of the intervals.
        permutations: exchanges of questions, or of the values of bins.
        seed: of the exchanges.

    Returns:
        Frame with the columns of ``influence/contrasts``; no rows where cells are missing.
    """
    plans = plan_contrasts(cells)
    names = contrasted(maps, plans)
    if not names:
        return pl.DataFrame(schema=SCHEMA)
    known = maps.known(names)
    if known.sum() < 2:
        logger.info("no contrasts: %d bins have documents on all benchmarks", known.sum())
        return pl.DataFrame(schema=SCHEMA)
    frames = []
    for plan in plans:
        draws = contrast_draws(maps, plan, known, permutations, seed)
        for axis in axes(known):
            # Exchanged alone, a bin's value keeps its size: nothing to hold it against.
            null = draws.null if maps.redrawable or axis.name != "bin" else draws.null * np.nan
            frames.append(_rows(plan, axis, draws.value, draws.error, null, confidence))
    return pl.concat(frames)


def contrasted(maps: StudyMaps, plans: Sequence[Contrast]) -> list[str]:
    """Benchmarks that take part in a contrast, in the order of the study."""
    return [name for name in maps.influence if any(name in plan.weights for plan in plans)]


def contrast_draws(
    maps: StudyMaps, plan: Contrast, known: np.ndarray, permutations: int, seed: int
) -> Draws:
    """One contrast over the known bins, its errors and its null draws."""
    names = list(plan.weights)
    z = dict(zip(names, maps.z(names, known), strict=True))
    weights = np.array(list(plan.weights.values()))
    value = weights @ np.stack(list(z.values()))  # (known,)
    rng = stream(seed, "contrast permutation", plan.name)
    if not maps.redrawable:
        pairs = [tuple(_side(z, side) for side in pair) for pair in plan.pairs]
        null = exchange_bins(pairs, permutations, rng)
        return Draws(value, np.full((1, len(value)), np.nan), null)
    error = np.tensordot(weights, maps.error(names, known), axes=1)  # (R, known)
    if plan.name not in CAPABILITIES:
        return Draws(value, error, error)
    means = {name: maps.resampling[name].query_means[known] for name in names}
    exchanged = permute_queries(means, plan.weights, permutations, rng)
    documents = np.tensordot(weights, maps.document_error(names, known), axes=1)
    return Draws(value, error, exchanged + documents[np.arange(permutations) % len(documents)])


def _side(z: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    return np.sum([weight * z[name] for name, weight in weights.items()], axis=0)


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

    half_width = np.quantile(np.abs(average(matrix, error)), confidence, axis=0)
    p_max, p_unit = null_p(observed, average(matrix, null))
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


def average(matrix: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """(R, units) averages of (R, bins) draws; NaN only where a bin of the unit is NaN."""
    unknown = np.isnan(draws).any(axis=0)
    result = np.where(unknown, 0.0, draws) @ matrix.T
    result[:, (matrix[:, unknown] != 0).any(axis=1)] = np.nan
    return result
