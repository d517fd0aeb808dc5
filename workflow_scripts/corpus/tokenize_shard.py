"""Tokenise the documents of one shard.

in   sample, cut, documents (of each part), tokenizer (tokenizer.json), settings
out  shard: table corpus/shard, rows in the order (topic, format, draw_rank)
"""

import logging
from typing import Any

import polars as pl

from workflow_scripts.common.errors import DataError, IntegrityError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.streamed_tables import scan_table
from workflow_scripts.common.tables import polars_schema, read_table, write_table
from workflow_scripts.corpus.tokenizer import encode
from workflow_scripts.corpus.tokenizer_files import load_tokenizer

logger = logging.getLogger("atlas")

# One token has nothing to predict: no loss and no gradient.
FEWEST_TOKENS = 2


def tokenize(documents: pl.DataFrame, tokenizer: Any, max_tokens: int) -> pl.DataFrame:
    """Token ids of documents, in their order.

    Args:
        documents: doc_id, topic, format, fold, text.
        tokenizer: a fast tokenizer.
        max_tokens: where documents are cut.

    Returns:
        The columns of the table ``corpus/shard``.

    Raises:
        DataError: a document has fewer than two tokens. It is refused here rather than dropped,
            because the draw, the counts and the folds already rest on it.
    """
    ids, full = [], []
    progress = Progress(documents.height, "documents tokenised")
    for doc_id, text in documents.select("doc_id", "text").iter_rows():
        tokens, n_full = encode(tokenizer, text, max_tokens)
        if n_full < FEWEST_TOKENS:
            raise DataError(
                f"document {doc_id!r} has {n_full} token(s), text {text[:40]!r}; at least "
                f"{FEWEST_TOKENS} are needed for a loss: take it out of the source"
            )
        ids.append(tokens)
        full.append(n_full)
        progress.advance()
    tokens = pl.Series("input_ids", ids, dtype=polars_schema("corpus/shards")["input_ids"])
    return documents.select("doc_id", "topic", "format", "fold").with_columns(
        tokens,
        tokens.list.len().cast(pl.Int64).alias("n_tokens"),
        pl.Series("n_tokens_full", full, dtype=pl.Int64),
    )


def shard_documents(
    sample: pl.DataFrame, cut: pl.DataFrame, parts: list[str], shard: str
) -> pl.DataFrame:
    """The documents of a shard with their text, in the order (topic, format, draw_rank).

    Of a part, only the row groups that may hold the shard's bins are read: both are sorted by
    bin. So all shards together read the texts a few times, not once each.

    Raises:
        IntegrityError: a document of the cut has no text in any part.
    """
    members = cut.filter(pl.col("shard") == shard).select("doc_id")
    wanted = sample.join(members, on="doc_id", how="semi")
    bins = wanted.select("topic", "format").sort("topic", "format")
    first, last = bins.row(0), bins.row(-1)
    near = pl.col("topic").is_between(pl.lit(first[0]), pl.lit(last[0]))
    if first[0] == last[0]:
        near &= pl.col("format").is_between(pl.lit(first[1]), pl.lit(last[1]))
    texts = [
        scan_table(path, "corpus/documents", ["doc_id", "topic", "format", "text"])
        .filter(near)
        .select("doc_id", "text")
        .join(members.lazy(), on="doc_id", how="semi")
        .collect()
        for path in parts
    ]
    found = wanted.join(pl.concat(texts), on="doc_id", how="inner")
    if found.height != members.height:
        lost = members.join(found, on="doc_id", how="anti")
        raise IntegrityError(
            f"shard {shard} lacks the text of {lost.height} document(s), first "
            f"{lost['doc_id'][0]!r}; run collect_documents again"
        )
    return found.sort("topic", "format", "draw_rank")


def main(snakemake: Any) -> None:
    """Tokenise one shard."""
    sample = read_table(snakemake.input.sample, "corpus/sample")
    cut = read_table(snakemake.input.cut, "corpus/cut")
    shard = snakemake.wildcards.shard
    documents = shard_documents(sample, cut, list(snakemake.input.documents), shard)
    tokenizer = load_tokenizer(snakemake.input.tokenizer)
    table = tokenize(documents, tokenizer, snakemake.params.max_tokens)
    write_table(table, snakemake.output.shard, "corpus/shards")
    logger.info("%s documents, %s tokens", f"{table.height:,}", f"{table['n_tokens'].sum():,}")


if __name__ == "__main__":
    run_job(main, snakemake)
