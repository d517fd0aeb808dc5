"""What each bin holds: sizes, sites, near duplicates, truncation."""

import functools
import re
from collections.abc import Sequence

import polars as pl

from workflow_scripts.common.taxonomy import BINS

SHINGLE_WORDS = 5
PERMUTATIONS = 128
_WORD = re.compile(r"\w+")


def shingles(text: str) -> list[bytes]:
    """Distinct runs of five words, lower case; a shorter text is one shingle."""
    words = _WORD.findall(text.lower())
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


def near_duplicate_share(texts: Sequence[str], threshold: float) -> float | None:
    """Share of documents that nearly repeat another document of the same bin.

    Candidates come from locality-sensitive hashing of MinHash signatures (128 permutations);
    the estimated Jaccard similarity of the word 5-grams then decides. Hash function, scheme and
    seed of the signatures are fixed, so the share is reproducible.

    Args:
        texts: the documents of one bin.
        threshold: estimated Jaccard similarity from which two documents are near duplicates.

    Returns:
        Share in [0, 1]; None with fewer than two documents, where there is nothing to repeat.
    """
    from datasketch import MinHash, MinHashLSH
    from datasketch.hashfunc import sha1_hash32

    if len(texts) < 2:
        return None
    empty = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=sha1_hash32, scheme="affine32")
    index = MinHashLSH(num_perm=PERMUTATIONS, params=hash_bands(threshold))
    signatures = []
    for number, text in enumerate(texts):
        signature = empty.copy()
        signature.update_batch(shingles(text))
        signatures.append(signature)
        index.insert(number, signature)
    found = sum(
        any(
            other != number and signature.jaccard(signatures[other]) >= threshold
            for other in index.query(signature)
        )
        for number, signature in enumerate(signatures)
    )
    return found / len(texts)


def summarise(
    available: pl.DataFrame,
    documents: pl.DataFrame,
    tokens: pl.DataFrame,
    near_duplicates: pl.DataFrame,
    documents_per_bin: int,
) -> pl.DataFrame:
    """One row per bin of the taxonomy.

    Counts of a bin without documents are 0; shares of it are null.

    Args:
        available: topic, format, n_available; bins with documents.
        documents: doc_id, topic, format, url_domain of the working set.
        tokens: topic, format, n_tokens, n_tokens_full of each document of the working set.
        near_duplicates: topic, format, near_duplicate_share.
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
    lengths = tokens.group_by(key).agg(
        pl.col("n_tokens").sum(),
        (pl.col("n_tokens_full") > pl.col("n_tokens")).mean().alias("share_truncated"),
    )
    table = bins
    for part in (available, sizes, lengths, near_duplicates):
        table = table.join(part, on=key, how="left")
    counts = ("n_available", "n_sampled", "n_tokens", "n_sites")
    return table.with_columns(pl.col(counts).fill_null(0)).with_columns(
        (pl.col("n_sampled") < documents_per_bin).alias("underfilled"),
        (pl.col("n_available") / pl.col("n_available").sum()).alias("weight"),
    )
