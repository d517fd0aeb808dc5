"""Topics that support a benchmark, held against the weights that a mixture gave them.

A mixture of pretraining data weighs topics. Whether it weighs up those that support a benchmark
is a correlation over 24 topics at most: small numbers, which the permutation p says.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.streams import stream
from workflow_scripts.common.taxonomy import FORMATS, TOPICS, label_problem

COLUMNS = ("topic", "weight")
LEAST_TOPICS = 3
SCHEMA = {
    "benchmark": pl.String,
    "n_topics": pl.Int64,
    "pearson": pl.Float64,
    "spearman": pl.Float64,
    "p_value": pl.Float64,
    "highest_topic": pl.String,
    "highest_weight": pl.Float64,
}


def read_topic_weights(path: str) -> dict[str, float]:
    """Topic -> weight from a csv with the columns topic and weight.

    Raises:
        DataError: names the file, the row, the value and what is allowed.
    """
    with Path(path).open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise DataError(f"{path} lacks the column {missing[0]!r}; it needs topic and weight")
        weights: dict[str, float] = {}
        for number, row in enumerate(reader, start=2):
            topic, weight = _checked(path, number, row)
            if topic in weights:
                raise DataError(f"{path}, row {number}: topic {topic!r} comes twice")
            weights[topic] = weight
    if len(weights) < LEAST_TOPICS:
        raise DataError(f"{path} has {len(weights)} topics; at least {LEAST_TOPICS} are needed")
    return weights


def _checked(path: str, number: int, row: Mapping[str, str | None]) -> tuple[str, float]:
    topic, text = (row["topic"] or "").strip(), (row["weight"] or "").strip()
    if topic not in TOPICS:
        raise DataError(f"{path}, row {number}: {label_problem(topic, FORMATS[0])}")
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise DataError(f"{path}, row {number}: weight {text!r}; allowed: a number of 0 or more")
    return topic, weight


def mixture_table(
    marginals: pl.DataFrame, weights: Mapping[str, float], permutations: int, seed: int
) -> pl.DataFrame:
    """Correlation of each benchmark's topic marginals with given topic weights.

    Args:
        marginals: the table ``influence/marginals``.
        weights: topic -> weight, in any unit; topics without a weight are left out.
        permutations: dealings of the weights to topics behind the p.
        seed: of the dealings.

    Returns:
        Frame with the columns of ``influence/mixture``. Correlations are null over fewer than
        three topics or where one side does not vary.
    """
    rows = []
    topics = marginals.filter(axis="topic").drop_nulls("z")
    for (name,), part in topics.group_by("benchmark", maintain_order=True):
        z = dict(part.select("topic", "z").iter_rows())
        common = [topic for topic in TOPICS if topic in z and topic in weights]
        x = np.array([z[topic] for topic in common])
        y = np.array([weights[topic] for topic in common])
        row = {"benchmark": name, "n_topics": len(common)}
        if len(common) >= LEAST_TOPICS and np.ptp(x) > 0 and np.ptp(y) > 0:
            highest = common[int(np.argmax(x))]
            row |= {
                "pearson": float(np.corrcoef(x, y)[0, 1]),
                "spearman": float(stats.spearmanr(x, y).statistic),
                "p_value": _permuted_p(x, y, permutations, seed),
                "highest_topic": highest,
                "highest_weight": weights[highest],
            }
        rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)


def _permuted_p(x: np.ndarray, y: np.ndarray, permutations: int, seed: int) -> float:
    """Two-sided p of Spearman's correlation: weights dealt to topics at random."""
    ranks = [stats.rankdata(side) for side in (x, y)]
    rx, ry = ((rank - rank.mean()) / np.sqrt(np.sum((rank - rank.mean()) ** 2)) for rank in ranks)
    rng = stream(seed, "mixture")
    dealt = rng.permuted(np.tile(ry, (permutations, 1)), axis=1) @ rx
    reached = np.sum(np.abs(dealt) >= abs(rx @ ry) - 1e-12)
    return float((1 + reached) / (1 + permutations))
