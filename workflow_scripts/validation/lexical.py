"""Lexical similarity: what a bag of words sees of the documents and questions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from workflow_scripts.common.progress import Progress
from workflow_scripts.influence.components import GroupMeans


@dataclass(frozen=True)
class LexicalSpace:
    """TF-IDF of the working set.

    Attributes:
        vectorizer: fitted on the documents; words of two letters or more, lower case.
        rows: (n, V) sparse float64 unit rows of the documents.
    """

    vectorizer: TfidfVectorizer
    rows: csr_matrix


def fit_documents(texts: Sequence[str]) -> LexicalSpace:
    """Fit TF-IDF (smooth idf, L2 norm) on the documents and return their rows.

    Raises:
        ValueError: no document holds a word.
    """
    vectorizer = TfidfVectorizer()
    rows = vectorizer.fit_transform(_told(texts))
    return LexicalSpace(vectorizer, rows)


def _told(texts: Sequence[str]) -> Iterator[str]:
    """The same texts, with the progress of whoever takes them in the log."""
    progress = Progress(len(texts), "documents weighed by their words")
    for text in texts:
        yield text
        progress.advance()


def group_sums(rows: csr_matrix, owner: np.ndarray, n_groups: int) -> csr_matrix:
    """Sum sparse document rows by group.

    The score of a document is a cosine of unit rows, hence linear in the document's row: the
    mean over a group is the group's summed row times the query, over its count.

    Args:
        rows: (n, V) sparse.
        owner: (n,) int group of each document.
        n_groups: number of groups G.

    Returns:
        (G, V) sparse float64.
    """
    ones = np.ones(len(owner))
    places = csr_matrix((ones, (owner, np.arange(len(owner)))), shape=(n_groups, len(owner)))
    return places @ rows


def lexical_means(
    groups: np.ndarray, counts: np.ndarray, sums: csr_matrix, queries: csr_matrix
) -> GroupMeans:
    """Mean TF-IDF cosine per group and query.

    Args:
        groups: (G, 2) int bin and fold.
        counts: (G,) int documents.
        sums: (G, V) sparse sums of unit rows.
        queries: (Q, V) sparse unit rows; zero for a question without a word of the corpus.
    """
    means = (sums @ queries.T).toarray() / counts[:, None]
    return GroupMeans(bins=groups[:, 0], folds=groups[:, 1], counts=counts, means=means)
