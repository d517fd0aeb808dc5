"""Topics that support a benchmark, held against the weights that a mixture gave them.

A mixture of pretraining data weighs topics. Whether it weighs up those that support a benchmark
is a correlation over 24 topics at most: small numbers, which the permutation p says.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import TOPICS
from workflow_scripts.influence.maps.topic_weights import LEAST_TOPICS

SCHEMA = {
    "benchmark": pl.String,
    "n_topics": pl.Int64,
    "pearson": pl.Float64,
    "spearman": pl.Float64,
    "p_value": pl.Float64,
    "highest_topic": pl.String,
    "highest_weight": pl.Float64,
}


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
    """Two-sided p of Spearman's correlation under random permutation of the weights."""
    ranks = [stats.rankdata(side) for side in (x, y)]
    rx, ry = ((rank - rank.mean()) / np.sqrt(np.sum((rank - rank.mean()) ** 2)) for rank in ranks)
    rng = stream(seed, "mixture")
    dealt = rng.permuted(np.tile(ry, (permutations, 1)), axis=1) @ rx
    reached = np.sum(np.abs(dealt) >= abs(rx @ ry) - 1e-12)
    return float((1 + reached) / (1 + permutations))
