"""The tables of the folder: the bin matrix, and tables without the text of documents."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.tables import polars_schema, read_table, table_schema, write_table

# Tables with a column that holds text of documents.
EXAMPLES = "influence/examples"
TEXT = "text"
# A piece of a text that no format of file writes differently, and its least length to
# identify one text.
PLAIN = re.compile(r"[A-Za-z0-9 ,;.]{40,}")
READABLE = {".html", ".csv", ".json", ".md", ".rst", ".svg", ".yaml", ".txt", ".cff"}


def bin_matrix(bins: pl.DataFrame) -> pl.DataFrame:
    """One row a bin: topic, format, doc_count, and each benchmark's influence (mean cosine).

    Args:
        bins: the table ``influence/bin_influence``.
    """
    names = bins["benchmark"].unique(maintain_order=True).to_list()
    wide = bins.pivot("benchmark", on_columns=names, index=["topic", "format"], values="influence")
    counts = bins.filter(benchmark=names[0]).select(
        "topic", "format", pl.col("n_docs").alias("doc_count")
    )
    return counts.join(wide, on=["topic", "format"]).sort("topic", "format")


def table_name(path: str) -> str | None:
    """Declared name of the table in a file, by its place in the study; None for other files.

    ``unlearning/a/top01/seed42/sets.parquet`` is ``unlearning/sets``, and
    ``unlearning/a/top01/evaluation/b.parquet`` is ``unlearning/evaluation``.
    """
    place = PurePosixPath(path)
    if place.suffix != ".parquet":
        return None
    if place.parts[:2] == ("validation", "bins"):
        return "influence/bin_influence"
    for part in (place.stem, *reversed(place.parts[1:-1])):
        name = f"{place.parts[0]}/{part}"
        if _declared(name):
            return name
    return None


def _declared(name: str) -> bool:
    try:
        return bool(table_schema(name))
    except (KeyError, FileNotFoundError):
        return False


def write_without_text(source: Path, target: Path, name: str) -> None:
    """Copy a table with its text column emptied."""
    frame = read_table(source, name)
    empty = pl.lit(None, dtype=polars_schema(name)[TEXT]).alias(TEXT)
    write_table(frame.with_columns(empty), target, name)


def text_pieces(examples: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Id and an identifying piece of the text of every example that has one."""
    for doc_id, text in examples.select("doc_id", TEXT).drop_nulls(TEXT).iter_rows():
        if found := PLAIN.search(text):
            yield doc_id, found[0][:80]


def check_no_text(folder: Path, pieces: Iterable[tuple[str, str]]) -> None:
    """Refuse a folder in which a page or a table that people read holds one of these pieces.

    Raises:
        DataError: names the file, the document and the config keys.
    """
    pieces = list(pieces)
    for path in sorted(folder.rglob("*")):
        if not pieces or path.suffix not in READABLE or not path.is_file():
            continue
        content = path.read_text(errors="replace")
        for doc_id, piece in pieces:
            if piece in content:
                raise DataError(
                    f"{path} holds text of document {doc_id}; set 'influence.examples.text' to "
                    "false and make it again, or share texts with 'publish.text'"
                )
