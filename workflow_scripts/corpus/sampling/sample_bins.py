"""Draw the working set: the bottom-k documents of each bin under a keyed hash.

in   manifests: table corpus/manifest of each part; malformed: their reports of malformed rows
out  sample: table corpus/sample; contract: the sampling report (JSON), documents asked and found

The manifests are read twice, piece by piece: once for ids and labels, which go through an
external sort by draw key on scratch space beside the output (26 bytes a document), and once for
the drawn rows. Memory is that of the sample, not of the corpus.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.streamed_tables import table_pieces, table_rows
from workflow_scripts.common.tables import polars_schema, write_table
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.corpus.sampling.external_sort import RECORD, KeyRuns, split_copies
from workflow_scripts.corpus.sampling.keyed_draw import (
    BinDraw,
    assign_ranks,
    bottom_k,
    draw_keys,
    make_contract,
)
from workflow_scripts.corpus.sources.document_index import (
    EXAMPLES,
    check_malformed,
    merge_malformed,
)
from workflow_scripts.corpus.sources.left_out import log_left_out

logger = logging.getLogger("atlas")

MANIFEST = "corpus/manifest"
DRAWN = ["doc_id", "topic", "format", "n_tokens_estimate", "file", "row"]


@dataclass
class Corpus:
    """The manifests and the files that they name.

    Attributes:
        manifests: path of each part's manifest.
        files: names of the source files, in the order in which they were met.
        part_of: number of the part that holds each file.
    """

    manifests: Sequence[str]
    files: list[str] = field(default_factory=list)
    part_of: list[int] = field(default_factory=list)

    def rows(self) -> int:
        """Documents in all manifests."""
        counts = [pl.scan_parquet(path).select(pl.len()).collect() for path in self.manifests]
        return int(sum(frame.item() for frame in counts))

    def places(self) -> np.ndarray:
        """Position of each file in the sorted list of files."""
        return np.argsort(np.argsort(np.array(self.files, dtype=object)))


def spill(corpus: Corpus, runs: KeyRuns, seed: int, total: int) -> None:
    """Write the record of every document to the runs; fills in the corpus's files."""
    progress = Progress(total, "documents keyed")
    for part, path in enumerate(corpus.manifests):
        start = 0
        for piece in table_pieces(path, MANIFEST, ["doc_id", "topic", "format", "file"]):
            runs.add(_records(corpus, piece, part, start, seed))
            start += piece.height
            progress.advance(piece.height)


def _records(corpus: Corpus, piece: pl.DataFrame, part: int, start: int, seed: int) -> np.ndarray:
    records = np.empty(piece.height, RECORD)
    records["key"] = draw_keys(piece["doc_id"].to_list(), seed)
    # Only equality within this process matters, so this hash may differ between releases.
    records["check"] = piece["doc_id"].hash(seed=1).to_numpy()
    topic, format_ = (
        piece[name].cast(pl.Enum(labels)).to_physical().to_numpy().astype(np.uint16)
        for name, labels in (("topic", TOPICS), ("format", FORMATS))
    )
    records["bin"] = topic * len(FORMATS) + format_
    runs_of_files = piece["file"].rle().struct.unnest()
    codes = []
    for name in runs_of_files["value"]:
        # A manifest is sorted by file, so a file that goes on is the one met last.
        if not corpus.files or corpus.files[-1] != name or corpus.part_of[-1] != part:
            corpus.files.append(name)
            corpus.part_of.append(part)
        codes.append(len(corpus.files) - 1)
    records["file"] = np.repeat(np.array(codes, np.uint32), runs_of_files["len"].to_numpy())
    records["index"] = np.arange(start, start + piece.height)
    return records


def draw(
    runs: KeyRuns, places: np.ndarray, k: int
) -> tuple[BinDraw, int, list[tuple[np.void, np.void]]]:
    """Draw from the sorted runs.

    Returns:
        The draw, the number of rows whose id another row has, and the first few of those rows,
        each with the row that is kept.
    """
    drawn, repeated, first = BinDraw(k), 0, np.empty((0, 2), RECORD)
    progress = Progress(runs.rows, "documents drawn from")
    for records in runs.ranges():
        kept, copies = split_copies(records, places)
        drawn.add(kept)
        repeated += len(copies)
        first = np.concatenate([first, copies])
        later = first[:, 0]
        first = first[np.lexsort((later["index"], places[later["file"]]))[:EXAMPLES]]
        progress.advance(len(records))
    return drawn, repeated, [(later, kept) for later, kept in first]


