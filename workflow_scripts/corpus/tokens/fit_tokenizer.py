"""Fit the tokenizer of a model that is trained here, on the text of the working set.

in   documents: table corpus/documents of each part
out  tokenizer, settings: tokenizer.json and tokenizer_config.json of one folder
"""

import logging
from typing import Any

import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.corpus.tokens.tokenizer import fit_tokenizer
from workflow_scripts.corpus.tokens.tokenizer_files import save_tokenizer

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Fit and save; documents come in the order of their ids, however they are in parts."""
    parts = [
        read_table(path, "corpus/documents", ["doc_id", "text"])
        for path in snakemake.input.documents
    ]
    texts = pl.concat(parts).sort("doc_id")["text"].to_list()
    tokenizer = fit_tokenizer(texts, snakemake.params.vocab_size)
    save_tokenizer(tokenizer, snakemake.output.tokenizer, snakemake.output.settings)
    logger.info("%s tokens from %s documents", f"{len(tokenizer):,}", f"{len(texts):,}")


if __name__ == "__main__":
    run_job(main, snakemake)
