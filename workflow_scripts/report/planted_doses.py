"""Doses of planted bins as figures and tables group them."""

import polars as pl

# The plain world has four doses; where wrong labels make them many, they are grouped in quarters.
MOST_DOSES, STEP = 6, 0.25


def few_doses(bins: pl.DataFrame) -> pl.DataFrame:
    """Bins with their column ``dose`` to the nearest quarter where doses are many."""
    if bins["dose"].n_unique() <= MOST_DOSES:
        return bins
    return bins.with_columns(dose=(pl.col("dose") / STEP).round() * STEP)
