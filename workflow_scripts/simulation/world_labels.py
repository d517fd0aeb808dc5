"""A world in which labels are wrong: documents are in bins that they do not belong to.

A share of all documents is exchanged among bins at random, as a classifier's errors without
direction would. What a bin is then judged by is the mean of the documents that carry its label:
(1 - share) of its own mean and the rest of the mean of all.
"""

from dataclasses import dataclass

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.variance_components import components
from workflow_scripts.simulation.tables import LEVEL, SEED, Size, standard_error
from workflow_scripts.simulation.worlds import (
    Noise,
    draw_documents,
    fold_means,
    folds_of,
    groups_of,
)

SHARES = (0.0, 0.1, 0.2)
DOCUMENTS = 20
PLANTED = ("support", "contradiction")


@dataclass(frozen=True)
class Found:
    """Results of one map, each (576,).

    ``called`` at 5%; ``held``, true if the interval holds the labelled bin's mean; role and dose.
    """

    called: np.ndarray
    held: np.ndarray
    role: np.ndarray
    dose: np.ndarray

    def share(self, values: np.ndarray, role: str, dose: float = 0.0) -> float:
        """Mean of ``values`` over the bins of a role and, where one is given, a dose."""
        chosen = (self.role == role) & ((self.dose == dose) | (dose == 0))
        return float(values[chosen].mean())


def exchange(values: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """(B, n) values of which a share has been exchanged at random over all bins."""
    wrong = rng.random(values.shape) < share
    exchanged = values.copy()
    exchanged[wrong] = rng.permutation(values[wrong])
    return exchanged


def find(rng: np.random.Generator, kind: str, share: float) -> Found:
    """Draw one map with wrong labels and judge it."""
    values, truth, role, dose = draw_documents(rng, kind, DOCUMENTS)
    means, counts = fold_means(exchange(values, share, rng), folds_of(DOCUMENTS))
    found = estimate(components(groups_of(means, counts, Noise(), rng)))
    labelled = (1 - share) * truth + share * truth.mean()
    held = (found.ci_low <= labelled) & (labelled <= found.ci_high)
    return Found(adjust(found.p_unusual) < LEVEL, held, role, dose)


def rates(size: Size) -> list[dict]:
    """False calls, power and coverage by the share of wrong labels; 20 documents a bin."""
    return [row for share in SHARES for row in share_rates(share, size.maps)]


def share_rates(share: float, maps: int) -> list[dict]:
    """The rows of one share."""
    rng = stream(SEED, "labels", share)
    null = [find(rng, "null", share) for _ in range(maps)]
    planted = [find(rng, "planted", share) for _ in range(maps)]
    setting = f"{share:.0%} of labels wrong, {DOCUMENTS} documents"
    measured = {
        ("false calls", "null maps with a call", LEVEL): [m.called.any() for m in null],
        ("false discoveries", "share of the calls that are ordinary bins", LEVEL): [
            np.sum(m.called & ~np.isin(m.role, PLANTED)) / max(1, m.called.sum()) for m in planted
        ],
        ("power", "support bins of full dose called", None): [
            m.share(m.called, "support", 1.0) for m in planted
        ],
        ("coverage, ordinary", "intervals that hold the labelled bin's mean", 1 - LEVEL): [
            m.share(m.held, "ordinary") for m in planted
        ],
        ("coverage, support", "intervals that hold the labelled bin's mean", 1 - LEVEL): [
            m.share(m.held, "support") for m in planted
        ],
    }
    return [
        {
            "world": "labels",
            "statistic": statistic,
            "setting": setting,
            "maps": maps,
            "rate": float(np.mean(values)),
            "rate_se": standard_error(np.array(values, dtype=float)),
            "nominal": nominal,
            "units": units,
        }
        for (statistic, units, nominal), values in measured.items()
    ]
