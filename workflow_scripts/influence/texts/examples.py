"""The documents of highest and of lowest score of every bin."""

import os
from collections.abc import Iterable, Sequence

import polars as pl

from workflow_scripts.common.streamed_tables import scan_table, table_pieces

KEY = ["topic", "format"]
COLUMNS = ["doc_id", *KEY, "score"]
# Scores on either half of the questions.
HALF_SCORES = ("score_a", "score_b")
KEPT = [*COLUMNS, "other"]


class Extremes:
    """Keeps the documents at both ends of every bin while a table of scores passes by."""

    def __init__(self, per_bin: int) -> None:
        """Keep ``per_bin`` documents at each end."""
        self.per_bin = per_bin
        numbers = dict.fromkeys(["score", "other"], pl.Float64)
        schema = {**dict.fromkeys(["doc_id", *KEY], pl.String), **numbers}
        self.top = self.bottom = pl.DataFrame(schema=schema)
        self.counts = pl.DataFrame(schema={**dict.fromkeys(KEY, pl.String), "n_docs": pl.UInt32})

    def add(self, scores: pl.DataFrame) -> None:
        """Take a piece with the columns doc_id, topic, format, score and, if any, other."""
        if "other" not in scores.columns:
            scores = scores.with_columns(other=pl.lit(None, pl.Float64))
        scores = scores.select(KEPT)
        self.top = self._first(pl.concat([self.top, scores]), highest=True)
        self.bottom = self._first(pl.concat([self.bottom, scores]), highest=False)
        counts = scores.group_by(KEY).agg(pl.len().alias("n_docs"))
        self.counts = pl.concat([self.counts, counts]).group_by(KEY).agg(pl.col("n_docs").sum())

    def _first(self, scores: pl.DataFrame, highest: bool) -> pl.DataFrame:
        """First documents of each bin from one end; of equal scores the smaller id is higher."""
        order = scores.sort("score", "doc_id", descending=[highest, not highest])
        return order.group_by(KEY, maintain_order=True).head(self.per_bin).select(KEPT)

    def table(self) -> pl.DataFrame:
        """Both ends with their ranks: 1 is the highest score of the bin.

        A document of a small bin is listed at the top alone.

        Returns:
            topic, format, end (top or bottom), rank, n_docs, doc_id, score, other (as added).
        """
        place = pl.int_range(1, pl.len() + 1).over(KEY)
        top = self.top.with_columns(end=pl.lit("top"), rank=place)
        bottom = self.bottom.with_columns(end=pl.lit("bottom"), place=place).join(
            self.counts, on=KEY
        )
        bottom = bottom.with_columns(rank=pl.col("n_docs").cast(pl.Int64) - pl.col("place") + 1)
        bottom = bottom.filter(pl.col("rank") > self.per_bin).drop("place", "n_docs")
        both = pl.concat([top, bottom.select(top.columns)])
        counted = both.join(self.counts, on=KEY).with_columns(pl.col("n_docs").cast(pl.Int64))
        return counted.select(*KEY, "end", "rank", "n_docs", "doc_id", "score", "other")


def extreme_documents(
    benchmarks: Sequence[str], paths: Sequence[str | os.PathLike], per_bin: int
) -> pl.DataFrame:
    """Documents at both ends of every bin on every benchmark.

    Args:
        benchmarks: their names.
        paths: the table ``attribution/scores`` of each; none where no rows are kept.
        per_bin: documents at each end.

    Returns:
        benchmark, the columns of :meth:`Extremes.table`, and score_other_half: what the document
        of the same rank by one half of the questions scores on the other half, mean of both ways.
    """
    none = (
        Extremes(per_bin)
        .table()
        .drop("other")
        .with_columns(score_other_half=pl.lit(None, pl.Float64))
    )
    frames = [none.select(pl.lit("").alias("benchmark"), pl.all())]
    for benchmark, path in zip(benchmarks if paths else [], paths, strict=True):
        whole, *halves = (Extremes(per_bin) for _ in range(3))
        for piece in table_pieces(path, "attribution/scores", [*COLUMNS, *HALF_SCORES]):
            whole.add(piece)
            for half, chooses, asked in zip(halves, HALF_SCORES, HALF_SCORES[::-1], strict=True):
                half.add(piece.with_columns(score=chooses, other=asked).drop_nulls("score"))
        table = with_other_half(whole.table().drop("other"), [half.table() for half in halves])
        frames.append(table.select(pl.lit(benchmark).alias("benchmark"), pl.all()))
    return pl.concat(frames)


def with_other_half(table: pl.DataFrame, halves: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add ``score_other_half`` by rank; null where a half chose none.

    Args:
        table: of :meth:`Extremes.table`.
        halves: the same by either half of the questions, with ``other``: the score on the other.
    """
    place = [*KEY, "rank"]
    for number, half in enumerate(halves):
        table = table.join(
            half.select(*place, pl.col("other").alias(f"other{number}")), on=place, how="left"
        )
    names = [f"other{number}" for number in range(len(halves))]
    mean = sum(map(pl.col, names), start=pl.lit(0.0)) / len(names)
    return table.with_columns(score_other_half=mean).drop(names)


def details_of(texts: pl.DataFrame, wanted: pl.Series, max_chars: int) -> pl.DataFrame:
    """Site and beginning of the text of some documents.

    Args:
        texts: doc_id, url_domain, text.
        wanted: ids of the documents to show.
        max_chars: characters of text; 0 gives none (null).
    """
    shown = texts.filter(pl.col("doc_id").is_in(wanted.implode()))
    text = pl.col("text").str.slice(0, max_chars) if max_chars else pl.lit(None, dtype=pl.String)
    return shown.select("doc_id", "url_domain", text.alias("text"))


def with_details(
    examples: pl.DataFrame, details: Iterable[pl.DataFrame], shards: Sequence[str | os.PathLike]
) -> pl.DataFrame:
    """The examples with site, text and length of each document.

    Args:
        examples: rows with doc_id.
        details: as :func:`details_of` gives them.
        shards: paths of the tables ``corpus/shards``.
    """
    wanted = examples["doc_id"].unique()
    columns = ["doc_id", "n_tokens"]
    lengths = [
        scan_table(path, "corpus/shards", columns)
        .filter(pl.col("doc_id").is_in(wanted.implode()))
        .collect()
        for path in shards
    ]
    for frames in (details, lengths):
        examples = examples.join(pl.concat(frames), on="doc_id", how="left")
    return examples
