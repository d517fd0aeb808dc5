"""Correlated maps: two benchmarks score the same documents, and the noise of these is shared.

A document's scores on both benchmarks are the truth of its bin on each plus an effect of its own
whose two values correlate by so much. True maps have topics and formats of their own. What is
counted: pairs of maps without true agreement that the test calls, pairs with some that it calls,
and intervals of the cross-half correlation that hold what it is on average in the law.
"""

from collections.abc import Iterator

import numpy as np

from workflow_scripts.common.streams import stream
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.influence.components import components
from workflow_scripts.influence.correlations import correlation_table
from workflow_scripts.influence.resampling import from_components
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.simulation.tables import LEVEL, SEED, Size
from workflow_scripts.simulation.worlds import Noise, fold_means, folds_of, groups_of

SHARED = (0.0, 0.5, 0.8)
DOCUMENTS = (4, 8, 20)
AGREEMENT = (0.0, 0.3)
# Standard deviation of the true maps, in those of a document; parts that topics, formats and single
# bins have in it.
SPREAD = 0.5
PARTS = np.sqrt([0.3, 0.3, 0.4])
QUESTIONS = Noise(queries=20)


def rates(size: Size) -> list[dict]:
    """Rates of calls and of coverage, by true agreement, documents a bin and shared noise."""
    return [
        row
        for agreement in AGREEMENT
        for documents in DOCUMENTS
        for shared in SHARED
        for row in rates_of(agreement, documents, shared, size)
    ]


def rates_of(agreement: float, documents: int, shared: float, size: Size) -> Iterator[dict]:
    """The two rates of one setting."""
    rng = stream(SEED, "correlated maps", agreement, documents, shared)
    found = [pair_of(rng, agreement, documents, shared, size) for _ in range(size.pairs)]
    called = np.array([row["p_value"] <= LEVEL for row in found])
    target = expected(agreement, documents)
    held = np.array([row["ci_low"] <= target <= row["ci_high"] for row in found])
    setting = {
        "world": "correlated maps",
        "setting": f"true agreement {agreement:g}, {documents} documents a bin, shared document "
        f"noise {shared:g}; Pearson's r {np.mean([row['pearson'] for row in found]):.2f}, "
        f"cross-half {np.mean([row['cross_half'] for row in found]):.2f} on average",
        "maps": size.pairs,
    }
    kind = "null pairs of maps called" if agreement == 0 else "pairs of maps that agree, called"
    nominal = LEVEL if agreement == 0 else None
    yield setting | rate(called) | {"statistic": "p_value", "nominal": nominal, "units": kind}
    yield (
        setting
        | rate(held)
        | {
            "statistic": "interval of cross_half",
            "nominal": 1 - LEVEL,
            "units": "intervals that hold the expected cross-half correlation",
        }
    )


def rate(yes: np.ndarray) -> dict[str, float]:
    """Share of pairs, with its Monte Carlo error."""
    share = float(yes.mean())
    return {"rate": share, "rate_se": float(np.sqrt(share * (1 - share) / len(yes)))}


def pair_of(
    rng: np.random.Generator, agreement: float, documents: int, shared: float, size: Size
) -> dict:
    """The row of the table of correlations for one drawn pair of maps."""
    parts = draw_pair(rng, agreement, documents, shared)
    maps = StudyMaps({name: part.influence for name, part in parts.items()}, parts)
    seed = int(rng.integers(2**31))
    return correlation_table(maps, size.draws, seed, size.splits).row(0, named=True)


def draw_pair(
    rng: np.random.Generator,
    agreement: float,
    documents: int,
    shared: float,
    spread: float = SPREAD,
) -> dict:
    """Two maps of the same documents, in their redrawable form.

    Args:
        rng: generator.
        agreement: correlation of the true maps.
        documents: documents a bin.
        shared: correlation of a document's effects on both benchmarks.
        spread: of the true maps, in standard deviations of a document's effect.
    """
    common, both = own_map(rng), rng.standard_normal((common_bins(), documents))
    parts = {}
    for name in ("a", "b"):
        truth = spread * mixed(agreement, common, own_map(rng))
        effects = mixed(shared, both, rng.standard_normal(both.shape))
        means, counts = fold_means(truth[:, None] + effects, folds_of(documents))
        parts[name] = from_components(
            components(groups_of(means, counts, QUESTIONS, rng)), own=True
        )
    return parts


def common_bins() -> int:
    """Bins of a whole map."""
    return len(TOPICS) * len(FORMATS)


def mixed(share: float, common: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Values that correlate by ``share`` with others of the same common part."""
    return np.sqrt(share) * common + np.sqrt(1 - share) * own


def own_map(rng: np.random.Generator) -> np.ndarray:
    """(576,) a map of variance 1 with topics and formats of its own."""
    shapes = ((len(TOPICS), 1), (1, len(FORMATS)), (len(TOPICS), len(FORMATS)))
    parts = zip(PARTS, shapes, strict=True)
    return sum(part * rng.standard_normal(shape) for part, shape in parts).ravel()


def expected(agreement: float, documents: int, spread: float = SPREAD) -> float:
    """Cross-half correlation in the law: a half map has twice a whole one's document noise."""
    noise = 2 * (1 + QUESTIONS.interaction_sd**2 / QUESTIONS.queries) / documents
    return agreement * spread**2 / (spread**2 + noise)
