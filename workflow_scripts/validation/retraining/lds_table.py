"""The table of linear datamodeling scores: every output, measure, scorer and way of summing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.validation.retraining.datamodeling import (
    Output,
    ceiling,
    foretold,
    interval,
    observed,
    reliability,
    spearman,
    standardise,
    weigh_maps,
)
from workflow_scripts.validation.scorers import STUDY

MEASURES = ("margin", "accuracy")
# Column of a map -> what the sum over a half's bins is called. The first is the one that counts.
SUMS = {"influence": "influence", "shrunk": "shrunk"}
BINS = ["topic", "format"]


@dataclass(frozen=True)
class Experiment:
    """Retraining experiment: its halves and the outputs of the models.

    Attributes:
        bins: topic, format, n_docs of every bin with documents, sorted.
        inside: (S, B) bool, which bins are in which half.
        outputs: measure -> benchmark -> (S, K) over halves and seeds.
    """

    bins: pl.DataFrame
    inside: np.ndarray
    outputs: Mapping[str, Mapping[str, np.ndarray]]


def read_experiment(halves: pl.DataFrame, outputs: pl.DataFrame, n_halves: int) -> Experiment:
    """Arrange the tables of all groups.

    Args:
        halves: the table ``validation/retraining_halves``.
        outputs: the table ``validation/retraining_outputs``.
        n_halves: how many halves the study asks for.

    Raises:
        IntegrityError: a half, seed or benchmark is missing.
    """
    bins = halves.select(*BINS, "n_docs").unique().sort(BINS)
    place = bins.with_row_index("bin").select(*BINS, "bin")
    members = halves.join(place, on=BINS)
    inside = np.zeros((n_halves, bins.height), dtype=bool)
    inside[members["half"].to_numpy(), members["bin"].to_numpy()] = True
    seeds = outputs["seed"].unique().sort()
    arranged: dict[str, dict[str, np.ndarray]] = {measure: {} for measure in MEASURES}
    for (name,), rows in outputs.sort("half", "seed").group_by("benchmark", maintain_order=True):
        if rows.height != n_halves * len(seeds):
            raise IntegrityError(
                f"benchmark {name!r} has {rows.height} retrained models, not {n_halves} halves x "
                f"{len(seeds)} seeds; delete validation/retraining and run again"
            )
        for measure in MEASURES:
            arranged[measure][name] = rows[measure].to_numpy().reshape(n_halves, len(seeds))
    return Experiment(bins, inside, arranged)


def align(maps: pl.DataFrame, bins: pl.DataFrame, column: str) -> dict[str, np.ndarray]:
    """One column of a scorer's maps, benchmark -> (B,), in the order of ``bins``.

    Raises:
        IntegrityError: a bin with documents has no value.
    """
    aligned = {}
    for (name,), rows in maps.group_by("benchmark", maintain_order=True):
        values = bins.join(rows, on=BINS, how="left", maintain_order="left")[column]
        if values.null_count():
            raise IntegrityError(
                f"the map of {name!r} has no {column} in {values.null_count()} bin(s) with "
                "documents; it was made on another working set: delete it and run again"
            )
        aligned[name] = values.to_numpy()
    return aligned


def lds_table(
    experiment: Experiment,
    maps: Mapping[str, pl.DataFrame],
    outputs: Sequence[Output],
    draws: np.ndarray,
    confidence: float,
) -> pl.DataFrame:
    """Score every map on every output.

    Args:
        experiment: the retrained models.
        maps: scorer -> benchmark, topic, format, influence, shrunk; the study's own is
            ``trackstar``. A scorer without ``shrunk`` has no rows of it.
        outputs: benchmarks and contrasts.
        draws: (R, S) bootstrap draws of halves.
        confidence: coverage of the intervals.

    Returns:
        The columns of the table ``validation/lds``.
    """
    rows = []
    for measure in MEASURES:
        for output in outputs:
            seeds = observed(experiment.outputs[measure], output.weights)  # (S, K)
            about = {"measure": measure, "output": output.name}
            about |= _trust(seeds, draws, confidence)
            for column, name in SUMS.items():
                found = _scores(experiment, maps, output, column, seeds.mean(axis=1), draws)
                rows += [
                    {**about, "sum": name, "scorer": scorer, **_row(pair, found, confidence)}
                    for scorer, pair in found.items()
                ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _trust(seeds: np.ndarray, draws: np.ndarray, confidence: float) -> dict[str, Any]:
    """Reliability of an output and its ceiling, with the ceiling's interval."""
    trust = reliability(seeds)
    again = ceiling(reliability(seeds[draws]))  # (R,)
    low, high = interval(again, confidence)
    known = bool(np.isfinite(trust))
    return {
        "n_halves": len(seeds),
        "n_seeds": seeds.shape[1],
        "reliability": float(trust) if known else None,
        "ceiling": float(ceiling(trust)) if known else None,
        "ceiling_low": low,
        "ceiling_high": high,
    }


def _scores(
    experiment: Experiment,
    maps: Mapping[str, pl.DataFrame],
    output: Output,
    column: str,
    actual: np.ndarray,
    draws: np.ndarray,
) -> dict[str, tuple[float, np.ndarray]]:
    """Per scorer its correlation with the actual output, and those of the bootstrap draws."""
    n_docs, found = experiment.bins["n_docs"].to_numpy(), {}
    for scorer, table in maps.items():
        if column not in table.columns or table[column].null_count() == table.height:
            continue
        aligned = align(table, experiment.bins, column)
        if not set(output.weights) <= set(aligned):
            continue
        value = weigh_maps(aligned, output.weights)
        predicted = foretold(experiment.inside, n_docs, value)
        again = spearman(predicted[draws], actual[draws])  # (R,)
        found[scorer] = (float(spearman(predicted, actual)), again)
    return found


def _row(
    pair: tuple[float, np.ndarray],
    found: Mapping[str, tuple[float, np.ndarray]],
    confidence: float,
) -> dict[str, float | None]:
    """One scorer's score with its interval, and how far the study's own map is ahead of it."""
    value, again = pair
    low, high = interval(again, confidence)
    own, own_again = found.get(STUDY, (np.nan, np.full_like(again, np.nan)))
    same = pair is found.get(STUDY)
    ahead_low, ahead_high = (None, None) if same else interval(own_again - again, confidence)
    ahead = None if same or not np.isfinite(own - value) else own - value
    return {
        "lds": value if np.isfinite(value) else None,
        "ci_low": low,
        "ci_high": high,
        "ahead": ahead,
        "ahead_low": ahead_low,
        "ahead_high": ahead_high,
    }


def predictions(
    experiment: Experiment, maps: pl.DataFrame, outputs: Sequence[Output]
) -> pl.DataFrame:
    """Predicted and observed margin of every half: the table ``validation/retraining_predictions``.

    Args:
        experiment: the retrained models.
        maps: the study's own map.
        outputs: benchmarks and contrasts.
    """
    aligned = align(maps, experiment.bins, "influence")
    n_docs, frames = experiment.bins["n_docs"].to_numpy(), []
    for output in outputs:
        seeds = observed(experiment.outputs["margin"], output.weights)
        sums = foretold(experiment.inside, n_docs, weigh_maps(aligned, output.weights))
        frames.append(
            pl.DataFrame(
                {
                    "half": np.arange(len(seeds)),
                    "predicted": standardise(sums),
                    "observed": seeds.mean(axis=1),
                    "observed_low": seeds.min(axis=1),
                    "observed_high": seeds.max(axis=1),
                }
            ).with_columns(output=pl.lit(output.name))
        )
    return pl.concat(frames)
