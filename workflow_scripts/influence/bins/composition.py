"""Composition of a bin: sites, near-duplicates and effective sample size."""

import os
from dataclasses import dataclass

import numpy as np
import polars as pl

from workflow_scripts.common.tables import read_table
from workflow_scripts.common.taxonomy import BINS

# More than half of a bin from one site, or near duplicates: its mean speaks of them.
DOMINATED = 0.5


@dataclass(frozen=True)
class Makeup:
    """Sites and likeness of the documents of each bin, in the order of ``BINS``.

    Attributes:
        n_sites: (576,) float; sites, NaN where unknown.
        n_components: (576,) float; components of documents of one site, or near duplicates; NaN
            where unknown.
        n_effective: (576,) float; documents the bin amounts to if those of one site, or near
            duplicates, say the same thing; NaN where unknown or empty.
        dominated: (576,) float; 1 where more than half of the documents are of one site or are
            near duplicates, else 0; NaN where unknown or empty.
        share_drawn: (576,) float; drawn documents over those of the corpus; NaN where unknown or
            empty.
    """

    n_sites: np.ndarray
    n_components: np.ndarray
    n_effective: np.ndarray
    dominated: np.ndarray
    share_drawn: np.ndarray

    @classmethod
    def of_sites(cls, n_sites: np.ndarray) -> "Makeup":
        """The makeup where only the number of sites is known."""
        nothing = np.full(len(BINS), np.nan)
        return cls(np.asarray(n_sites, dtype=float), nothing, nothing, nothing, nothing)


def read_makeup(path: str | os.PathLike) -> Makeup:
    """Read the makeup from a table ``corpus/bin_summary``."""
    shares = ["largest_site_share", "near_duplicate_share"]
    counts = ["n_available", "n_sampled", "n_too_short", "n_sites", "n_components"]
    columns = ["topic", "format", *counts, "n_effective", *shares]
    bins = pl.DataFrame(BINS, schema=["topic", "format"], orient="row")
    frame = bins.join(
        read_table(path, "corpus/bin_summary", columns),
        on=["topic", "format"],
        how="left",
        maintain_order="left",
    ).with_columns(
        dominated=pl.max_horizontal(shares) > DOMINATED,
        share_drawn=pl.when(pl.col("n_available") > 0).then(
            (pl.col("n_sampled") + pl.col("n_too_short")) / pl.col("n_available")
        ),
    )
    names = ("n_sites", "n_components", "n_effective", "dominated", "share_drawn")
    return Makeup(*(frame[name].cast(pl.Float64).to_numpy().copy() for name in names))
