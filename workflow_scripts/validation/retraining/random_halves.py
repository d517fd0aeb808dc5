"""Random halves of the bins, on which small models are trained again."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stream


def draw_half(n_bins: int, number: int, seed: int) -> np.ndarray:
    """Draw the bins of one random half.

    Each half is a draw of its own, so that asking for more of them changes none that are there.

    Args:
        n_bins: bins to choose from; of an odd number the smaller half is taken.
        number: which half, from 0.
        seed: of all halves.

    Returns:
        (n_bins,) bool, true for ``n_bins // 2`` bins.

    Raises:
        ValueError: fewer than two bins.
    """
    if n_bins < 2:
        raise ValueError(f"n_bins is {n_bins}; allowed: 2 or more, since a half must hold a bin")
    inside = np.zeros(n_bins, dtype=bool)
    inside[stream(seed, "half of the bins", number).permutation(n_bins)[: n_bins // 2]] = True
    return inside


def halves_of(corpus: pl.DataFrame, numbers: Sequence[int], seed: int) -> pl.DataFrame:
    """The bins of some halves of a working set.

    Args:
        corpus: topic and format of every document; bins without documents take no part.
        numbers: of the halves.
        seed: of all halves.

    Returns:
        The table ``validation/retraining_halves``: half, topic, format, n_docs.

    Raises:
        DataError: the working set has fewer than two bins.
    """
    bins = corpus.group_by("topic", "format").agg(n_docs=pl.len().cast(pl.Int64))
    bins = bins.sort("topic", "format")
    if bins.height < 2:
        raise DataError(
            f"the working set has documents in {bins.height} bin(s); half of the bins needs two"
        )
    return pl.concat(
        bins.filter(draw_half(bins.height, number, seed)).select(
            pl.lit(number, dtype=pl.Int64).alias("half"), "topic", "format", "n_docs"
        )
        for number in numbers
    )
