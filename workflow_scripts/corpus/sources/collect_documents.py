"""Collect the text of the working set's documents in one part of the source.

in   sample: table corpus/sample; documents, attributes: source files of the part; receipt: of
     fetch_files, for a hub dataset
out  documents: table corpus/documents
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.streamed_tables import scan_table, table_writer
from workflow_scripts.common.tables import polars_schema
from workflow_scripts.corpus.sources.fetch_files import open_source
from workflow_scripts.corpus.sources.readers import raw_rows
from workflow_scripts.corpus.sources.records import Document, read_document
from workflow_scripts.corpus.sources.side_labels import KINDS, with_labels

Drawn = Sequence[str]
COLUMNS = ("doc_id", "topic", "format", "url_domain", "text")


def collect_file(
    file: str, rows: Mapping[int, Drawn], layout: Mapping[str, Any], root: str = ""
) -> pl.DataFrame:
    """Read some documents of one source file.

    Args:
        file: the source file.
        rows: id, topic and format of the document expected at each row.
        layout: as :func:`~workflow_scripts.corpus.sources.sources.source_layout` gives it.
        root: folder below which the file lies.

    Raises:
        IntegrityError: the file no longer holds these documents there.
    """
    columns: dict[str, list[str | None]] = {name: [] for name in COLUMNS}
    for row, raw in raw_rows(file, layout, rows, root):
        doc_id, *labels = rows[row]
        if isinstance(raw, dict):
            # Labels as the manifest has them, whatever their source; they are not looked up again.
            raw = read_document(with_labels(raw, dict(zip(KINDS, labels, strict=True))), layout)
        found = raw.doc_id if isinstance(raw, Document) else raw.detail
        if found != doc_id:
            raise IntegrityError(
                f"{file}:{row} held id {doc_id!r} when it was indexed, but now: {found!r}; "
                "the file has changed, run again to index it anew"
            )
        for name in COLUMNS:
            columns[name].append(getattr(raw, name))
    if len(columns["doc_id"]) != len(rows):
        raise IntegrityError(
            f"{file} held {len(rows)} drawn documents when it was indexed, but now "
            f"{len(columns['doc_id'])}; the file has changed, run again to index it anew"
        )
    schema = polars_schema("corpus/documents")
    return pl.DataFrame(columns, schema={name: schema[name] for name in COLUMNS})


def main(snakemake: Any) -> None:
    """Collect file by file."""
    part = snakemake.wildcards.part
    columns = ["doc_id", "topic", "format", "part", "file", "row"]
    table = scan_table(snakemake.input.sample, "corpus/sample", columns)
    sample = table.filter(pl.col("part") == part).collect()
    layout, source = snakemake.params.layout, snakemake.input
    receipts, data = source.get("receipt", []), snakemake.params.get("data", "")
    files, root = open_source(source.documents, receipts, layout, data)
    frames = [pl.DataFrame(schema=polars_schema("corpus/documents"))]
    progress = Progress(sample.height, "documents")
    for file in files:
        mine = sample.filter(pl.col("file") == file)
        if mine.height:
            rows = {row: drawn for row, *drawn in mine.select("row", "doc_id", *KINDS).iter_rows()}
            frames.append(collect_file(file, rows, layout, root))
            progress.advance(mine.height)
    documents = pl.concat(frames)
    if documents.height != sample.height:
        raise IntegrityError(
            f"part {part} has {sample.height} drawn documents, but {documents.height} of them "
            "lie in its files; run again to index the part anew"
        )
    with table_writer(snakemake.output.documents, "corpus/documents") as table:
        table.write(documents.sort("topic", "format", "doc_id"))


if __name__ == "__main__":
    run_job(main, snakemake)