def rows_at(corpus: Corpus, records: np.ndarray, parts: Sequence[str]) -> pl.DataFrame:
    """The manifest rows that some records point to, with their part, in no particular order."""
    owner = np.array(corpus.part_of, np.int64)[records["file"]]
    # Millions of rows repeat few names, so these columns hold numbers; sorted names, so that
    # the numbers sort as the names do.
    names = {"topic": TOPICS, "format": FORMATS, "file": corpus.files, "part": parts}
    kinds = {column: pl.Enum(sorted(set(values))) for column, values in names.items()}
    schema = {name: polars_schema(MANIFEST)[name] for name in DRAWN}
    frames = [pl.DataFrame(schema={**schema, "part": pl.String}).cast(kinds)]
    for part, path in enumerate(corpus.manifests):
        wanted = np.sort(records["index"][owner == part]).astype(np.int64)
        for mine in table_rows(path, MANIFEST, DRAWN, wanted) if wanted.size else ():
            frames.append(mine.with_columns(pl.lit(parts[part]).alias("part")).cast(kinds))
    return pl.concat(frames, rechunk=False)


def repeats_report(
    corpus: Corpus, count: int, first: Sequence[tuple[np.void, np.void]], parts: Sequence[str]
) -> dict[str, Any]:
    """The repeated ids as a report of malformed rows (the rows themselves are counted before)."""
    if not count:
        return {"rows": 0, "malformed": {}}
    examples = []
    for later, kept in first:
        pair = [
            rows_at(corpus, np.array([one], RECORD), parts).row(0, named=True)
            for one in (later, kept)
        ]
        place = f"{pair[1]['file']}:{pair[1]['row']}"
        detail = f"id {pair[0]['doc_id']!r} is already that of {place}; ids must be unique"
        examples.append({"file": pair[0]["file"], "row": pair[0]["row"], "detail": detail})
    return {
        "rows": 0,
        "malformed": {"repeated_id": {"count": count, "labels": {}, "examples": examples}},
    }


def draw_sample(
    manifests: Sequence[str], parts: Sequence[str], k: int, seed: int, scratch: Path
) -> tuple[pl.DataFrame, pl.DataFrame, int, dict[str, Any]]:
    """Draw from the manifests of all parts.

    Args:
        manifests: the manifest of each part.
        parts: name of each part.
        k: documents to draw in each bin.
        seed: seed of the draw.
        scratch: folder with room for 26 bytes a document.

    Returns:
        The rows of :func:`bottom_k`; topic, format and n_available of each bin with documents;
        the number of rows whose id another row has; and these as a report of malformed rows.
    """
    corpus = Corpus(manifests)
    total = corpus.rows()
    with KeyRuns(scratch, total) as runs:
        spill(corpus, runs, seed, total)
        drawn, repeated, first = draw(runs, corpus.places(), k)
    report = repeats_report(corpus, repeated, first, parts)
    rows = rows_at(corpus, drawn.records(), parts)
    return bottom_k(rows, k, seed), drawn.available_frame(), repeated, report


def main(snakemake: Any) -> None:
    """Draw, judge the malformed rows, and write sample and sampling report."""
    params, k = snakemake.params, snakemake.params.documents_per_bin
    reports = list(map(read_json, snakemake.input.malformed))
    check_malformed(merge_malformed(reports), params.max_malformed_share)
    drawn, available, repeated, repeats = draw_sample(
        list(snakemake.input.manifests),
        params.parts,
        k,
        params.seed,
        Path(snakemake.output.sample).parent,
    )
    dropped = repeated if params.repeated_ids == "drop" else 0
    malformed = merge_malformed(reports if dropped else [*reports, repeats])
    check_malformed(malformed, params.max_malformed_share)
    if drawn.is_empty():
        reasons = ", ".join(malformed["malformed"]) or "no line in them"
        raise DataError(
            f"the corpus is empty: {malformed['rows']:,} rows read, none a document ({reasons}); "
            "check the files that corpus.source points to"
        )
    sample = assign_ranks(drawn)
    contract = make_contract(sample, available, malformed, k, params.seed, dropped)
    write_table(sample, snakemake.output.sample, "corpus/sample")
    write_json(snakemake.output.contract, contract)
    log_left_out(contract["left_out"], dropped)
    logger.info(
        "%s documents drawn in %s bins (%s short, %s empty)",
        f"{sample.height:,}",
        contract["covered_bins"],
        len(contract["short_bins"]),
        contract["empty_bins"],
    )


if __name__ == "__main__":
    run_job(main, snakemake)
