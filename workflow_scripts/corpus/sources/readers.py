"""Raw rows of the source files, one at a time: JSON lines (plain, gzip, zstandard) and parquet.

A row number counts from 1 and is the line number in a file of lines, so that ``file:row`` can
be opened in an editor.
"""

import gzip
import json
import os
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from workflow_scripts.common.errors import DataError
from workflow_scripts.corpus.sources.hub import MANIFEST, NUMBERS
from workflow_scripts.corpus.sources.records import Malformed
from workflow_scripts.corpus.sources.sources import (
    attribute_file,
    attribute_names,
    partition_columns,
)

FIELDS = ("id", "text", "topic", "format", "url", "source")
BESIDE = ("attributes:", NUMBERS, MANIFEST)
CHUNK_BYTES = 2**20
PARQUET_BATCH = 1024
# zstd --long=31: frames ask for the window that they were packed with, most for 8 MiB or less.
LARGEST_WINDOW = 2**31

Raw = dict[str, Any] | Malformed


def raw_rows(
    file: str,
    layout: Mapping[str, Any],
    wanted: Collection[int] | None = None,
    root: str = "",
) -> Iterator[tuple[int, Raw]]:
    """Yield (row, raw record) of a source file in its order.

    In a Dolma layout the record also has ``attributes``: attribute mapping by folder name. Columns
    that folders state (``topic=health/part.parquet``) are part of the record.

    Args:
        file: the file; its suffix says how it is read.
        layout: as :func:`~workflow_scripts.corpus.sources.sources.source_layout` gives it.
        wanted: rows to yield; the rest is passed over without parsing. None yields all.
        root: folder below which the file lies.

    Raises:
        DataError: the file cannot be read to its end, lacks a declared column, or an attribute
            file is not aligned with it.
    """
    path = os.path.join(root, file)
    stated = partition_columns(path)
    rows = _rows(path, layout, wanted, stated)
    if not stated:
        yield from rows
        return
    for row, raw in rows:
        yield row, {**stated, **raw} if isinstance(raw, dict) else raw


def _rows(
    path: str, layout: Mapping[str, Any], wanted: Collection[int] | None, stated: Collection[str]
) -> Iterator[tuple[int, Raw]]:
    """Rows in the order of the file; ``stated`` names columns that its folders state."""
    if path.endswith(".parquet"):
        yield from _parquet_rows(path, layout, wanted, stated)
        return
    attributes = {name: attribute_file(path, name) for name in attribute_names(layout)}
    if attributes:
        yield from _dolma_rows(path, attributes, wanted)
        return
    last = max(wanted, default=0) if wanted is not None else None
    for row, line in read_lines(path):
        if wanted is None or row in wanted:
            yield row, parse_line(line)
        if last is not None and row >= last:
            return


