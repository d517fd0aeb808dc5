"""Collect the text of the working set's documents in one part of the source.

in   sample: table corpus/sample; documents, attributes: source files of the part
out  documents: table corpus/documents
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import polars_schema, read_table, write_table
from workflow_scripts.corpus.readers import raw_rows
from workflow_scripts.corpus.records import Document, read_document

COLUMNS = ("doc_id", "topic", "format", "url_domain", "text")


def collect_file(file: str, rows: Mapping[int, str], layout: Mapping[str, str]) -> pl.DataFrame:
    """Read some documents of one source file.

    Args:
        file: the source file.
        rows: id of the document expected at each row.
        layout: as :func:`~workflow_scripts.corpus.sources.source_layout` gives it.

    Raises:
        IntegrityError: the file no longer holds these documents there.
    """
    columns: dict[str, list[str | None]] = {name: [] for name in COLUMNS}
    for row, raw in raw_rows(file, layout, rows):
        document = read_document(raw, layout) if isinstance(raw, dict) else raw
        found = document.doc_id if isinstance(document, Document) else document.detail
        if found != rows[row]:
            raise IntegrityError(
                f"{file}:{row} held id {rows[row]!r} when it was indexed, but now: {found!r}; "
                "the file has changed, run again to index it anew"
            )
        for name in COLUMNS:
            columns[name].append(getattr(document, name))
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
    sample = read_table(snakemake.input.sample, "corpus/sample").filter(pl.col("part") == part)
    frames = [pl.DataFrame(schema=polars_schema("corpus/documents"))]
    progress = Progress(sample.height, "documents")
    for file in snakemake.input.documents:
        mine = sample.filter(pl.col("file") == file)
        if mine.height:
            rows = dict(mine.select("row", "doc_id").iter_rows())
            frames.append(collect_file(file, rows, snakemake.params.layout))
            progress.advance(mine.height)
    documents = pl.concat(frames)
    if documents.height != sample.height:
        raise IntegrityError(
            f"part {part} has {sample.height} drawn documents, but {documents.height} of them "
            "lie in its files; run again to index the part anew"
        )
    write_table(documents, snakemake.output.documents, "corpus/documents")


if __name__ == "__main__":
    run_job(main, snakemake)
