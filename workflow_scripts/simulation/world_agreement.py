"""Correlated maps: two benchmarks score the same documents, and the noise of these is shared.

A document's scores on both benchmarks are the truth of its bin on each plus an effect of its own
whose two values correlate by so much. True maps have topics and formats of their own, or a few
unusual bins, which leave Pearson's r to chance meetings of these. What is counted: pairs of maps
without true agreement that the test calls, pairs with some that it calls, and intervals of the
cross-half correlation that hold what it is on average in the law.
"""

from collections.abc import Iterator

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.influence.agreement.correlations import correlation_table
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.influence.uncertainty.resampling import Resampling, from_components
from workflow_scripts.influence.uncertainty.variance_components import components
from workflow_scripts.simulation.tables import LEVEL, SEED, Size
from workflow_scripts.simulation.worlds import Noise, fold_means, folds_of, groups_of

SHARED = (0.0, 0.5, 0.8)
DOCUMENTS = (4, 8, 20)
PLAIN, UNUSUAL = "topics and formats of their own", "36 unusual bins each"
# Shape of the true maps, their agreement, and documents a bin.
SETTINGS = (
    *((PLAIN, agreement, documents) for agreement in (0.0, 0.3) for documents in DOCUMENTS),
    (UNUSUAL, 0.0, 8),
)
# Standard deviation of the true maps, in those of a document; parts that topics, formats and single
# bins have in it.
SPREAD = 0.5
PARTS = np.sqrt([0.3, 0.3, 0.4])
# Unusual bins, their size, and the deviation of the others, before a map is brought to variance 1.
N_UNUSUAL, SIZE, REST = 36, 3.5, 0.3
QUESTIONS = Noise(queries=20)


def rates(size: Size) -> list[dict]:
    """Rates of calls and of coverage, by true maps, documents a bin and shared noise."""
    return [
        row for setting in SETTINGS for shared in SHARED for row in rates_of(*setting, shared, size)
    ]


def rates_of(
    shape: str, agreement: float, documents: int, shared: float, size: Size
) -> Iterator[dict]:
    """The two rates of one setting."""
    rng = stream(SEED, "correlated maps", shape, agreement, documents, shared)
    found = [
        pair_of(draw_pair(rng, agreement, documents, shared, shape=shape), number, size)
        for number in range(size.pairs)
    ]
    means = {name: np.mean([row[name] for row in found]) for name in ("pearson", "cross_half")}
    setting = {
        "world": f"correlated maps, {shape}",
        "setting": f"true agreement {agreement:g}, {documents} documents a bin, shared document "
        f"noise {shared:g} (on average Pearson {means['pearson']:.2f}, cross-half "
        f"{means['cross_half']:.2f})",
        "maps": size.pairs,
    }
    null = agreement == 0
    target = expected(agreement, documents)
    yield {
        **setting,
        "statistic": "correlations.p_value",
        **rate([row["p_value"] <= LEVEL for row in found]),
        "nominal": LEVEL if null else None,
        "units": "pairs that do not agree, called" if null else "pairs that agree, called",
    }
    yield {
        **setting,
        "statistic": "interval of correlations.cross_half",
        **rate([row["ci_low"] <= target <= row["ci_high"] for row in found]),
        "nominal": 1 - LEVEL,
        "units": "intervals that hold the expected value",
    }


def rate(yes: list[bool]) -> dict[str, float]:
    """Share of pairs, with its Monte Carlo error."""
    share = float(np.mean(yes))
    return {"rate": share, "rate_se": float(np.sqrt(share * (1 - share) / len(yes)))}


def pair_of(parts: dict[str, Resampling], seed: int, size: Size) -> dict:
    """The row of the table of correlations for one drawn pair of maps."""
    maps = StudyMaps({name: part.influence for name, part in parts.items()}, parts)
    return correlation_table(maps, size.draws, seed, size.splits).row(0, named=True)


def draw_pair(
    rng: np.random.Generator,
    agreement: float,
    documents: int,
    shared: float,
    spread: float = SPREAD,
    shape: str = PLAIN,
) -> dict[str, Resampling]:
    """Two maps of the same documents, in their redrawable form.

    Args:
        rng: generator.
        agreement: correlation of the true maps.
        documents: documents a bin.
        shared: correlation of a document's effects on both benchmarks.
        spread: of the true maps, in standard deviations of a document's effect.
        shape: of the true maps.
    """
    common = own_map(rng, shape)
    both = rng.standard_normal((len(common), documents))
    parts = {}
    for name in ("a", "b"):
        truth = spread * mixed(agreement, common, own_map(rng, shape))
        effects = mixed(shared, both, rng.standard_normal(both.shape))
        means, counts = fold_means(truth[:, None] + effects, folds_of(documents))
        groups = groups_of(means, counts, QUESTIONS, rng)
        parts[name] = from_components(components(groups), own=True)
    return parts


def mixed(share: float, common: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Values that correlate by ``share`` with others of the same common part."""
    return np.sqrt(share) * common + np.sqrt(1 - share) * own


def own_map(rng: np.random.Generator, shape: str) -> np.ndarray:
    """(576,) a map of variance 1 in which nothing is another map's."""
    if shape == UNUSUAL:
        values = REST * rng.standard_normal(len(BINS))
        chosen = rng.permutation(len(BINS))[:N_UNUSUAL]
        values[chosen] += SIZE * rng.choice([-1.0, 1.0, 1.0], N_UNUSUAL)
        return values / np.sqrt(REST**2 + SIZE**2 * N_UNUSUAL / len(BINS))
    shapes = ((len(TOPICS), 1), (1, len(FORMATS)), (len(TOPICS), len(FORMATS)))
    parts = zip(PARTS, shapes, strict=True)
    return sum(part * rng.standard_normal(size) for part, size in parts).ravel()


def expected(agreement: float, documents: int, spread: float = SPREAD) -> float:
    """Cross-half correlation in the law: a half map has twice a whole one's document noise."""
    noise = 2 * (1 + QUESTIONS.interaction_sd**2 / QUESTIONS.queries) / documents
    return agreement * spread**2 / (spread**2 + noise)
