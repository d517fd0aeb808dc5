"""Local files of questions: JSON, JSON lines, CSV and parquet, text left as it is written.

One way to read them all, for the check before a run and for lm-eval in the job: a table library
guesses types, which makes a timestamp of a date, null of ``None`` and a number of ``1``. Nothing
heavy is imported, and every row comes with its place for messages.
"""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import ConfigError, DataError
from workflow_scripts.corpus.sources.readers import unpack_zst

Rows = list[tuple[str, dict[str, Any]]]
# Format by ending; with .gz or .zst behind it the file is unpacked, except parquet.
ENDINGS = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
PACKED = (".gz", ".zst")
# Endings that say nothing: the task's format is taken.
BARE = ("", ".txt", *PACKED)
# Keys beside data_files that say how a file is to be read, by format.
OPTIONS = {"json": ("field",), "csv": ("delimiter", "sep", "column_names", "names"), "parquet": ()}


def read_questions(
    paths: Iterable[str], declared: str, options: Mapping[str, Any] | None = None
) -> Rows:
    """Read the rows of files of one format, in the order of the files.

    Args:
        paths: the files.
        declared: ``json``, ``csv`` or ``parquet``; JSON lines are ``json`` too.
        options: ``field`` of JSON; ``delimiter`` and ``column_names`` of CSV.

    Raises:
        ConfigError: a file's ending is that of another format.
        DataError: a file cannot be read, or a row is malformed; names file and row.
    """
    rows = []
    for path in paths:
        found = ending(path)
        if not found and Path(path).suffix.lower() not in BARE:
            raise ConfigError(
                f"{path} is of a format that is not read; allowed: {', '.join(ENDINGS)}, all but "
                "parquet also with .gz or .zst"
            )
        if found and ENDINGS[found] != declared:
            raise ConfigError(
                f"{path} ends in {found}, but is to be read as {declared!r}; name the format "
                f"{ENDINGS[found]!r} in the task's dataset_path (or data.reader), or another file"
            )
        rows += _FORMATS[declared](path, options or {})
    return rows


def ending(path: str) -> str:
    """File name extension that gives the format, empty if the format is not supported."""
    name = path.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return next((each for each in ENDINGS if name.endswith(each)), "")


def read_text(path: str) -> str:
    """A file's text, unpacked where its name ends in .gz or .zst.

    Raises:
        DataError: it cannot be read, is cut off, or is not UTF-8.
    """
    try:
        with Path(path).open("rb") as handle:
            if path.lower().endswith(".gz"):
                content = gzip.decompress(handle.read())
            elif path.lower().endswith(".zst"):
                content = b"".join(unpack_zst(handle))
            else:
                content = handle.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} cannot be read as UTF-8 text: byte {error.start} is not; save it as UTF-8"
        ) from None


def read_json_lines(path: str) -> Rows:
    """One JSON object a line, its keys as columns; blank lines are skipped.

    Raises:
        DataError: a line is no JSON object.
    """
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            origin = f"{path} line {number}"
            rows.append((origin, _object(_parse(line, origin), origin)))
    return rows


def read_json(path: str, options: Mapping[str, Any] | None = None) -> Rows:
    """A list of objects, an object of rows or of columns, or JSON lines.

    Raises:
        ConfigError: the key ``field`` names nothing in it.
        DataError: it is not JSON, or holds no rows.
    """
    field = (options or {}).get("field")
    text = read_text(path)
    lines = [line for line in text.split("\n") if line.strip()]
    objects = len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines[:2])
    if not field and (objects or not lines or ending(path) in (".jsonl", ".ndjson")):
        return read_json_lines(path)
    value = _parse(text, path)
    if field:
        if not isinstance(value, dict) or field not in value:
            known = ", ".join(value) if isinstance(value, dict) else "none, it is a list"
            raise ConfigError(f"{path} has no key {field!r} (field); its keys: {known}")
        value = value[field]
    rows = _rows_of(value, path)
    return [(f"{path} row {i}", _object(row, f"{path} row {i}")) for i, row in enumerate(rows, 1)]


