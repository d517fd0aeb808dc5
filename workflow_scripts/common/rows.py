"""Rows of a small csv or parquet file that a person has made, as tools write such files.

Read while a study is planned, so a csv needs nothing heavy.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import ConfigError, DataError

# One row of a file: its number for people, and its cells by column.
Row = tuple[int, Mapping[str, Any]]
# Names that pandas, R and others give the column with the numbers of the rows.
INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__|index|level_0", re.IGNORECASE)


def read_rows(path: str, key: str, known: Sequence[str] = ()) -> tuple[list[str], list[Row]]:
    """Column names and rows of a csv or parquet file, without a column that numbers the rows.

    Args:
        path: the file.
        key: config key that names it.
        known: columns that are found in any case: ``Topic`` is then ``topic``.

    Raises:
        ConfigError: it is not there, or of a kind that is not read.
        DataError: it cannot be read, or a row has too few or too many cells.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ConfigError(f"config key {key!r} is {path!r}; allowed: a .csv or .parquet file")
    if not Path(path).is_file():
        raise ConfigError(
            f"config key {key!r} is {path!r}, which is no file: it does not exist, or "
            "is a folder; check the path"
        )
    columns, cells = _csv_cells(path) if suffix == ".csv" else _parquet_cells(path)
    columns = [
        name.strip().lower() if name.strip().lower() in known else name.strip() for name in columns
    ]
    repeated = next((name for name in columns if columns.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path}: column {repeated!r} is there more than once")
    rows = [(number, dict(zip(columns, line, strict=True))) for number, line in cells]
    kept = [name for name in columns if not _numbers_rows(name, rows)]
    return kept, [(number, {name: row[name] for name in kept}) for number, row in rows]


def _csv_cells(path: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle)
            # Rows count from 1, the header; a cell may span lines.
            lines = [
                (n, line) for n, line in enumerate(reader, start=1) if any(map(str.strip, line))
            ]
    except UnicodeDecodeError:
        raise DataError(
            f"{path} cannot be read: {_not_utf8(path)}; save it as csv in UTF-8"
        ) from None
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as csv: {error}") from None
    columns = lines[0][1] if lines else []
    if len(columns) == 1 and (mark := next((m for m in ";\t|" if m in columns[0]), None)):
        raise DataError(
            f"{path}: the header is one cell, {columns[0]!r}; separate cells by commas, not by "
            f"{mark!r}"
        )
    for number, line in lines[1:]:
        if len(line) != len(columns):
            raise DataError(
                f"{path}, row {number}: {len(line)} cells, the header has {len(columns)}"
            )
    # Spreadsheets leave columns without a name and without a value.
    kept = [i for i, name in enumerate(columns) if name.strip() or _filled(lines[1:], i)]
    return [columns[i] for i in kept], [(n, [line[i] for i in kept]) for n, line in lines[1:]]


def _filled(lines: Sequence[tuple[int, Sequence[str]]], column: int) -> bool:
    return any(line[column].strip() for _, line in lines)


def _not_utf8(path: str) -> str:
    """Say where a file stops being UTF-8."""
    content = Path(path).read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it is UTF-16"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return f"line {line} holds the byte {content[error.start]:#x}, which is not UTF-8"
    return "it is not UTF-8"


def _parquet_cells(path: str) -> tuple[list[str], list[tuple[int, tuple]]]:
    import polars as pl

    try:
        frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    return frame.columns, list(enumerate(frame.iter_rows(), start=1))


def _numbers_rows(name: str, rows: Sequence[Row]) -> bool:
    """True if a column is the index of a data frame: distinct whole numbers under such a name."""
    if not INDEX.fullmatch(name):
        return False
    cells = [str(row[name]).strip() for _, row in rows]
    return all(cell.isdecimal() for cell in cells) and len(set(cells)) == len(cells)
