"""What each bin holds: sizes, sites, near duplicates, truncation."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.common.words import WORD

SHINGLE_WORDS = 5
PERMUTATIONS = 128


def shingles(text: str) -> list[bytes]:
    """Distinct runs of five words (``common.words``), lower case; a shorter text is one shingle."""
    words = WORD.findall(text.lower())
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    return sorted({" ".join(words[i : i + SHINGLE_WORDS]).encode() for i in range(last)})


@functools.cache
def hash_bands(threshold: float) -> tuple[int, int]:
    """Bands and rows per band of the locality-sensitive hash; slow to find, so once a process.

    A missed pair costs nine times a false candidate, which the similarity removes afterwards.
    """
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, weights=(0.1, 0.9))
    return index.b, index.r


def near_duplicate_groups(texts: Sequence[str], threshold: float) -> np.ndarray:
    """Number the groups of documents that nearly repeat one another.

    Candidates come from locality-sensitive hashing of MinHash signatures (128 permutations);
    the estimated Jaccard similarity of the word 5-grams then decides. Hash function, scheme and
    seed of the signatures are fixed, so the groups are reproducible. Groups are the connected
    components of "nearly repeats".

    Args:
        texts: the documents of one bin.
        threshold: estimated Jaccard similarity from which two documents are near duplicates.

    Returns:
        (n,) int; the group of each document. One that repeats no other has a group of its own.
    """
    from datasketch import MinHash, MinHashLSH
    from datasketch.hashfunc import sha1_hash32

    empty = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=sha1_hash32, scheme="affine32")
    index = MinHashLSH(num_perm=PERMUTATIONS, params=hash_bands(threshold))
    signatures: list[Any] = []
    pairs: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        signature = empty.copy()
        signature.update_batch(shingles(text))
        # Earlier documents only: each pair is compared once.
        pairs += [
            (number, other)
            for other in index.query(signature)
            if signature.jaccard(signatures[other]) >= threshold
        ]
        signatures.append(signature)
        index.insert(number, signature)
    return connected(len(texts), pairs)


def connected(size: int, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """(size,) int label of the connected component of each of ``size`` nodes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def near_duplicate_share(groups: np.ndarray) -> float | None:
    """Share of documents that nearly repeat another one; None with fewer than two documents."""
    if len(groups) < 2:
        return None
    return float(np.mean(np.bincount(groups)[groups] > 1))


def effective_documents(sites: Sequence[str | None], groups: np.ndarray) -> float:
    """How many documents a bin amounts to if alike documents say the same thing.

    Kish (1965), Survey Sampling, section 8.2: n^2 / sum of m_k^2, where m_k is the size of the
    k-th cluster. A cluster holds documents of one site and near duplicates (and what they link).
    It is n when no two documents are alike, and 1 when all are; for a big bin of few, diverse
    sites it is a lower bound.

    Args:
        sites: (n,) site of each document; None is a site of its own.
        groups: (n,) group of near duplicates of each document.
    """
    first: dict[object, int] = {}
    pairs = []
    for number, (site, group) in enumerate(zip(sites, groups.tolist(), strict=True)):
        pairs.append((number, first.setdefault(("group", group), number)))
        if site is not None:
            pairs.append((number, first.setdefault(("site", site), number)))
    sizes = np.bincount(connected(len(groups), pairs)).astype(float)
    return float(len(groups) ** 2 / np.sum(sizes**2))


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
        likeness: topic, format, near_duplicate_share, n_effective.
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
    counts = ("n_available", "n_sampled", "n_too_short", "n_tokens", "n_sites")
    return table.with_columns(pl.col(counts).fill_null(0)).with_columns(
        (pl.col("n_sampled") < documents_per_bin).alias("underfilled"),
        (pl.col("n_available") / pl.col("n_available").sum()).alias("weight"),
    )
