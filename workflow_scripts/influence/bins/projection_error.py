"""Error of a bin due to the random projection, from several projections of one pass.

Under n independent projections a bin's influence is the mean of n maps, and their variance over
projections, over n, is what its squared error owes to the projection. It goes with the square of
the bin's coherence: the error of a projected inner product is in proportion to the lengths of both
vectors, here the mean rows of the bin and of the questions. (Measured in the planted study: its
logarithm against that of the coherence has a slope of 1.7 to 2.9.)

Most of that error is another one for every document and question, and so the errors over
documents and questions already contain it; only the rest is to be added to them.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from workflow_scripts.attribution.compatibility import projections_of
from workflow_scripts.attribution.query_rows import QueryRows
from workflow_scripts.attribution.sketch import Sketch
from workflow_scripts.influence.bins.group_scores import group_means
from workflow_scripts.influence.uncertainty.between_draws import (
    sampling_variance,
    variance_over_draws,
)
from workflow_scripts.influence.uncertainty.variance_components import (
    N_BINS,
    GroupMeans,
    components,
)


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
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of each bin's influence due to the projection.

    Args:
        sketch: sums of document rows.
        queries: rows of one benchmark.
        groups: the mean scores that the two give.
        coherence: (576,) norm of each bin's mean row.

    Returns:
        (576,) float64 in all, squared units of influence, and (576,) the part that the errors over
        documents and questions lack. NaN for a bin without documents, and throughout under a
        single projection, which cannot know.
    """
    projections = projections_of(sketch.manifest)
    if projections == 1:
        return np.full(N_BINS, np.nan), np.full(N_BINS, np.nan)
    deviations, sampling = [], []
    for each in of_each_projection(sketch, queries):
        parts = components(dataclasses.replace(each, means=each.means - groups.means))
        deviations.append(parts.influence)
        sampling.append(sampling_variance(parts))
    total, added = variance_over_draws(np.stack(deviations), sampling, coherence**2)
    return total / projections, added / projections
