"""Verbatim questions in documents: n-grams of questions found in texts.

Words are runs of letters and digits after Unicode NFKC and lower case, in scripts without blanks
single characters (``common.words``); case, punctuation and spacing never count. A question is its
prompt followed by its right answer. A document holds it where any n consecutive words of the
question appear in the document in a row; a question shorter than n words, where all of it does.
Questions below ``FEWEST_WORDS`` words cannot be looked for.

Only the n-grams of the questions are kept, as 64-bit hashes; documents stream past them, so that
memory depends on the questions and one batch of documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from workflow_scripts.common.config.cross_checks import FEWEST_WORDS
from workflow_scripts.common.random_streams import stable_hash
from workflow_scripts.common.words import POLARS_WORD

# An odd multiplier spreads the words of an n-gram over 64 bits (Knuth's golden ratio).
BASE = np.uint64(0x9E3779B97F4A7C15)


def split_words(texts: Sequence[str]) -> pl.Series:
    """List of normalised words of each text."""
    series = pl.Series("words", texts, dtype=pl.String)
    return series.str.normalize("NFKC").str.to_lowercase().str.extract_all(POLARS_WORD)


@dataclass(frozen=True)
class QuestionGrams:
    """The n-grams of all questions.

    Attributes:
        words: word -> random 64-bit value; words of the questions alone.
        hashes: by length of n-gram the sorted distinct (k,) uint64 hashes.
        first: by length (k + 1,) int; where the owners of each hash begin in ``owners``.
        owners: by length (m,) int questions that hold each hash.
        checked: (Q,) bool questions long enough to be looked for.
    """

    words: pl.DataFrame
    hashes: dict[int, np.ndarray]
    first: dict[int, np.ndarray]
    owners: dict[int, np.ndarray]
    checked: np.ndarray


def question_grams(texts: Sequence[str], n: int) -> QuestionGrams:
    """Hash the n-grams of the questions (all words of a shorter one).

    Args:
        texts: questions with their right answers.
        n: words in an n-gram, at least ``FEWEST_WORDS``.
    """
    lists = split_words(texts).to_list()
    known = sorted({word for words in lists for word in words})
    words = pl.DataFrame(
        {"word": known, "value": [stable_hash(0, "word", word) for word in known]},
        schema={"word": pl.String, "value": pl.UInt64},
    )
    value = dict(words.iter_rows())
    found: dict[int, list[tuple[int, int]]] = {}
    for question, own in enumerate(lists):
        length = min(n, len(own))
        if length < FEWEST_WORDS:
            continue
        values = np.array([value[word] for word in own], dtype=np.uint64)
        places = found.setdefault(length, [])
        places += [(int(each), question) for each in gram_hashes(values, length)]
    checked = np.array([len(own) >= FEWEST_WORDS for own in lists])
    hashes, first, owners = {}, {}, {}
    for length, pairs in found.items():
        ordered = sorted(set(pairs))
        column = np.array([pair[0] for pair in ordered], dtype=np.uint64)
        hashes[length], starts = np.unique(column, return_index=True)
        first[length] = np.append(starts, len(ordered))
        owners[length] = np.array([pair[1] for pair in ordered])
    return QuestionGrams(words, hashes, first, owners, checked)


def gram_hashes(values: np.ndarray, length: int) -> np.ndarray:
    """Hashes of every run of ``length`` words, (len - length + 1,) uint64.

    Args:
        values: (len,) uint64; value of each word in order.
        length: words in a run.
    """
    count = max(len(values) - length + 1, 0)
    total = np.zeros(count, dtype=np.uint64)
    for place in range(length):  # wraps around at 2^64, as meant
        total = total * BASE + values[place : place + count]
    return total


def find_questions(texts: Sequence[str], grams: QuestionGrams) -> tuple[np.ndarray, np.ndarray]:
    """Look for the questions in some documents.

    Args:
        texts: of the documents; all are held as words at once.
        grams: from :func:`question_grams`.

    Returns:
        distinct pairs: (k,) rows of documents in ``texts`` and (k,) questions.
    """
    lists = split_words(texts)
    sizes = lists.list.len().to_numpy()
    flat = lists.explode().drop_nulls().alias("word").to_frame()
    joined = flat.join(grams.words, on="word", how="left", maintain_order="left")
    known = joined["value"].is_not_null().to_numpy()
    values = joined["value"].fill_null(0).to_numpy()
    owner = np.repeat(np.arange(len(sizes)), sizes)
    # Words since the last one that no question holds, or since the document's start.
    run = _run_lengths(known, owner)
    pairs = []
    for length, hashes in grams.hashes.items():
        # Only windows that end here, of known words of one document, can be a question's.
        ends = np.flatnonzero(run >= length)
        if not len(ends):
            continue
        windows = np.zeros(len(ends), dtype=np.uint64)
        for place in range(length):
            windows = windows * BASE + values[ends - length + 1 + place]
        at = np.searchsorted(hashes, windows)
        hit = (at < len(hashes)) & (hashes[np.minimum(at, len(hashes) - 1)] == windows)
        pairs.append(_owners_of(owner[ends[hit]], at[hit], grams, length))
    if not pairs:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    both = np.unique(np.concatenate(pairs), axis=0)
    return both[:, 0], both[:, 1]


def _run_lengths(known: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Consecutive known words of the same document that end at each place, (len,) int."""
    place = np.arange(len(known))
    begins = np.r_[True, owner[1:] != owner[:-1]] if len(owner) else np.empty(0, dtype=bool)
    # The place before the first word of the run.
    barrier = np.where(~known, place, np.where(begins, place - 1, -1))
    return place - np.maximum.accumulate(barrier) if len(known) else place


def _owners_of(
    documents: np.ndarray, at: np.ndarray, grams: QuestionGrams, length: int
) -> np.ndarray:
    """(k, 2) int64 document and question of each hit, every question of a hash."""
    first, owners = grams.first[length], grams.owners[length]
    pairs = np.unique(np.stack([documents, at], axis=1), axis=0)
    counts = first[pairs[:, 1] + 1] - first[pairs[:, 1]]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    questions = owners[np.repeat(first[pairs[:, 1]], counts) + within]
    return np.stack([np.repeat(pairs[:, 0], counts), questions], axis=1).astype(np.int64)
