"""The working set as unlearning sees it: length, base loss and influence of each document."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from workflow_scripts.attribution.sketch import read_losses
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.tables import read_table

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
