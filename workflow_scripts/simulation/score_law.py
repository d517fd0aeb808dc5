"""Distribution of document scores of the planted study, for simulations.

The law is kept as a small table of quantiles, made from a finished planted study:

    python -m workflow_scripts.simulation.simulate --law results/planted

Scores of a benchmark are taken in units of the standard deviation of ordinary documents around
their bin's mean (times sqrt(n / (n - 1)), since a mean of n documents follows them), then
pooled over benchmarks. Ordinary bins are those without support or contradiction.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

KINDS = ("any", "ordinary", "support", "contradiction")
TABLE = Path(__file__).resolve().parents[2] / "docs" / "simulation" / "score_law.csv"
_TAIL = np.array([0.0005, 0.001, 0.002, 0.005])
PROBABILITIES = np.r_[0.0, _TAIL, np.arange(1, 100) / 100, 1 - _TAIL[::-1], 1.0]


@dataclass(frozen=True)
class ScoreLaw:
    """Laws of one document's score, in standard deviations of ordinary documents.

    Attributes:
        quantiles: kind -> (P,) quantiles at ``PROBABILITIES``: ``any``, all documents around
            their bin's mean, in units of their own deviation; ``ordinary``, those of ordinary
            bins around it; ``support`` and ``contradiction``, those of full-dose bins around
            the map's median bin.
    """

    quantiles: dict[str, np.ndarray]

    def draw(self, kind: str, rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Draws of one kind; ``any`` and ``ordinary`` have mean 0 and variance 1 exactly."""
        values = np.interp(rng.random(size), PROBABILITIES, self.quantiles[kind])
        if kind in ("any", "ordinary"):
            mean, variance = moments(self.quantiles[kind])
            values = (values - mean) / np.sqrt(variance)
        return values

    def mean(self, kind: str) -> float:
        """Mean of the draws of one kind."""
        return 0.0 if kind in ("any", "ordinary") else moments(self.quantiles[kind])[0]


def moments(quantiles: np.ndarray) -> tuple[float, float]:
    """Mean and variance of the law whose quantile function is linear between the given points."""
    low, high, step = quantiles[:-1], quantiles[1:], np.diff(PROBABILITIES)
    mean = float(np.sum(step * (low + high)) / 2)
    square = float(np.sum(step * (low**2 + low * high + high**2)) / 3)
    return mean, square - mean**2


@functools.cache
def committed_law() -> ScoreLaw:
    """The law that the project keeps in ``docs/simulation/score_law.csv``."""
    frame = pl.read_csv(TABLE)
    return ScoreLaw({kind: frame[kind].to_numpy() for kind in KINDS})


def law_of_study(study: Path, benchmarks: Sequence[str]) -> pl.DataFrame:
    """The table of quantiles of a finished planted study.

    Args:
        study: its folder of results, with document scores.
        benchmarks: its planted benchmarks.

    Returns:
        probability, and a column of quantiles for each of ``KINDS``.
    """
    truth = pl.read_parquet(study / "corpus" / "truth.parquet")
    pools: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for name in benchmarks:
        scores = pl.read_parquet(study / "attribution" / "scores" / f"{name}.parquet")
        for kind, values in standardised(scores, truth.filter(benchmark=name)).items():
            pools[kind].append(values)
    columns = {kind: np.quantile(np.concatenate(pools[kind]), PROBABILITIES) for kind in KINDS}
    return pl.DataFrame({"probability": PROBABILITIES, **columns}).with_columns(
        pl.col(KINDS).round(4)
    )


def standardised(scores: pl.DataFrame, truth: pl.DataFrame) -> dict[str, np.ndarray]:
    """Standardised scores of one benchmark's documents by kind (see the module).

    Args:
        scores: topic, format, score of each document.
        truth: topic, format, role, dose of each bin.
    """
    bin_ = ["topic", "format"]
    frame = scores.join(truth.select(*bin_, "role", "dose"), on=bin_).with_columns(
        mean=pl.col("score").mean().over(bin_), count=pl.len().over(bin_)
    )
    frame = frame.filter(pl.col("count") > 1).with_columns(
        rest=(pl.col("score") - pl.col("mean")) * (pl.col("count") / (pl.col("count") - 1)).sqrt()
    )
    full = pl.col("dose") == 1
    ordinary = frame.filter(~pl.col("role").is_in(["support", "contradiction"]))["rest"]
    unit = float(ordinary.std())
    centre = float(frame.group_by(bin_).agg(pl.col("score").mean())["score"].median())
    any_ = frame["rest"].to_numpy()
    carried = {
        role: ((frame.filter(full, role=role)["score"] - centre) / unit).to_numpy()
        for role in ("support", "contradiction")
    }
    return {"any": any_ / any_.std(), "ordinary": ordinary.to_numpy() / unit, **carried}
