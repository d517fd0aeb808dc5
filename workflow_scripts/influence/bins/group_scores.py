"""From sketches and query rows to the mean scores of groups, and to coherence."""

import numpy as np

from workflow_scripts.attribution.query_rows import QueryRows
from workflow_scripts.attribution.sketch import Sketch
from workflow_scripts.benchmarks.question_clusters import question_clusters
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.progress import Progress
from workflow_scripts.influence.uncertainty.variance_components import N_BINS, GroupMeans

GROUP_CHUNK = 512
QUERY_CHUNK = 256


def group_means(sketch: Sketch, queries: QueryRows, what: str = "groups") -> GroupMeans:
    """Mean score of each (bin, fold) group on each query: sum of rows . query row / count.

    Exact, since the score is linear in the document's row. Products and sums are float64 and
    go in blocks, so that memory stays bounded whatever the number of queries. Groups of the
    same bin and fold, from several shards, become one.

    Args:
        sketch: sums of document rows, (G, d).
        queries: rows of one benchmark, (Q, d), of the same variant.
        what: the groups as the log names them, where a job scores several maps.

    Returns:
        Groups ascending by (bin, fold).

    Raises:
        IntegrityError: the rows have different lengths.
    """
    width, query_width = sketch.sums.shape[1], queries.rows.shape[1]
    if width != query_width:
        raise IntegrityError(
            f"sketch rows have {width} entries, query rows {query_width}; one of them was made "
            "with another projection: delete it and run again"
        )
    pairs = np.stack([sketch.bins, sketch.folds], axis=1)
    keys, place = np.unique(pairs, axis=0, return_inverse=True)
    place = place.reshape(-1)
    counts = np.zeros(len(keys), dtype=np.int64)
    np.add.at(counts, place, sketch.counts)
    totals = np.zeros((len(keys), len(queries.rows)))
    progress = Progress(len(place), what)
    for first in range(0, len(place), GROUP_CHUNK):
        groups = slice(first, first + GROUP_CHUNK)
        sums = sketch.sums[groups].astype(np.float64)  # (chunk, d)
        for start in range(0, len(queries.rows), QUERY_CHUNK):
            columns = slice(start, start + QUERY_CHUNK)
            block = sums @ queries.rows[columns].astype(np.float64).T  # (chunk, queries)
            # add.at, for a group may come twice within the chunk.
            np.add.at(totals[:, columns], place[groups], block)
        progress.advance(len(sums))
    return GroupMeans(
        keys[:, 0],
        keys[:, 1],
        counts,
        totals / counts[:, None],
        question_clusters(queries.tasks, queries.passages) if queries.tasks else None,
    )


def coherence(sketch: Sketch) -> np.ndarray:
    """Norm of each bin's mean row, (576,) float64, NaN for a bin without documents.

    For unit rows it lies in [0, 1]; 1 means that all documents point the same way, a sign of
    near-duplicates. With n unrelated documents it is about 1 / sqrt(n).
    """
    norms = np.full(N_BINS, np.nan)
    for index in np.unique(sketch.bins):
        rows = sketch.bins == index
        total = sketch.sums[rows].sum(axis=0, dtype=np.float64)
        norms[index] = np.linalg.norm(total) / sketch.counts[rows].sum()
    return norms
