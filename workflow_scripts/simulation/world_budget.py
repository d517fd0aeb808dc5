"""Coverage of ``se_total`` on maps with errors beyond documents and questions.

To the scores of :func:`workflow_scripts.simulation.worlds.simulate` every projection adds an error
of its own to each bin and to each document. The study's map is the mean over projections. The
errors are in standard deviations of a document's effect.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.between_draws import (
    sampling_variance,
    variance_over_draws,
)
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.variance_components import (
    N_BINS,
    GroupMeans,
    components,
)
from workflow_scripts.simulation.tables import LEVEL, SEED, Size, standard_error
from workflow_scripts.simulation.worlds import SPREAD, folds_of, simulate

DOCUMENTS = 8
# Deviation of the projection's error of a bin and of a document's score, and projections.
SETTINGS = ((0.0, 0.0, 2), (0.0, 1.0, 2), (0.3, 0.0, 2), (0.3, 1.0, 2), (0.3, 1.0, 4))


def rates(size: Size) -> list[dict]:
    """Share of bins whose true influence the interval does not hold, with and without projection.

    Args:
        size: how many maps.

    Returns:
        Rows with world, statistic, setting, maps, rate, rate_se, nominal, units.
    """
    rows = []
    for of_bin, of_document, projections in SETTINGS:
        rng = stream(SEED, "budget", of_bin, of_document, projections)
        missed = np.array(
            [one_map(rng, of_bin, of_document, projections) for _ in range(size.maps)]
        )
        setting = f"projection error {of_bin} a bin, {of_document} a document; n = {projections}"
        for statistic, values in zip(("interval by se", "by se_total"), missed.T, strict=True):
            rows.append(
                {
                    "world": "projection error",
                    "statistic": statistic,
                    "setting": setting,
                    "maps": size.maps,
                    "rate": float(np.mean(values)),
                    "rate_se": standard_error(values),
                    "nominal": LEVEL,
                    "units": "bins whose interval misses the truth",
                }
            )
    return rows


def one_map(
    rng: np.random.Generator, of_bin: float, of_document: float, projections: int
) -> tuple[float, float]:
    """Share of bins that the interval misses, by ``se`` and widened to ``se_total``."""
    base, truth = simulate(rng, law="normal", folds=folds_of(DOCUMENTS), spread=SPREAD)
    each = list(projected(rng, base, of_bin, of_document, projections))
    mean = dataclasses.replace(base, means=np.mean([groups.means for groups in each], axis=0))
    parts = components(mean)
    found = estimate(parts)
    deviations, sampling = [], []
    for groups in each:
        deviation = components(dataclasses.replace(groups, means=groups.means - mean.means))
        deviations.append(deviation.influence)
        sampling.append(sampling_variance(deviation))
    added = variance_over_draws(np.stack(deviations), sampling)[1] / projections
    error, half = np.abs(parts.influence - truth), found.ci_high - parts.influence
    widened = half * np.sqrt(1 + added / found.se**2)
    return float(np.mean(error > half)), float(np.mean(error > widened))


def projected(
    rng: np.random.Generator, base: GroupMeans, of_bin: float, of_document: float, projections: int
) -> Iterator[GroupMeans]:
    """The scores under each projection."""
    for _ in range(projections):
        error = of_bin * rng.standard_normal(N_BINS)[base.bins]
        error += of_document * rng.standard_normal(len(base.bins)) / np.sqrt(base.counts)
        yield dataclasses.replace(base, means=base.means + error[:, None])
