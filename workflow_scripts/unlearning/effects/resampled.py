"""Bootstrap of topics, of seeds within them, and of the questions that all of them are asked."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.unlearning.effects.power import Spreads

# The bootstrap redraws topics: one gives an interval without width, two only three medians.
MIN_INTERVAL = 3


@dataclass(frozen=True)
class TestSettings:
    """Settings of the tests of differences.

    Attributes:
        confidence: coverage of the intervals.
        bootstraps: draws of topics, of seeds within them, and of questions.
        seed: of the draws.
        equivalence: margin of the equivalence test, share of questions.
        spreads: assumed before the run, for the detectable difference.
        power: with which that difference is to be found.
    """

    __test__ = False  # pytest would take the name for a test class

    confidence: float
    bootstraps: int
    seed: int
    equivalence: float
    spreads: Spreads
    power: float


def bootstrap_median(
    values: np.ndarray, topics: list[str], settings: TestSettings, names: list[Any]
) -> tuple[float, float] | tuple[None, None]:
    """Percentile interval of the median topic (a pigeonhole bootstrap: Owen 2007).

    Args:
        values: (B, P) of each pair under each of B = ``settings.bootstraps`` draws of questions.
        topics: topic of each of the P pairs, those of a topic side by side.
        settings: see :class:`TestSettings`.
        names: what the draws of topics depend on beside the seed.

    Returns:
        Its ends; None below ``MIN_INTERVAL`` topics.
    """
    _, starts, n_seeds = np.unique(topics, return_index=True, return_counts=True)
    n, n_draws = len(starts), len(values)
    if n < MIN_INTERVAL:
        return None, None
    rng = stream(settings.seed, "unlearning bootstrap", *names)
    drawn = rng.integers(n, size=(n_draws, n))
    lengths = n_seeds[drawn][:, :, None]  # (B, n, 1)
    seeds = np.floor(rng.random((*drawn.shape, n_seeds.max())) * lengths).astype(int)
    pairs = starts[drawn][:, :, None] + seeds  # (B, n, seeds)
    redrawn = values[np.arange(n_draws)[:, None, None], pairs]
    kept = np.arange(n_seeds.max()) < lengths
    medians = np.median(np.where(kept, redrawn, 0).sum(axis=-1) / lengths[:, :, 0], axis=-1)
    tail = (1 - settings.confidence) / 2
    return float(np.quantile(medians, tail)), float(np.quantile(medians, 1 - tail))
