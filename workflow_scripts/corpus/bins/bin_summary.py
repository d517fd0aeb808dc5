"""Summary of each bin: sizes, sites, near duplicates, truncation."""

import numpy as np
import polars as pl

from workflow_scripts.common.taxonomy import BINS


def near_duplicate_share(groups: np.ndarray) -> float | None:
    """Share of documents that nearly repeat another one; None with fewer than two documents."""
    if len(groups) < 2:
        return None
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return float(np.mean(sizes[place] > 1))


def effective_documents(components: np.ndarray) -> float:
    """Effective sample size of a bin: its number of documents, less what alike ones repeat.

    Kish (1965), Survey Sampling, section 8.2: n^2 / sum of m_k^2, where m_k is the size of the
    k-th component: documents of one site and near duplicates, and what they link. It is n when no
    two documents are alike, and 1 when all are; for a big bin of few, diverse sites it is a lower
    bound.

    Args:
        components: (n,) component of each document.
    """
    sizes = np.unique(components, return_counts=True)[1].astype(float)
    return float(len(components) ** 2 / np.sum(sizes**2))


def summarise(
    available: pl.DataFrame,
    documents: pl.DataFrame,
    left_out: pl.DataFrame,
    tokens: pl.DataFrame,
    likeness: pl.DataFrame,
    documents_per_bin: int,
) -> pl.DataFrame:
    """One row per bin of the taxonomy.

    Counts of a bin without documents are 0; shares of it are null.

    Args:
        available: topic, format, n_available; bins with documents.
        documents: doc_id, topic, format, url_domain of the working set, as it is attributed.
        left_out: topic, format of drawn documents with nothing to predict.
        tokens: topic, format, n_tokens, n_tokens_full of each document of the working set.
        likeness: topic, format, n_components, near_duplicate_share, n_effective.
        documents_per_bin: documents asked of each bin.

    Returns:
        576 rows with the columns of the table ``corpus/bin_summary``.
    """
    key = ["topic", "format"]
    bins = pl.DataFrame(BINS, schema={"topic": pl.String, "format": pl.String}, orient="row")
    # A document without a site counts as one of its own, as it does in the folds.
    unknown = pl.col("url_domain").is_null()
    sizes = documents.group_by(key).agg(
        pl.len().alias("n_sampled"),
        (pl.col("url_domain").drop_nulls().n_unique() + unknown.sum()).alias("n_sites"),
    )
    by_site = documents.group_by(*key, "url_domain").len("count")
    by_site = by_site.with_columns(
        pl.when(pl.col("url_domain").is_null()).then(1).otherwise("count").alias("largest"),
    )
    largest = by_site.group_by(key).agg(
        (pl.col("largest").max() / pl.col("count").sum()).alias("largest_site_share")
    )
    lengths = tokens.group_by(key).agg(
        pl.col("n_tokens").sum(),
        (pl.col("n_tokens_full") > pl.col("n_tokens")).mean().alias("share_truncated"),
    )
    too_short = left_out.group_by(key).agg(pl.len().alias("n_too_short"))
    table = bins
    for part in (available, sizes, too_short, lengths, largest, likeness):
        table = table.join(part, on=key, how="left")
    counts = ("n_available", "n_sampled", "n_too_short", "n_tokens", "n_sites", "n_components")
    return table.with_columns(pl.col(counts).fill_null(0)).with_columns(
        (pl.col("n_sampled") < documents_per_bin).alias("underfilled"),
        (pl.col("n_available") / pl.col("n_available").sum()).alias("weight"),
    )
