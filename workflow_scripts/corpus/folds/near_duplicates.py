"""Documents that nearly repeat one another."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

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


def near_duplicate_pairs(texts: Sequence[str], threshold: float) -> list[tuple[int, int]]:
    """Find the pairs of documents that nearly repeat one another.

    Candidates come from locality-sensitive hashing of MinHash signatures (128 permutations);
    the estimated Jaccard similarity of the word 5-grams then decides. Hash function, scheme and
    seed of the signatures are fixed, so that the pairs are reproducible and do not depend on the
    other documents.

    Args:
        texts: the documents of one bin.
        threshold: estimated Jaccard similarity from which two documents are near duplicates.

    Returns:
        (later, earlier) places of each pair.
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
    return pairs


def connected(size: int, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """(size,) int label of the connected component of each of ``size`` nodes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(size, size))
    return connected_components(graph, directed=False)[1]
