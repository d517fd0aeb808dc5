"""The table of bins of a study whose maps are an existing matrix."""

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.bin_matrix import Matrix
from workflow_scripts.common.tables import polars_schema
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.bin_table import robust_standardise, standardise

TABLE = "influence/bin_influence"


def matrix_bins(matrix: Matrix) -> pl.DataFrame:
    """All 576 bins of every benchmark, with what follows from a single value a bin.

    ``influence`` is the matrix's value, in its unit; z, robust z and rank are made from it.
    Everything that needs documents or questions is null, the errors above all. Documents are
    those that the matrix states (0 for a bin that it does not have), null where it states none.

    Returns:
        Frame with the columns of ``influence/bin_influence``.
    """
    topics, formats = zip(*BINS, strict=True)
    counts = [matrix.counts.get(pair, 0) if matrix.counts else None for pair in BINS]
    columns = polars_schema(TABLE)
    frames = []
    for name in matrix.benchmarks:
        cells = [matrix.values.get(pair, {}).get(name) for pair in BINS]
        values = np.array(cells, dtype=np.float64)  # (576,), NaN where not scored
        known = {
            "benchmark": [name] * len(BINS),
            "topic": topics,
            "format": formats,
            "n_docs": counts,
            "influence": values,
            "z": standardise(values),
            "robust_z": robust_standardise(values),
            "rank": stats.rankdata(-values, "min", nan_policy="omit"),
        }
        frames.append(pl.DataFrame(known))
    frame = pl.concat(frames, how="vertical_relaxed").with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )
    absent = [pl.lit(None, columns[name]).alias(name) for name in columns if name not in frame]
    return frame.with_columns(absent)
