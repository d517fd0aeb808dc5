"""Dose response by question: correlation of its loss with the forgotten documents' influence.

Within one adapter everything is equal but the question: topic, arm, seed, dose and steps are the
same for all. The Spearman correlation over questions between the forget set's influence on a
question and the margin that the question loses can therefore not come from any of them. It may come
from the questions: two columns beside it hold the base margin fixed, and put the forget sets of the
other topics in place of the adapter's own. Documents of low influence support some questions
more than others too, so that a correlation is expected of every arm if influence is right.

The error of a correlation is that of its influence function (Croux and Dehon 2010, Influence
functions of the Spearman and Kendall correlation measures), here with mid-ranks and summed
over the questions that come together; intervals are made on Fisher's scale, with t of one degree
less than there are clusters, and the p value is what the interval says. Pooled over topics, the
topic is the unit and the questions are the same for all:

    V = V_topic + V_question - V_interaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.tables import polars_schema
from workflow_scripts.unlearning.effects.two_way import bounded

# A correlation of fewer questions is no shape, and one of fewer clusters has no error.
FEWEST_QUESTIONS = 8
FEWEST_CLUSTERS = 6
ALL_TOPICS = "all"
SCHEMA = polars_schema("unlearning/dose_response")
# Largest correlation that Fisher's scale is asked for.
LARGEST = 1 - 1e-9


@dataclass(frozen=True)
class Response:
    """The correlation of one adapter on Fisher's scale.

    Attributes:
        z: atanh of Spearman's correlation.
        parts: (C,) what each cluster of questions adds to z; their squares, times
            C / (C - 1), sum to the variance of z.
        n: questions.
        given_margin: the correlation with the base margin held fixed.
        other_topics: the one with the influence of the other topics' forget sets instead.
    """

    z: float
    parts: np.ndarray
    n: int
    given_margin: float | None = None
    other_topics: float | None = None

    @property
    def variance(self) -> float:
        """Squared standard error of z over clusters of questions."""
        return clustered_variance(self.parts)


def clustered_variance(parts: np.ndarray) -> float:
    """C / (C - 1) times the sum of squares of (C,) parts; NaN for a single cluster."""
    count = len(parts)
    return float(count / (count - 1) * np.sum(parts**2)) if count > 1 else np.nan


def spearman_parts(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Spearman's correlation and its empirical influence function.

    Args:
        x: (n,) values that vary.
        y: (n,) values that vary.

    Returns:
        r, and (n,) influences of the observations on r, of mean 0 up to rounding; the sum of
        their squares over n^2 is the variance of r.
    """
    f, g = ((stats.rankdata(values) - 0.5) / len(values) for values in (x, y))
    above_x, above_y = _AtLeast(x), _AtLeast(y)
    xy, xx, yy = (float(np.mean(product)) for product in (f * g, f * f, g * g))
    # Of the mean of a product of ranks: the observation itself, and the ranks that it moves.
    of_xy = f * g + above_x.mean(g) + above_y.mean(f) - 3 * xy
    of_xx = f * f + 2 * above_x.mean(f) - 3 * xx
    of_yy = g * g + 2 * above_y.mean(g) - 3 * yy
    covariance, var_x, var_y = xy - 0.25, xx - 0.25, yy - 0.25
    r = covariance / np.sqrt(var_x * var_y)
    influence = of_xy / np.sqrt(var_x * var_y) - r / 2 * (of_xx / var_x + of_yy / var_y)
    return float(r), influence - influence.mean()


class _AtLeast:
    """Means over the observations at or above each one, equal ones counting half."""

    def __init__(self, values: np.ndarray) -> None:
        self.code = stats.rankdata(values, "dense").astype(int) - 1

    def mean(self, weights: np.ndarray) -> np.ndarray:
        """(n,) mean over all observations of their weight where they lie at or above each."""
        sums = np.bincount(self.code, weights)
        above = np.cumsum(sums[::-1])[::-1] - sums / 2
        return above[self.code] / len(weights)


def respond(
    influence: np.ndarray,
    lost: np.ndarray,
    clusters: np.ndarray,
    margin: np.ndarray | None = None,
    others: Sequence[np.ndarray] = (),
) -> Response:
    """Correlate influence and lost margin over questions.

    Args:
        influence: (Q,) influence of the forget set on each question.
        lost: (Q,) margin that each question loses; positive = worse than before.
        clusters: (Q,) int, 0 to C - 1: questions that come together.
        margin: (Q,) base margins.
        others: (Q,) influence of the other topics' forget sets.
    """
    r, influences = spearman_parts(influence, lost)
    r = float(np.clip(r, -LARGEST, LARGEST))
    parts = np.bincount(clusters, influences) / len(lost) / (1 - r**2)
    given = None if margin is None else partial_spearman(influence, lost, margin)
    other = mean_spearman(others, lost)
    return Response(float(np.arctanh(r)), parts, len(lost), given, other)


def partial_spearman(x: np.ndarray, y: np.ndarray, given: np.ndarray) -> float | None:
    """Spearman's correlation of x and y where ``given`` is held fixed; None where it decides one.

    Args:
        x: (n,) values that vary.
        y: (n,) values that vary.
        given: (n,) values; None is the answer where they do not vary.
    """
    if np.ptp(given) == 0:
        return None
    table = np.corrcoef([stats.rankdata(values) for values in (x, y, given)])
    xy, xg, yg = table[0, 1], table[0, 2], table[1, 2]
    left = (1 - xg**2) * (1 - yg**2)
    return float((xy - xg * yg) / np.sqrt(left)) if left > 1e-12 else None


