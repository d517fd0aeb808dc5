"""The bin statistics on the documents and questions of a finished planted study.

Each document's score on each question is its row times the question's row, so that three kinds of
map can be made of them, benchmark by benchmark:

- ``as drawn``: the study's own map.
- ``redrawn``: new documents drawn in every bin. A place is filled by any ordinary document of the
  study or, in the share of places that is the bin's dose, by any document of a full-dose bin of
  the same role. All of a bin's documents are then moved by one normal number, so that ordinary
  bins differ as they do in the study.
- ``shuffled``: the study's documents exchanged over bins; no bin is then unusual.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from workflow_scripts.attribution.query_rows import load_query_rows
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components
from workflow_scripts.simulation.tables import (
    LEVEL,
    SEED,
    Judged,
    false_row,
    role_rows,
)
from workflow_scripts.simulation.worlds import BATCH, carriers

CARRIED = ("support", "contradiction")


@dataclass(frozen=True)
class Scored:
    """Documents of one benchmark with their scores, and the planted truth.

    Attributes:
        bins: (D,) int; position of each document's bin in ``BINS``.
        folds: (D,) int; its fold.
        scores: (D, Q) float; its score on each question.
        role: (576,) planted role of each bin.
        dose: (576,) its dose.
    """

    bins: np.ndarray
    folds: np.ndarray
    scores: np.ndarray
    role: np.ndarray
    dose: np.ndarray


def scored(study: Path, benchmark: str) -> Scored:
    """Documents and truth of one benchmark of a finished planted study (its folder)."""
    place = {pair: index for index, pair in enumerate(BINS)}
    shards = sorted((study / "corpus" / "shards").glob("*.parquet"))
    columns = ["topic", "format", "fold"]
    documents = pl.concat([pl.read_parquet(path, columns=columns) for path in shards])
    rows = [np.load(study / "attribution" / "rows" / f"{path.stem}.npy") for path in shards]
    queries = load_query_rows(study / "attribution" / "queries" / f"{benchmark}.npy").rows
    truth = pl.read_parquet(study / "corpus" / "truth.parquet").filter(benchmark=benchmark)
    at = [place[pair] for pair in truth.select("topic", "format").iter_rows()]
    role, dose = np.full(len(BINS), "ordinary", dtype="U13"), np.zeros(len(BINS))
    role[at], dose[at] = truth["role"].to_numpy(), truth["dose"].to_numpy()
    carries = np.isin(role, CARRIED)
    return Scored(
        np.array([place[pair] for pair in documents.select("topic", "format").iter_rows()]),
        documents["fold"].to_numpy(),
        np.concatenate(rows).astype(np.float64) @ queries.T.astype(np.float64),
        np.where(carries, role, "ordinary"),
        np.where(carries, dose, 0.0),
    )


def group(bins: np.ndarray, folds: np.ndarray, scores: np.ndarray) -> GroupMeans:
    """Mean scores of the (bin, fold) groups of documents."""
    keys, inverse = np.unique(np.stack([bins, folds], axis=1), axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    counts = np.bincount(inverse.ravel())
    sums = np.add.reduceat(scores[order], np.cumsum(counts) - counts, axis=0)
    return GroupMeans(keys[:, 0], keys[:, 1], counts, sums / counts[:, None])


def redraw(study: Scored, tau: float, rng: np.random.Generator) -> np.ndarray:
    """(D, Q) scores of other documents in the same places (see the module).

    Args:
        study: the study's documents.
        tau: spread of the true means of ordinary bins.
        rng: generator.
    """
    role = study.role[study.bins]
    drawn = rng.choice(np.flatnonzero(role == "ordinary"), size=len(study.bins))
    order = np.argsort(study.bins, kind="stable")
    first = np.searchsorted(study.bins[order], np.arange(len(BINS)))
    for index in np.flatnonzero(np.isin(study.role, CARRIED)):
        places = order[first[index] :][: np.sum(study.bins == index)]
        pool = np.flatnonzero((role == study.role[index]) & (study.dose[study.bins] == 1))
        held = carriers(study.dose[[index]], min(len(places), BATCH), rng)[0]
        carry = places[: len(held)][held]
        drawn[carry] = rng.choice(pool, size=len(carry), replace=len(carry) > len(pool))
    moved = tau * rng.standard_normal(len(BINS))
    return study.scores[drawn] + moved[study.bins][:, None]


def judged(study: Scored, scores: np.ndarray, role: np.ndarray) -> Judged:
    """Bins of one map with q < 5%."""
    found = estimate(components(group(study.bins, study.folds, scores)))
    return Judged({"bh": adjust(found.p_unusual) < LEVEL}, role, study.dose)


def study_table(study: Path, benchmarks: tuple[str, ...], maps: int = 40) -> pl.DataFrame:
    """Bins found and false calls on the three kinds of map.

    Args:
        study: folder of a finished planted study.
        benchmarks: its planted benchmarks.
        maps: redrawn, and shuffled, maps of each benchmark.

    Returns:
        map, benchmark, maps, calls_per_map, maps_with_false_calls, false_discovery_rate, and
        the share of support bins of each dose (in percent) with q < 5%; null where bins are
        shuffled.
    """
    return pl.DataFrame(
        [row for name in benchmarks for row in study_rows(scored(study, name), name, maps)]
    )


def study_rows(study: Scored, benchmark: str, maps: int) -> Iterator[dict]:
    """The rows of one benchmark."""
    parts = components(group(study.bins, study.folds, study.scores))
    tau = float(np.sqrt(estimate(parts).tau2))
    rng = stream(SEED, "study", benchmark)
    nothing = np.full(len(BINS), "ordinary")
    kinds = {
        "as drawn": [judged(study, study.scores, study.role)],
        "redrawn": [judged(study, redraw(study, tau, rng), study.role) for _ in range(maps)],
        "shuffled": [
            judged(study, study.scores[rng.permutation(len(study.bins))], nothing)
            for _ in range(maps)
        ],
    }
    for kind, found in kinds.items():
        false = false_row(found, "bh")
        names = ("calls_per_map", "maps_with_false_calls", "false_discovery_rate")
        support = {
            f"support_{100 * row['dose']:.0f}": row["bh"]
            for row in role_rows(found, ("bh",))
            if row["role"] == "support"
        }
        doses = sorted(set(study.dose[study.role == "support"]))
        yield (
            {"map": kind, "benchmark": benchmark, "maps": len(found)}
            | {name: false[name] for name in names}
            | {f"support_{100 * dose:.0f}": None for dose in doses}
            | support
        )
