"""Tokenise the documents of one shard.

in   sample, folds, cut, documents (of each part), tokenizer (tokenizer.json), settings
out  shard: table corpus/shard, rows in the order (topic, format, draw_rank), without documents
     that have nothing to predict
"""

import logging
from typing import Any

import polars as pl

from workflow_scripts.common.errors import DataError, IntegrityError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.streamed_tables import scan_table
from workflow_scripts.common.tables import polars_schema, read_table, write_table
from workflow_scripts.corpus.tokens.tokenizer import encode, special_tokens
from workflow_scripts.corpus.tokens.tokenizer_files import load_tokenizer

logger = logging.getLogger("atlas")

# A text of one token has nothing to predict: no loss and no gradient.
FEWEST_TOKENS = 2


def tokenize(
    documents: pl.DataFrame, tokenizer: Any, max_tokens: int, allowed: float = 0
) -> pl.DataFrame:
    """Token ids of documents, in their order; those with nothing to predict are left out.

    Args:
        documents: doc_id, topic, format, fold, text.
        tokenizer: a fast tokenizer.
        max_tokens: where documents are cut.
        allowed: documents that may be left out.

    Returns:
        The columns of the table ``corpus/shard``.

    Raises:
        DataError: more than ``allowed`` documents have fewer than two tokens, or all have.
    """
    front = special_tokens(tokenizer).front
    ids, full = [], []
    progress = Progress(documents.height, "documents tokenised")
    for text in documents["text"]:
        tokens, n_full = encode(tokenizer, text, max_tokens, front)
        ids.append(tokens)
        full.append(n_full)
        progress.advance()
    tokens = pl.Series("input_ids", ids, dtype=polars_schema("corpus/shards")["input_ids"])
    table = documents.select("doc_id", "topic", "format", "fold", "text").with_columns(
        tokens,
        tokens.list.len().cast(pl.Int64).alias("n_tokens"),
        pl.Series("n_tokens_full", full, dtype=pl.Int64),
    )
    short = table.filter(pl.col("n_tokens_full") < FEWEST_TOKENS)
    check_short(short, allowed, documents.height)
    return table.filter(pl.col("n_tokens_full") >= FEWEST_TOKENS).drop("text")


def check_short(short: pl.DataFrame, allowed: float, documents: int) -> None:
    """Refuse a shard of which too many documents have nothing to predict.

    Args:
        short: doc_id, n_tokens_full, text of those documents.
        allowed: how many there may be.
        documents: documents of the shard.

    Raises:
        DataError: names the first of them and the key that allows them.
    """
    if short.is_empty():
        return
    doc_id, count, text = short.select("doc_id", "n_tokens_full", "text").row(0)
    first = f"document {doc_id!r} has {count} token(s), text {text[:40]!r}"
    if short.height > allowed:
        raise DataError(
            f"{first}; at least {FEWEST_TOKENS} are needed for a loss, and {short.height:,} "
            f"documents of the shard have fewer where {int(allowed):,} of the working set may be "
            "left out: take them out of the source or raise corpus.max_malformed_share"
        )
    if short.height == documents:
        raise DataError(
            f"{first}, and none of the {documents} documents of the shard has the "
            f"{FEWEST_TOKENS} tokens that a loss needs: lower corpus.shards, or take them out of "
            "the source"
        )
    logger.warning("left out %d document(s) with nothing to predict: %s", short.height, first)


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
    folds = read_table(snakemake.input.folds, "corpus/folds", ["doc_id", "fold"])
    cut = read_table(snakemake.input.cut, "corpus/cut")
    shard = snakemake.wildcards.shard
    documents = shard_documents(
        sample.join(folds, on="doc_id"), cut, list(snakemake.input.documents), shard
    )
    tokenizer = load_tokenizer(snakemake.input.tokenizer)
    # The share of malformed rows that is allowed, of the working set.
    allowed = snakemake.params.max_malformed_share * sample.height
    table = tokenize(documents, tokenizer, snakemake.params.max_tokens, allowed)
    write_table(table, snakemake.output.shard, "corpus/shards")
    logger.info("%s documents, %s tokens", f"{table.height:,}", f"{table['n_tokens'].sum():,}")


if __name__ == "__main__":
    run_job(main, snakemake)