def mean_spearman(others: Sequence[np.ndarray], y: np.ndarray) -> float | None:
    """Mean on Fisher's scale of the correlations of several (n,) x with y; None without any."""
    found = [
        np.clip(stats.spearmanr(x, y).statistic, -LARGEST, LARGEST) for x in others if np.ptp(x) > 0
    ]
    return float(np.tanh(np.mean(np.arctanh(found)))) if found else None


def problem(influence: np.ndarray, lost: np.ndarray) -> str:
    """Reason why there is no correlation; empty where there is one."""
    if len(lost) < FEWEST_QUESTIONS:
        return f"{len(lost)} questions, fewer than {FEWEST_QUESTIONS}"
    if np.ptp(lost) == 0:
        return "every question loses the same margin"
    if np.ptp(influence) == 0:
        return "the forgotten documents support every question alike"
    return ""


def judged(z: float, variance: float, df: float, confidence: float) -> dict[str, float | None]:
    """Correlation, interval and p from Fisher's scale; None where there is no error."""
    row: dict[str, float | None] = {"spearman": float(np.tanh(z))}
    if not (np.isfinite(variance) and variance > 0 and df >= 1):
        return row | {"ci_low": None, "ci_high": None, "p_value": None}
    error = np.sqrt(variance)
    reach = stats.t.ppf((1 + confidence) / 2, df) * error
    ends = {"ci_low": float(np.tanh(z - reach)), "ci_high": float(np.tanh(z + reach))}
    return row | ends | {"p_value": float(2 * stats.t.sf(abs(z) / error, df))}


def adapter_row(response: Response, confidence: float) -> dict[str, Any]:
    """Columns of the table of one adapter."""
    count = len(response.parts)
    row = {"n_questions": response.n, "n_clusters": count, "n_topics": 1}
    row |= {"given_margin": response.given_margin, "other_topics": response.other_topics}
    if count < FEWEST_CLUSTERS:
        reason = f"{count} clusters of questions, fewer than {FEWEST_CLUSTERS}: no interval"
        return row | {"spearman": float(np.tanh(response.z)), "reason": reason}
    return row | judged(response.z, response.variance, count - 1, confidence)


def pooled_row(by_topic: Sequence[Sequence[Response]], confidence: float) -> dict[str, Any]:
    """Columns of the mean over topics, the seeds of a topic averaged first.

    Args:
        by_topic: responses of each topic's seeds, all on the same clusters of questions.
        confidence: of the interval.
    """
    z = np.array([np.mean([one.z for one in seeds]) for seeds in by_topic])
    parts = np.stack([np.mean([one.parts for one in seeds], axis=0) for seeds in by_topic])
    topics, clusters = parts.shape
    row = {"n_questions": by_topic[0][0].n, "n_clusters": clusters, "n_topics": topics}
    row |= {name: _mean_beside(by_topic, name) for name in ("given_margin", "other_topics")}
    if topics < 2:
        reason = "1 topic: no interval over topics"
        return row | {"spearman": float(np.tanh(z.mean())), "reason": reason}
    of_topics = float(z.var(ddof=1)) / topics
    of_questions = clustered_variance(parts.mean(axis=0))
    shared = sum(map(clustered_variance, parts)) / topics**2
    # Variance that questions add to the scatter of the topics; no less than either part.
    added = max(of_questions - shared, of_questions - of_topics, 0.0)
    variance = of_topics + added
    spread = of_topics**2 / (topics - 1) + added**2 / (clusters - 1)
    df = variance**2 / spread if spread > 0 else 0
    return row | judged(float(z.mean()), variance, bounded(df, topics), confidence)


def _mean_beside(by_topic: Sequence[Sequence[Response]], name: str) -> float | None:
    """Mean over topics of a column beside the correlation; None where a seed lacks it."""
    values = [[getattr(one, name) for one in seeds] for seeds in by_topic]
    if any(value is None for seeds in values for value in seeds):
        return None
    z = [np.mean(np.arctanh(np.clip(seeds, -LARGEST, LARGEST))) for seeds in values]
    return float(np.tanh(np.mean(z)))


def margins_of(
    evaluation: pl.DataFrame, query_ids: Sequence[str]
) -> tuple[np.ndarray, dict[tuple, np.ndarray]]:
    """Base margin of every question, and what it loses under each adapter.

    Args:
        evaluation: a table ``unlearning/evaluation``.
        query_ids: order of the questions.

    Returns:
        (Q,) float64; and (arm, seed, dose) -> (Q,) float64, base minus unlearned.
    """
    order = pl.DataFrame({"query_id": list(query_ids)})
    margins = {
        key: order.join(rows, on="query_id", how="left", maintain_order="left")["margin"].to_numpy()
        for key, rows in evaluation.group_by("arm", "seed", "dose")
    }
    (base,) = (value for (arm, *_), value in margins.items() if arm == "base")
    return base, {key: base - value for key, value in margins.items() if key[0] != "base"}


def pooled_table(
    keys: Sequence[dict[str, Any]], responses: Sequence[Response | None], confidence: float
) -> list[dict[str, Any]]:
    """Rows over topics of every target, evaluated benchmark, arm and dose with a response.

    Args:
        keys: target, evaluated, topic, arm, seed, dose of each adapter.
        responses: the correlation of each; None where it is undefined.
        confidence: of the intervals.
    """
    groups: dict[tuple, dict[str, list[Response]]] = {}
    for key, response in zip(keys, responses, strict=True):
        if response is not None:
            cell = tuple(key[name] for name in ("target", "evaluated", "arm", "dose"))
            groups.setdefault(cell, {}).setdefault(key["topic"], []).append(response)
    return [
        {
            **dict(zip(("target", "evaluated", "arm", "dose"), cell, strict=True)),
            "topic": ALL_TOPICS,
            "seed": None,
            **pooled_row(list(topics.values()), confidence),
        }
        for cell, topics in groups.items()
    ]
