"""Damage by question, which the tests need beside each adapter's mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from workflow_scripts.benchmarks.question_clusters import question_clusters
from workflow_scripts.common.random_streams import stream

# Target, evaluated, topic, arm, seed, dose.
Key = tuple[str, str, str, str, int, float]
MEASURES = {"accuracy": "damage_accuracy", "margin": "damage_margin"}


@dataclass(frozen=True)
class Asked:
    """Losses of every adapter on every cluster of questions.

    Attributes:
        sizes: evaluated benchmark -> (C,) questions of each cluster.
        lost: adapter -> (2, C) mean loss of accuracy (share) and of margin on each cluster.
        draws: (evaluated, number, seed) -> (number, C) redrawn clusters, kept once they are made.
    """

    sizes: dict[str, np.ndarray] = field(default_factory=dict)
    lost: dict[Key, np.ndarray] = field(default_factory=dict)
    draws: dict[tuple[str, int, int], np.ndarray] = field(default_factory=dict)

    def difference(self, pair: Mapping[str, object], measure: str) -> np.ndarray:
        """(C,) first arm minus second (or minus nothing) of a row of ``planned_pairs``."""
        row = list(MEASURES).index(measure)
        own, evaluated = (pair["target"], pair["topic"]), pair["evaluated"]
        at = (pair["seed"], pair["dose"])
        first = self.lost[own[0], evaluated, own[1], pair["first"], *at][row]
        if pair["second"] is None:
            return first
        if pair["second"] == "control":
            own = ("control", "control")
        return first - self.lost[own[0], evaluated, own[1], pair["second"], *at][row]

    def redrawn(
        self, evaluated: str, differences: np.ndarray, number: int, seed: int
    ) -> np.ndarray:
        """Means of differences over redrawn questions.

        Args:
            evaluated: the benchmark.
            differences: (P, C) by cluster of questions.
            number: draws.
            seed: of the draws, the same for everything that this benchmark's questions are asked.

        Returns:
            (number, P) means.
        """
        sizes, key = self.sizes[evaluated], (evaluated, number, seed)
        if key not in self.draws:
            rng, n = stream(seed, "question bootstrap", evaluated), len(sizes)
            times = rng.multinomial(n, np.full(n, 1 / n), size=number) * sizes
            self.draws[key] = times / times.sum(axis=1, keepdims=True)
        return self.draws[key] @ differences.T


def add_evaluation(
    asked: Asked, target: str, topic: str, evaluated: str, evaluation: pl.DataFrame,
    queries: pl.DataFrame,
) -> None:  # fmt: skip
    """Take up one evaluation, complete as :func:`damages` checks it.

    Args:
        asked: what it is added to.
        target: benchmark whose influence chose the documents.
        topic: topic that was forgotten.
        evaluated: benchmark that was asked.
        evaluation: a table ``unlearning/evaluation``.
        queries: query_id, task and passage of its questions.
    """
    order = queries.sort("query_id")
    clusters = question_clusters(order["task"].to_list(), order["passage"].to_list())
    sizes = np.bincount(clusters).astype(np.float64)
    asked.sizes[evaluated] = sizes
    base = evaluation.filter(arm="base").sort("query_id")
    known = [base[name].to_numpy().astype(np.float64) for name in ("correct", "margin")]
    rows = evaluation.filter(pl.col("arm") != "base").sort("query_id")
    for (arm, seed, dose), part in rows.group_by("arm", "seed", "dose", maintain_order=True):
        values = [part[name].to_numpy().astype(np.float64) for name in ("correct", "margin")]
        lost = [
            np.bincount(clusters, weights=before - after) / sizes
            for before, after in zip(known, values, strict=True)
        ]
        asked.lost[target, evaluated, topic, str(arm), seed, dose] = np.array(lost)
