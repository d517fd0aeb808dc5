"""The working set as unlearning sees it: length, base loss and influence of each document."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from workflow_scripts.attribution.sketch import read_losses
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.tables import read_table
from workflow_scripts.validation.baselines.lexical import bm25_rows, fit_documents
from workflow_scripts.validation.baselines.working_set import question_texts, read_texts

KEYS = ["doc_id", "topic", "format", "n_tokens"]


def read_documents(
    shards: Iterable[str], sketches: Iterable[str], scores: str | None = None
) -> pl.DataFrame:
    """Every document of the working set.

    Args:
        shards: the tokenised shards; their token ids are not read.
        sketches: the sketches of the same shards, which hold the base losses.
        scores: one benchmark's document scores.

    Returns:
        doc_id, topic, format, n_tokens, loss (nats per token) and score (null without
        ``scores``).

    Raises:
        IntegrityError: a document has no loss or no score.
    """
    documents = pl.concat([read_table(path, "corpus/shards", KEYS) for path in shards])
    losses = pl.concat([pl.DataFrame(read_losses(path)) for path in sketches])
    joined = documents.join(losses.cast({"loss": pl.Float64}), on="doc_id", how="left")
    needed = {"loss": "sketches"}
    if scores is None:
        joined = joined.with_columns(score=pl.lit(None, pl.Float64))
    else:
        scored = read_table(scores, "attribution/scores", ["doc_id", "score"])
        joined, needed["score"] = joined.join(scored, on="doc_id", how="left"), "scores"
    for column, source in needed.items():
        if joined[column].null_count():
            missing = joined.filter(pl.col(column).is_null())["doc_id"][0]
            raise IntegrityError(
                f"document {missing!r} is in no file of attribution/{source}/; delete them and "
                "run again"
            )
    return joined


def with_other_score(documents: pl.DataFrame, scores: str) -> pl.DataFrame:
    """The documents with ``score_other``, their influence on another benchmark.

    Raises:
        IntegrityError: a document has none.
    """
    other = read_table(scores, "attribution/scores", ["doc_id", "score"])
    joined = documents.join(other.rename({"score": "score_other"}), on="doc_id", how="left")
    if joined["score_other"].null_count():
        missing = joined.filter(pl.col("score_other").is_null())["doc_id"][0]
        raise IntegrityError(
            f"document {missing!r} is not in {scores}; delete the file and run again"
        )
    return joined


def with_words(documents: pl.DataFrame, parts: Iterable[str], queries: str) -> pl.DataFrame:
    """The documents with ``words``, their mean BM25 score over the benchmark's questions.

    Words are weighed by how rare they are among these documents, those of one topic.

    Args:
        documents: doc_id and more.
        parts: files of the table ``corpus/documents``.
        queries: the table ``benchmarks/queries``.

    Raises:
        IntegrityError: a document has no text.
    """
    texts = read_texts(documents, list(parts))
    space = fit_documents(texts)
    asked = space.question_counts(question_texts(queries))
    scores = np.asarray((bm25_rows(space) @ asked.T.tocsr()).mean(axis=1)).reshape(-1)
    return documents.with_columns(words=pl.Series(scores, dtype=pl.Float64))


def read_tokens(shards: Iterable[str], doc_ids: list[str]) -> dict[str, np.ndarray]:
    """Token ids (n_tokens,) int32 of these documents, by id."""
    wanted = pl.Series("doc_id", doc_ids).unique().to_list()
    parts = [
        pl.scan_parquet(path)
        .select("doc_id", "input_ids")
        .filter(pl.col("doc_id").is_in(wanted))
        .collect()
        for path in shards
    ]
    found = pl.concat(parts)
    return {
        doc_id: np.asarray(ids, np.int32)
        for doc_id, ids in zip(found["doc_id"], found["input_ids"], strict=True)
    }
