"""Influence of a bin per document, and weighted by its mass in the corpus.

``influence`` is per document: every bin counts alike, however rare its documents. In the corpus
a bin has weight w_b, its share of the documents, so what it adds to an average document is

    mass_b = w_b (influence_b - sum over bins of w influence),

which sums to 0 over the bins: a document drawn from the corpus at random is the zero. Mass counts
documents, not tokens.
"""

import numpy as np
import polars as pl
from scipy import stats

SCHEMA = {
    "benchmark": pl.String,
    "topic": pl.String,
    "format": pl.String,
    "mass_of": pl.String,
    "weight": pl.Float64,
    "influence": pl.Float64,
    "z": pl.Float64,
    "excess": pl.Float64,
    "mass": pl.Float64,
    "mass_se": pl.Float64,
    "mass_share": pl.Float64,
    "rank": pl.Int64,
    "mass_rank": pl.Int64,
}


def weighted_table(bins: pl.DataFrame, weights: pl.DataFrame | None) -> pl.DataFrame:
    """Per-document and mass-weighted maps side by side.

    Args:
        bins: the table ``influence/bin_influence``.
        weights: topic, format, weight (natural mass, any unit) of every bin; None in a study of
            a matrix, where the documents that the matrix states give the mass.

    Returns:
        Frame with the columns of ``influence/weighted``; mass is null where nothing states it.
    """
    mass_of = "natural" if weights is not None else "matrix"
    if weights is None:
        table = bins.with_columns(pl.col("n_docs").cast(pl.Float64).alias("weight"))
    else:
        columns = ["topic", "format", "weight"]
        table = bins.join(weights.select(columns), on=["topic", "format"], how="left")
    frames = [
        _one_map(part, mass_of) for _, part in table.group_by("benchmark", maintain_order=True)
    ]
    return pl.concat(frames)


def _one_map(table: pl.DataFrame, mass_of: str) -> pl.DataFrame:
    """The 576 rows of one benchmark."""
    columns = ("influence", "se_centred", "weight")
    influence, error, weight = (table[c].to_numpy().astype(float) for c in columns)
    weight = np.where(np.isfinite(influence), weight, np.nan)
    weight = weight / np.nansum(weight) if np.nansum(weight) > 0 else np.nan * weight
    excess = influence - np.nansum(weight * influence)
    if np.isnan(weight).all():
        excess = np.full(len(influence), np.nan)
    mass = weight * excess
    size = np.nansum(np.abs(mass))
    frame = table.select("benchmark", "topic", "format", "influence", "z", "rank").with_columns(
        pl.lit(mass_of).alias("mass_of"),
        pl.Series("weight", weight),
        pl.Series("excess", excess),
        pl.Series("mass", mass),
        pl.Series("mass_se", weight * error),
        pl.Series("mass_share", mass / size if size > 0 else np.nan * mass),
        pl.Series("mass_rank", stats.rankdata(-mass, "min", nan_policy="omit")),
    )
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None)).select(list(SCHEMA)).cast(SCHEMA)
