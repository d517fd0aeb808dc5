"""Draw the working set: the bottom-k documents of each bin under a keyed hash.

in   manifests: table corpus/manifest of each part; malformed: their reports of malformed rows
out  sample: table corpus/sample; contract: JSON, what was asked and what the corpus could give
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.corpus.manifest import MalformedRows, check_malformed, merge_malformed
from workflow_scripts.corpus.records import Malformed
from workflow_scripts.corpus.sampling import (
    BIN,
    assign_ranks_and_folds,
    bottom_k,
    draw_keys,
    later_copies,
    make_contract,
    repeated_ids,
)

logger = logging.getLogger("atlas")


def find_repeats(manifests: Sequence[str], seed: int) -> pl.DataFrame:
    """Rows of the whole corpus whose id another row has, all but the one that is kept.

    Holds 8 bytes a document; ids themselves are compared only where their keys are equal.
    """
    keys = [
        draw_keys(read_table(path, "corpus/manifest", ["doc_id"])["doc_id"].to_list(), seed)
        for path in manifests
    ]
    repeated = repeated_ids(keys)
    columns = ["doc_id", *BIN, "file", "row"]
    rows = [
        read_table(path, "corpus/manifest", columns).filter(np.isin(part, repeated))
        for path, part in zip(manifests, keys, strict=True)
    ]
    return later_copies(pl.concat(rows))


def repeats_report(repeats: pl.DataFrame) -> dict[str, Any]:
    """The repeated ids as a report of malformed rows (the rows themselves are counted before)."""
    report = MalformedRows()
    for entry in repeats.sort("file", "row").iter_rows(named=True):
        first = f"{entry['first_file']}:{entry['first_row']}"
        detail = f"id {entry['doc_id']!r} is already that of {first}; ids must be unique"
        report.add(entry["file"], entry["row"], Malformed("repeated_id", detail))
    return report.as_json()


def draw(
    manifests: Sequence[str], parts: Sequence[str], repeats: pl.DataFrame, k: int, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw from one part after the other, holding at most ``k`` documents a bin and part.

    Returns:
        The drawn rows of :func:`bottom_k`, and topic, format, n_available.
    """
    drawn, counts = None, []
    progress = Progress(len(manifests), "parts drawn")
    dropped = repeats.select("file", "row")
    for path, part in zip(manifests, parts, strict=True):
        frame = read_table(path, "corpus/manifest").join(dropped, on=["file", "row"], how="anti")
        counts.append(frame.group_by(BIN).agg(pl.len().alias("n_available")))
        kept = bottom_k(frame.with_columns(pl.lit(part).alias("part")), k, seed)
        drawn = kept if drawn is None else bottom_k(pl.concat([drawn, kept]), k, seed)
        progress.advance()
    return drawn, pl.concat(counts).group_by(BIN).agg(pl.col("n_available").sum())


def main(snakemake: Any) -> None:
    """Judge the malformed rows, draw, and write sample and contract."""
    manifests, params = list(snakemake.input.manifests), snakemake.params
    repeats = find_repeats(manifests, params.seed)
    reports = [*map(read_json, snakemake.input.malformed), repeats_report(repeats)]
    malformed = merge_malformed(reports)
    check_malformed(malformed, params.max_malformed_share)
    drawn, available = draw(manifests, params.parts, repeats, params.documents_per_bin, params.seed)
    if drawn.is_empty():
        raise DataError(
            f"the corpus is empty: {malformed['rows']:,} rows read, none of them a document; "
            "check the files that corpus.source points to"
        )
    sample = assign_ranks_and_folds(drawn, params.folds)
    sample = sample.drop("n_chars", "source", "url_domain")
    contract = make_contract(sample, available, malformed, params.documents_per_bin, params.seed)
    write_table(sample, snakemake.output.sample, "corpus/sample")
    write_json(snakemake.output.contract, contract)
    logger.info(
        "%s documents drawn in %s bins (%s short, %s empty)",
        f"{sample.height:,}",
        contract["covered_bins"],
        len(contract["short_bins"]),
        contract["empty_bins"],
    )


if __name__ == "__main__":
    run_job(main, snakemake)
