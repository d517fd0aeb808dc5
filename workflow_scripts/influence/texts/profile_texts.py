"""Count the words of every region, and show the documents at both ends of every bin.

in   documents: the working set's text, by part; sample, folds; shards: lengths, and which
     documents are attributed; bins: influence of all benchmarks; words: word lists; where rows
     are kept, scores: of each benchmark
out  profile: table influence/lexical_profile; where rows are kept, examples: table
     influence/examples
"""

import logging
from collections.abc import Sequence
from typing import Any

import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.streamed_tables import scan_table
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.texts.examples import details_of, extreme_documents, with_details
from workflow_scripts.influence.texts.lexical_profile import lexical_profile
from workflow_scripts.influence.texts.word_counts import Counts, read_lexicon, texts_with_folds

logger = logging.getLogger("atlas")


def without_tokens(sample: str, shards: Sequence[str]) -> pl.Series:
    """Ids of the drawn documents that no shard holds: those with nothing to predict."""
    kept = pl.concat([scan_table(path, "corpus/shards", ["doc_id"]) for path in shards])
    drawn = scan_table(sample, "corpus/sample", ["doc_id"])
    return drawn.join(kept, on="doc_id", how="anti").collect()["doc_id"]


def main(snakemake: Any) -> None:
    """Count part by part, then write."""
    source, params, output = snakemake.input, snakemake.params, snakemake.output
    columns = ["benchmark", "topic", "format", "n_docs", "influence", "q_unusual"]
    bins = read_table(source.bins, "influence/bin_influence", columns)
    lexicon = read_lexicon(source.words)
    chosen = params.examples
    examples = extreme_documents(params.benchmarks, source.get("scores", []), chosen["per_bin"])
    wanted = examples["doc_id"].unique()
    left_out = without_tokens(source.sample, source.shards)
    folds = read_table(source.folds, "corpus/folds", ["doc_id", "fold"])
    counts, details = Counts(lexicon, params.folds), []
    progress = Progress(bins.filter(benchmark=params.benchmarks[0])["n_docs"].sum(), "documents")
    for part, path in zip(params.parts, source.documents, strict=True):
        for piece in texts_with_folds(path, source.sample, folds, part):
            piece = piece.filter(~pl.col("doc_id").is_in(left_out.implode()))
            counts.add(piece)
            details.append(details_of(piece, wanted, chosen["max_chars"] if chosen["text"] else 0))
            progress.advance(piece.height)
    table = lexical_profile(
        counts, lexicon, bins, params.bootstraps, params.confidence, params.seed
    )
    write_table(table, output.profile, "influence/lexical_profile")
    if shown := output.get("examples"):
        write_table(with_details(examples, details, source.shards), shown, "influence/examples")


if __name__ == "__main__":
    run_job(main, snakemake)
