"""Tests of a mean difference over topics, all of which are asked the same questions.

D[t, q] is the difference of topic t on question q (or on a cluster of questions that come
together, with w_q its share of the questions), Y_t the topic's mean, T_q the question's mean over
topics, D the whole mean. Topics and questions are both draws, crossed, so that the variance of D
is (two-way clustering: Cameron, Gelbach and Miller 2011, equation 2.10)

    V = V_topic + V_question - V_interaction,
    V_topic       = sum_t (Y_t - D)^2 / (T (T - 1)),
    V_question    = sum_q u_q (T_q - D)^2,
    V_interaction = sum_tq u_q (D[t, q] - Y_t - T_q + D)^2 / (T (T - 1)),
    u_q           = (C - 1) / C (w_q / (1 - w_q))^2,

at least the larger of the first two (delete-one weights: Cameron and Miller 2015, CR3). A t over
topics alone takes the questions as given: what all topics share of them moves every topic alike
and shows in no difference between topics.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

# Topics from which degrees of freedom are those of the sum (Satterthwaite 1946) alone.
FEW = 6


@dataclass(frozen=True)
class Estimate:
    """A mean difference and its error.

    Attributes:
        mean: over topics and questions.
        v_topic: variance over topics, that over questions included once.
        v_question: variance over questions.
        variance: of the mean.
        df: degrees of freedom of ``variance``.
    """

    mean: float
    v_topic: float
    v_question: float
    variance: float
    df: float

    def interval(self, confidence: float) -> tuple[float, float]:
        """Interval of the mean by t."""
        reach = float(stats.t.ppf((1 + confidence) / 2, self.df)) * math.sqrt(self.variance)
        return self.mean - reach, self.mean + reach

    def p_value(self) -> float:
        """Two-sided p of a mean of zero."""
        return float(2 * stats.t.sf(abs(self.mean) / math.sqrt(self.variance), self.df))

    def p_equivalence(self, margin: float) -> float:
        """P of two one-sided t-tests: small where the mean lies within plus or minus ``margin``."""
        error = math.sqrt(self.variance)
        below = stats.t.sf((margin - self.mean) / error, self.df)
        above = stats.t.sf((self.mean + margin) / error, self.df)
        return float(max(below, above))


def share_floor(n_questions: int) -> float:
    """Least variance over questions of a difference of accuracies, also where no answer differs.

    Two proportions of one sample are given two answers that differ, one each way, and two that do
    not (Bonett and Price 2012, doi 10.3102/1076998611411915): 2 / (n + 2)^2.
    """
    return 2 / (n_questions + 2) ** 2


def estimate(differences: np.ndarray, sizes: np.ndarray, floor: float = 0.0) -> Estimate | None:
    """The mean difference with its error over topics and questions.

    Args:
        differences: (T, C) mean difference of each topic on each cluster of questions.
        sizes: (C,) questions of each cluster.
        floor: least ``v_question``.

    Returns:
        None with fewer than two topics, or where all differences agree and ``floor`` is 0.
    """
    n, n_clusters = differences.shape
    if n < 2:
        return None
    weights = sizes / sizes.sum()
    topic_means, question_means = differences @ weights, differences.mean(axis=0)
    mean = float(topic_means.mean())
    v_topic = float(_squares(topic_means - mean).sum()) / (n * (n - 1))
    v_question = v_interaction = 0.0
    if n_clusters > 1:
        leave_out = (n_clusters - 1) / n_clusters * (weights / (1 - weights)) ** 2
        v_question = float(leave_out @ _squares(question_means - mean))
        residual = differences - topic_means[:, None] - question_means + mean
        v_interaction = float((leave_out * _squares(residual)).sum()) / (n * (n - 1))
    v_question = max(v_question, floor)
    variance = max(v_topic + v_question - v_interaction, v_topic, v_question)
    if variance <= 0:
        return None
    by_question = variance - v_topic
    spread = v_topic**2 / (n - 1) + by_question**2 / max(n_clusters - 1, 1)
    return Estimate(mean, v_topic, v_question, variance, bounded(variance**2 / spread, n))


def bounded(df: float, n_topics: int) -> float:
    """Degrees of freedom, at most those of the topics where these are few."""
    return min(df, n_topics - 1) if n_topics < FEW else df


def _squares(values: np.ndarray) -> np.ndarray:
    """Squares; zeros for values that differ from zero by rounding alone."""
    return np.square(values) if np.abs(values).max() > 1e-12 else np.zeros_like(values)
