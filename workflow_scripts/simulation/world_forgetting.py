"""Studies of forgetting without a difference: topics are draws, and so are the questions.

Of ``QUESTIONS`` questions a share ``DISCORDANT`` is answered by one arm alone, the same share for
every topic and seed; which arm it is depends on the topic, and (in worlds of shared questions)
on the question or its task, for all topics alike.
"""

from typing import Any

import numpy as np
from scipy import stats

from workflow_scripts.common.random_streams import stream
from workflow_scripts.simulation.tables import SEED, Size
from workflow_scripts.unlearning.effects.two_way import estimate, share_floor

QUESTIONS, SEEDS, DISCORDANT = 120, 2, 0.6
TOPICS = (2, 4, 6, 12, 24)
# Largest tilt of a topic and of a question or task toward one of the arms, from even odds.
OF_TOPIC, OF_QUESTION = 0.1, 0.35
# Questions that tilt together: none at all, each its own way, ten of a task one way.
WORLDS = {
    "questions without a side": None,
    "questions shared by the topics": 1,
    "tasks of ten questions": 10,
}
LEVEL, MARGIN = 0.05, 0.05
# Studies for each map that the other worlds simulate.
STUDIES = 3
UNITS = "studies"


def draw_study(
    rng: np.random.Generator, topics: int, together: int | None, mean: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """One study's differences in accuracy.

    Args:
        rng: of everything drawn.
        topics: how many are forgotten.
        together: questions that tilt as one; None where none tilts.
        mean: of the difference over all topics and questions there could be.

    Returns:
        (topics, C) mean over seeds on each cluster of questions, (C,) questions of each.
    """
    size = together or 1
    clusters = QUESTIONS // size
    tilt = mean / (2 * DISCORDANT) + rng.uniform(-OF_TOPIC, OF_TOPIC, size=(topics, 1))
    if together:
        tilt = tilt + OF_QUESTION * rng.choice([-1, 1], size=clusters)
    first = np.repeat(np.broadcast_to(0.5 + tilt, (topics, clusters)), size, axis=1)
    shape = (SEEDS, topics, QUESTIONS)
    differs = rng.random(shape) < DISCORDANT
    lost = np.where(differs, np.where(rng.random(shape) < first, 1.0, -1.0), 0.0).mean(axis=0)
    return lost.reshape(topics, clusters, size).mean(axis=2), np.full(clusters, float(size))


def rates(size: Size) -> list[dict[str, Any]]:
    """Error rates of the tests of unlearning, at ``LEVEL``.

    Args:
        size: ``STUDIES`` studies for each of its ``maps``.

    Returns:
        Rows of world, statistic, setting, maps, rate, rate_se, nominal, units.
    """
    count, rows = STUDIES * size.maps, []
    for world, together in WORLDS.items():
        for topics in TOPICS:
            rng = stream(SEED, "forgetting", world, topics)
            found = np.array([_judged(rng, topics, together) for _ in range(count)])
            for statistic, values in zip(STATISTICS, found.T, strict=True):
                if np.isnan(values).any():
                    continue  # ranks of fewer than six topics
                rate = float(values.mean())
                rows.append(
                    {
                        "world": world,
                        "statistic": statistic,
                        "setting": f"{topics} topics",
                        "maps": count,
                        "rate": rate,
                        "rate_se": float(np.sqrt(rate * (1 - rate) / count)),
                        "nominal": None if statistic in COMPARED else LEVEL,
                        "units": UNITS,
                    }
                )
    return rows


STATISTICS = (
    "p of the mean, without a difference",
    "interval of the mean misses it",
    "equivalence, of a difference as large as the margin",
    "t over topics alone, without a difference",
    "p of ranks, without a difference",
)
# Tests that are not made in a study: what goes wrong without the questions' error.
COMPARED = STATISTICS[3:]


def _judged(rng: np.random.Generator, topics: int, together: int | None) -> list[float]:
    """Errors (0 or 1) of each of ``STATISTICS`` in one study; NaN where it is not computed."""
    null, sizes = draw_study(rng, topics, together)
    at_margin, _ = draw_study(rng, topics, together, MARGIN)
    floor = share_floor(QUESTIONS)
    of_null, of_margin = estimate(null, sizes, floor), estimate(at_margin, sizes, floor)
    low, high = of_margin.interval(1 - LEVEL)
    means = null @ (sizes / sizes.sum())
    # By hand: SciPy's test of one sample takes ten times as long.
    t = abs(means.mean()) / max(means.std(ddof=1) / np.sqrt(topics), 1e-12)
    alone = 2 * stats.t.sf(t, topics - 1) < LEVEL
    ranks = stats.wilcoxon(means).pvalue < LEVEL if topics >= 6 and means.any() else np.nan
    return [
        of_null.p_value() < LEVEL,
        not low <= MARGIN <= high,
        of_margin.p_equivalence(MARGIN) < LEVEL,
        alone,
        ranks,
    ]