def _rows_of(value: Any, path: str) -> list[Any]:
    """The rows in a JSON value: its items, its objects, its columns turned, or itself."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise DataError(f"{path} holds JSON {type(value).__name__}; questions are objects")
    values = list(value.values())
    if values and all(isinstance(item, dict) for item in values):
        return values
    if values and all(isinstance(item, list) for item in values):
        lengths = {len(item) for item in values}
        if len(lengths) > 1:
            raise DataError(f"{path}: its columns {', '.join(value)} differ in length")
        return [dict(zip(value, row, strict=True)) for row in zip(*values, strict=True)]
    nested = [key for key, item in value.items() if _is_rows(item)]
    if nested and len(nested) < len(values) and "choices" not in nested:
        raise DataError(
            f"{path} is one object with rows under {nested[0]!r}; name them: dataset_kwargs: "
            f"{{data_files: .., field: {nested[0]}}}"
        )
    return [value]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(i, dict) for i in value)


def _object(value: Any, origin: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{origin} is not a JSON object but {type(value).__name__}")
    return value


def _parse(text: str, origin: str) -> Any:
    """A JSON value, refusing what JSON allows or json takes and nobody can mean."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{origin} has the key {twice!r} twice; keep one of them")
        return found

    def constant(name: str) -> Any:
        raise DataError(f"{origin} holds {name}, which is no JSON value; write a number or a text")

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except json.JSONDecodeError as error:
        place = "" if " line " in origin else f" line {error.lineno}"
        raise DataError(f"{origin}{place} is not valid JSON: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{origin} is not valid JSON: {error}") from None
    if "\\u" in text:
        _check_unicode(value, origin)
    return value


def _check_unicode(value: Any, origin: str) -> None:
    """Refuse halves of surrogate pairs, which JSON can spell and no file or model can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise DataError(
            f"{origin} holds {half}, half of a surrogate pair, which is no character; write the "
            "whole character or remove it"
        ) from None


def read_csv(path: str, options: Mapping[str, Any] | None = None) -> Rows:
    """CSV with a header, every cell the text that is written; tabs part the fields of .tsv.

    Raises:
        ConfigError: the delimiter is not one character.
        DataError: the header names a column twice, or a row has another number of fields.
    """
    chosen = options or {}
    usual = "\t" if ending(path) == ".tsv" else ","
    delimiter = chosen.get("delimiter") or chosen.get("sep") or usual
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise ConfigError(f"the task's delimiter is {delimiter!r}; it must be one character")
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True, delimiter=delimiter)
    header = chosen.get("column_names") or chosen.get("names")
    rows, before = [], 0
    try:
        for fields in lines:
            origin, before = f"{path} line {before + 1}", lines.line_num
            if not fields:
                continue
            if header is None:
                header = _header(fields, path)
                continue
            if len(fields) != len(header):
                raise DataError(
                    f"{origin} has {len(fields)} fields, but there are {len(header)} columns: "
                    f"{', '.join(header)}"
                )
            rows.append((origin, dict(zip(header, fields, strict=True))))
    except csv.Error as error:
        raise DataError(f"{path} line {before + 1} is not valid CSV: {error}") from None
    return rows


def _header(fields: list[str], path: str) -> list[str]:
    twice = next((name for name in fields if fields.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: its header names the column {twice!r} twice; rename one of them")
    return fields


def read_parquet(path: str, options: Mapping[str, Any] | None = None) -> Rows:
    """Rows of a parquet file, values as stored; categories as their values.

    Raises:
        DataError: it cannot be read, or has two columns of one name.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _header(file.schema_arrow.names, path)
            found = file.read().to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read as parquet: {reason}") from None
    return [(f"{path} row {number}", row) for number, row in enumerate(found, start=1)]


_FORMATS: dict[str, Callable[[str, Mapping[str, Any]], Rows]] = {
    "json": read_json,
    "csv": read_csv,
    "parquet": read_parquet,
}
