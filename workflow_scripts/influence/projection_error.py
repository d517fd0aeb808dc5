"""What the random projection adds to the error of a bin, from several projections of one pass.

Under n independent projections a bin's influence is the mean of n maps. Their variance over
projections, over n, is what the projection adds to its squared error. It goes with the square of
the bin's coherence: the error of a projected inner product is in proportion to the lengths of both
vectors, here the mean rows of the bin and of the questions.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from workflow_scripts.attribution.manifest import projections_of
from workflow_scripts.attribution.query_rows import QueryRows
from workflow_scripts.attribution.sketch import Sketch
from workflow_scripts.influence.between_draws import sampling_variance, variance_over_draws
from workflow_scripts.influence.components import N_BINS, GroupMeans, components
from workflow_scripts.influence.groups import group_means


def of_each_projection(sketch: Sketch, queries: QueryRows) -> Iterator[GroupMeans]:
    """Mean scores of the groups under each projection alone; their mean is that of all.

    Args:
        sketch: sums of document rows, (G, d), whose manifest says how many projections.
        queries: rows of one benchmark, (Q, d).
    """
    projections = projections_of(sketch.manifest)
    width = sketch.sums.shape[1] // projections
    for number in range(projections):
        part = slice(number * width, (number + 1) * width)
        sums = dataclasses.replace(sketch, sums=sketch.sums[:, part])
        rows = dataclasses.replace(queries, rows=queries.rows[:, part])
        groups = group_means(sums, rows, f"groups, projection {number + 1}")
        yield dataclasses.replace(groups, means=projections * groups.means)


def projection_variance(
    sketch: Sketch, queries: QueryRows, groups: GroupMeans, coherence: np.ndarray
) -> np.ndarray:
    """What the projection adds to the squared error of each bin's influence.

    Args:
        sketch: sums of document rows.
        queries: rows of one benchmark.
        groups: the mean scores that the two give.
        coherence: (576,) norm of each bin's mean row.

    Returns:
        (576,) float64, squared units of influence; NaN for a bin without documents, and
        throughout under a single projection, which cannot know.
    """
    projections = projections_of(sketch.manifest)
    if projections == 1:
        return np.full(N_BINS, np.nan)
    deviations, sampling = [], []
    for each in of_each_projection(sketch, queries):
        parts = components(dataclasses.replace(each, means=each.means - groups.means))
        deviations.append(parts.influence)
        sampling.append(sampling_variance(parts))
    variance = variance_over_draws(np.stack(deviations), sampling, coherence**2)
    return variance / projections
