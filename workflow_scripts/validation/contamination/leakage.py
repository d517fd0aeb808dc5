"""Contamination: number of questions in the documents of each bin, and the map without them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from workflow_scripts.common.progress import Progress
from workflow_scripts.common.streamed_tables import table_pieces
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.bin_table import standardise
from workflow_scripts.validation.contamination.ngrams import find_questions, question_grams
from workflow_scripts.validation.maps.scorer_maps import agreement, bin_positions

N_BINS = len(BINS)
DOCUMENTS_PER_BATCH = 4096


@dataclass
class Hits:
    """Documents that hold questions of one benchmark.

    Attributes:
        query_ids: of the Q questions.
        first: place of the first of them among the questions of all benchmarks.
        checked: (Q,) bool questions long enough to be looked for.
        documents: (576,) int documents of each bin that hold a question.
        in_bin: (576, Q) bool whether a document of the bin holds the question.
        doc_ids: ids of the documents that hold a question.
    """

    query_ids: Sequence[str]
    first: int
    checked: np.ndarray
    documents: np.ndarray
    in_bin: np.ndarray
    doc_ids: list[str]

    def add(self, batch: pl.DataFrame, documents: np.ndarray, questions: np.ndarray) -> None:
        """Count what was found in a batch of documents.

        Args:
            batch: doc_id, topic, format.
            documents: (k,) rows of the batch.
            questions: (k,) questions they hold; those outside [0, Q) are another benchmark's.
        """
        own = (questions >= 0) & (questions < len(self.query_ids))
        bins = bin_positions(batch)
        self.in_bin[bins[documents[own]], questions[own]] = True
        holders = np.unique(documents[own])
        np.add.at(self.documents, bins[holders], 1)
        self.doc_ids += batch["doc_id"][holders].to_list()


def search(
    parts: Sequence[str], questions: Mapping[str, tuple[Sequence[str], Sequence[str]]], n: int
) -> dict[str, Hits]:
    """Look for the questions of all benchmarks in the documents, part after part.

    Args:
        parts: tables ``corpus/documents``; a batch of them is held at once.
        questions: benchmark -> ids and texts of its questions.
        n: words in an n-gram.
    """
    grams = question_grams([text for _, texts in questions.values() for text in texts], n)
    hits, first = {}, 0
    for name, (ids, _) in questions.items():
        checked = grams.checked[first : first + len(ids)]
        counts, in_bin = np.zeros(N_BINS, dtype=np.int64), np.zeros((N_BINS, len(ids)), dtype=bool)
        hits[name] = Hits(ids, first, checked, counts, in_bin, [])
        first += len(ids)
    columns = ["doc_id", "topic", "format", "text"]
    total = sum(pl.scan_parquet(path).select(pl.len()).collect().item() for path in parts)
    progress = Progress(total, "documents searched")
    for path in parts:
        for batch in table_pieces(path, "corpus/documents", columns, DOCUMENTS_PER_BATCH):
            documents, found = find_questions(batch["text"].to_list(), grams)
            for each in hits.values():
                each.add(batch, documents, found - each.first)
            progress.advance(batch.height)
    return hits


def leakage_table(hits: Mapping[str, Hits], n_sampled: np.ndarray) -> pl.DataFrame:
    """The table ``validation/leakage``.

    Args:
        hits: by benchmark.
        n_sampled: (576,) documents of each bin.
    """
    topics, formats = zip(*BINS, strict=True)
    frames = []
    for benchmark, each in hits.items():
        checked = int(each.checked.sum())
        found = each.in_bin.sum(axis=1)
        frames.append(
            pl.DataFrame(
                {
                    "benchmark": [benchmark] * N_BINS,
                    "topic": topics,
                    "format": formats,
                    "n_documents": n_sampled,
                    "n_documents_hit": each.documents,
                    "share_documents_hit": np.divide(
                        each.documents,
                        n_sampled,
                        out=np.full(N_BINS, np.nan),
                        where=n_sampled > 0,
                    ),
                    "n_queries_checked": [checked] * N_BINS,
                    "n_queries_hit": found,
                    "share_queries_hit": found / checked if checked else [None] * N_BINS,
                },
                schema_overrides={"share_queries_hit": pl.Float64},
            ).with_columns(pl.col("share_documents_hit").fill_nan(None))
        )
    return pl.concat(frames)


def hits_table(hits: Mapping[str, Hits]) -> pl.DataFrame:
    """The table ``validation/leakage_hits``: which questions and documents were hit."""
    rows = []
    for benchmark, each in hits.items():
        hit = each.in_bin.any(axis=0)
        rows += [(benchmark, "question", each.query_ids[index]) for index in np.flatnonzero(hit)]
        rows += [(benchmark, "document", doc_id) for doc_id in each.doc_ids]
    return pl.DataFrame(rows, schema=["benchmark", "kind", "id"], orient="row").cast(pl.String)


def without_questions(query_means: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Influence over the questions that no document holds, (576,); NaN where none is left.

    Args:
        query_means: (576, Q) mean score of each bin on each question.
        hit: (Q,) bool questions to leave out.
    """
    if hit.all():
        return np.full(len(query_means), np.nan)
    return query_means[:, ~hit].mean(axis=1)


def without_documents(scores: pl.DataFrame, hit: Sequence[str]) -> np.ndarray:
    """Influence over the documents that hold no question, (576,); NaN where none is left.

    Args:
        scores: the table ``attribution/scores``: doc_id, topic, format, score.
        hit: ids of documents to leave out.
    """
    left = scores.filter(~pl.col("doc_id").is_in(list(hit)))
    bins = bin_positions(left)
    counts = np.bincount(bins, minlength=N_BINS)
    sums = np.bincount(bins, weights=left["score"].to_numpy(), minlength=N_BINS)
    return np.divide(sums, counts, out=np.full(N_BINS, np.nan), where=counts > 0)


def map_pair(
    benchmark: str, removed: str, n_removed: int, influence: np.ndarray, left: np.ndarray
) -> pl.DataFrame:
    """One benchmark's map with and without what was hit, in the columns of ``leakage_maps``."""
    n_bins, pearson, spearman = agreement(influence, left)
    topics, formats = zip(*BINS, strict=True)
    whole = {"benchmark": benchmark, "removed": removed, "n_removed": n_removed}
    found = {"n_bins": n_bins, "pearson": pearson, "spearman": spearman}
    frame = pl.DataFrame(
        {
            "topic": topics,
            "format": formats,
            "influence": influence,
            "influence_without": left,
            "z": standardise(influence),
            "z_without": standardise(left) if np.isfinite(left).any() else left,
        }
    ).fill_nan(None)
    kinds = {"pearson": pl.Float64, "spearman": pl.Float64}
    return frame.with_columns(
        pl.lit(value, dtype=kinds.get(name)).alias(name) for name, value in (whole | found).items()
    )