def read_lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, bytes) of each line that is not blank.

    Raises:
        DataError: the file is damaged or truncated; the message names the last good line.
    """
    row = 0
    try:
        with _opened(path) as lines:
            for row, line in enumerate(lines, start=1):
                if line.strip():
                    yield row, line
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read after line {row}: {error}") from None


@contextmanager
def _opened(path: str) -> Iterator[Iterator[bytes]]:
    with Path(path).open("rb") as handle:
        if path.endswith(".gz"):
            with gzip.open(handle) as unpacked:
                yield unpacked
        elif path.endswith(".zst"):
            yield _split_lines(unpack_zst(handle))
        else:
            yield handle


def unpack_zst(handle: BinaryIO) -> Iterator[bytes]:
    """Unpack zstandard frame by frame.

    The library's stream reader takes a file that ends inside a frame for a finished one and
    loses its tail without a word; here the end of each frame is checked.
    """
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
    frame, inside = decompressor.decompressobj(), False
    try:
        while data := handle.read(CHUNK_BYTES):
            while data:
                inside = True
                yield frame.decompress(data)
                data = b""
                if frame.eof:
                    data = frame.unused_data
                    frame, inside = decompressor.decompressobj(), False
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from None
    if inside:
        raise EOFError("compressed file ended before the end of a zstandard frame")


def _split_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def parse_line(line: bytes) -> Raw:
    """A JSON object from one line, or what is wrong with it."""
    try:
        raw = json.loads(line.rstrip(b"\r\n").decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Malformed("invalid_utf8", f"byte {error.start} of the line is not UTF-8")
    except json.JSONDecodeError as error:
        return Malformed("invalid_json", f"not valid JSON, {error.msg} at column {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return Malformed("invalid_json", f"not valid JSON, {error}")
    if not isinstance(raw, dict):
        return Malformed("not_an_object", f"JSON {type(raw).__name__} in place of an object")
    return raw


def _dolma_rows(
    path: str, attributes: Mapping[str, str], wanted: Collection[int] | None
) -> Iterator[tuple[int, Raw]]:
    """Documents with their attributes, which other files hold in the same order."""
    others = {name: read_lines(file) for name, file in attributes.items()}
    row = 0
    for row, line in read_lines(path):
        beside = {name: next(lines, None) for name, lines in others.items()}
        for name, other in beside.items():
            if other is None:
                raise DataError(
                    f"{attributes[name]} ends before line {row} of {path}; "
                    "attribute files must have a line for each document"
                )
        if wanted is None or row in wanted:
            yield row, _with_attributes(path, row, parse_line(line), attributes, beside)
    for name, lines in others.items():
        if (extra := next(lines, None)) is not None:
            raise DataError(
                f"{attributes[name]}:{extra[0]} has no document: {path} ends at line {row}; "
                "attribute files must have a line for each document"
            )


def _with_attributes(
    path: str,
    row: int,
    document: Raw,
    files: Mapping[str, str],
    beside: Mapping[str, tuple[int, bytes]],
) -> Raw:
    if isinstance(document, Malformed):
        return document
    found = {}
    for name, (line_number, line) in beside.items():
        other = parse_line(line)
        place = f"{files[name]}:{line_number}"
        if isinstance(other, Malformed):
            return Malformed("invalid_attributes", f"{place}: {other.detail}")
        if other.get("id") != document.get("id"):
            raise DataError(
                f"{place} is for id {other.get('id')!r}, but {path}:{row} is "
                f"{document.get('id')!r}; attribute files must follow the order of the documents"
            )
        values = other.get("attributes")
        if not isinstance(values, dict):
            return Malformed("invalid_attributes", f"{place}: no mapping 'attributes'")
        found[name] = values
    return {**document, "attributes": found}


def _parquet_rows(
    path: str, layout: Mapping[str, Any], wanted: Collection[int] | None, stated: Collection[str]
) -> Iterator[tuple[int, Raw]]:
    import pyarrow
    import pyarrow.parquet

    row = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            found = file.schema_arrow.names
            columns = [top_column(layout, field, found) for field in FIELDS]
            for field, column in zip(FIELDS, columns, strict=True):
                if column and column not in found and column not in stated:
                    raise DataError(missing_column(path, layout, field, found))
            columns = [column for column in columns if column in found]
            for batch in file.iter_batches(PARQUET_BATCH, columns=list(dict.fromkeys(columns))):
                for record in batch.to_pylist():
                    row += 1
                    if wanted is None or row in wanted:
                        yield row, record
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read after row {row}: {reason}") from None


def top_column(layout: Mapping[str, Any], field: str, found: Collection[str] = ()) -> str:
    """The column of a row that holds a field, empty where none has to: labels beside the rows.

    Args:
        layout: as :func:`~workflow_scripts.corpus.sources.sources.source_layout` gives it.
        field: id, text, topic, format, url or source.
        found: columns that are there; a dotted name may be one.
    """
    where = layout[field]
    if where in found:
        return where
    beside = layout["kind"] != "table" and where.startswith(BESIDE)
    return "" if beside else where.split(".")[0]


def missing_column(path: str, layout: Mapping[str, Any], field: str, found: Collection[str]) -> str:
    """Message for a declared column that a file does not have."""
    return (
        f"{path} has no column {layout[field]!r}, which {layout['config']} declares as the "
        f"{field}; columns found: {', '.join(found) or 'none'}"
    )
