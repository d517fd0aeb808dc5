"""Lexical similarity: what a bag of words sees of the documents and questions.

Both scores are sums over the words of the question, hence linear in a row of the document: the
mean over a group of documents is the group's summed row times the question, over its count.

TF-IDF: cosine of unit rows, tf times the smooth idf ln((1 + n) / (1 + n_t)) + 1.

BM25 (Robertson and Zaragoza 2009, The Probabilistic Relevance Framework, equation 3.15): a
question's words t, repeats included, sum

    idf(t) tf (k1 + 1) / (tf + k1 (1 - b + b length / mean length)),
    idf(t) = ln(1 + (n - n_t + 1/2) / (n_t + 1/2)),

with the idf that stays positive (as in Lucene), n documents of which n_t hold t.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from workflow_scripts.common.progress import Progress
from workflow_scripts.common.words import UNSPACED
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.validation.baselines.working_set import ScorerInputs

logger = logging.getLogger("atlas")

K1, B = 1.2, 0.75
# Words of two letters or more, as the default of scikit-learn; in scripts without blanks single
# characters.
WORD = rf"[{UNSPACED}]|[^\W{UNSPACED}]{{2,}}"


@dataclass(frozen=True)
class LexicalSpace:
    """Word counts of the working set.

    Attributes:
        vectorizer: fitted on the documents; words of ``WORD``, lower case.
        counts: (n, V) sparse int; occurrences of each word in each document.
    """

    vectorizer: CountVectorizer
    counts: csr_matrix

    def question_counts(self, texts: Sequence[str]) -> csr_matrix:
        """(Q, V) sparse int; words that no document holds are left out."""
        return self.vectorizer.transform(texts)


def fit_documents(texts: Sequence[str]) -> LexicalSpace:
    """Count the words of the documents.

    Raises:
        ValueError: no document holds a word.
    """
    vectorizer = CountVectorizer(token_pattern=WORD)
    return LexicalSpace(vectorizer, vectorizer.fit_transform(_told(texts)))


def tfidf_rows(
    space: LexicalSpace, questions: Sequence[csr_matrix]
) -> tuple[csr_matrix, list[csr_matrix]]:
    """Unit rows of the documents (n, V) and of each set of questions (Q, V), float64.

    A question without a word of the corpus has a row of zeros.
    """
    transformer = TfidfTransformer()
    rows = transformer.fit_transform(space.counts)
    return rows, [transformer.transform(counts) for counts in questions]


def bm25_rows(space: LexicalSpace) -> csr_matrix:
    """BM25 weights (n, V): score that a document's word adds to a question that asks it once."""
    counts = space.counts.tocsr().astype(np.float64)
    n_docs = counts.shape[0]
    held = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log1p((n_docs - held + 0.5) / (held + 0.5))
    length = np.asarray(counts.sum(axis=1)).reshape(-1)
    norm = K1 * (1 - B + B * length / length.mean())  # (n,)
    owner = np.repeat(np.arange(n_docs), np.diff(counts.indptr))
    weight = idf[counts.indices] * counts.data * (K1 + 1) / (counts.data + norm[owner])
    return csr_matrix((weight, counts.indices, counts.indptr), shape=counts.shape)


def _told(texts: Sequence[str]) -> Iterator[str]:
    """Pass the texts on and log the progress of their consumer."""
    progress = Progress(len(texts), "documents weighed by their words")
    for text in texts:
        yield text
        progress.advance()


def group_sums(rows: csr_matrix, owner: np.ndarray, n_groups: int) -> csr_matrix:
    """Sum sparse document rows by group.

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
    """Mean score per group and question.

    Args:
        groups: (G, 2) int bin and fold.
        counts: (G,) int documents.
        sums: (G, V) sparse sums of document rows.
        queries: (Q, V) sparse; zero for a question without a word of the corpus.
    """
    means = (sums @ queries.T).toarray() / counts[:, None]
    return GroupMeans(bins=groups[:, 0], folds=groups[:, 1], counts=counts, means=means)


# Scorer -> rows of the documents and of each set of questions, from the word counts of both.
ROWS = {
    "tfidf": tfidf_rows,
    "bm25": lambda space, asked: (bm25_rows(space), asked),
}


def map_bins(names: Sequence[str], given: ScorerInputs) -> dict[str, list[GroupMeans]]:
    """Group means by TF-IDF or BM25: of each scorer for every benchmark."""
    working, space = given.working, fit_documents(given.texts)
    asked = [space.question_counts(each) for each in given.questions]
    for number, counts in enumerate(asked):
        unknown = int((np.diff(counts.indptr) == 0).sum())
        logger.info("set %d: %d questions without a word of the corpus", number, unknown)
    maps = {}
    for name in names:
        rows, queries = ROWS[name](space, asked)
        sums = group_sums(rows, working.owner, len(working.groups))
        maps[name] = [lexical_means(working.groups, working.counts, sums, each) for each in queries]
    return maps
