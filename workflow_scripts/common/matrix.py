"""An existing bin matrix in place of a study's own maps: read, and checked row by row.

Wide form: columns topic, format, optionally doc_count, and one column a benchmark. Long form, as
a study's own table of bins: columns benchmark, topic, format, influence (or z), optionally n_docs
or doc_count; other columns are left out. A bin that is not in the file, or whose cell is empty,
was not scored; a bin of 0 documents has no value. Read while the configuration is completed, so
a csv needs nothing heavy.
"""

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import ConfigError, DataError
from workflow_scripts.common.taxonomy import label_problem

NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
KEYS = ("topic", "format")
COUNTS = ("doc_count", "n_docs")
VALUES = ("influence", "z")
LEAST_BINS = 2

Bin = tuple[str, str]
# What the file holds in one row: its number for people, and its cells by column.
Row = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True)
class Matrix:
    """One value for every bin and benchmark.

    Attributes:
        benchmarks: names, in the order of the file.
        values: bin -> benchmark -> value, None where the bin was not scored.
        counts: bin -> documents; empty where the file does not state them.
    """

    benchmarks: tuple[str, ...]
    values: Mapping[Bin, Mapping[str, float | None]]
    counts: Mapping[Bin, int]


def read_matrix(path: str) -> Matrix:
    """Read and check a matrix.

    Raises:
        ConfigError: the file is not there, or of a kind that is not read.
        DataError: names the file, the row, the value and what is allowed.
    """
    columns, rows = read_rows(path, "influence.matrix")
    count = next((name for name in COUNTS if name in columns), None)
    _check_columns(path, columns)
    long = "benchmark" in columns
    if long:
        value = next(name for name in VALUES if name in columns)
        cells = _long_cells(path, rows, value)
    else:
        names = [name for name in columns if name not in (*KEYS, *COUNTS)]
        cells = ((row, name, row[1][name]) for row in rows for name in names)
    values: dict[Bin, dict[str, float | None]] = {}
    counts: dict[Bin, int] = {}
    for row, name, text in cells:
        place = _bin(path, row)
        if name in values.setdefault(place, {}):
            what = f"{name} in " if long else ""
            raise DataError(
                f"{_at(path, row)}: {what}bin {place[0]} x {place[1]} is there a second time; "
                "a matrix has one row a bin"
            )
        values[place][name] = number(path, row, name, text)
        if count:
            _count(path, row, count, place, counts)
            if counts[place] == 0 and values[place][name] is not None:
                raise DataError(
                    f"{_at(path, row)}: {name} is {text} and {count} is 0; leave the cell empty "
                    "where a bin has no documents"
                )
    benchmarks = tuple(dict.fromkeys(name for cells in values.values() for name in cells))
    _check_filled(path, benchmarks, values)
    return Matrix(benchmarks, values, counts)


def read_rows(path: str, key: str) -> tuple[list[str], list[Row]]:
    """Column names and rows of a csv or parquet file.

    Args:
        path: the file.
        key: config key that names it.

    Raises:
        ConfigError: it is not there, or of a kind that is not read.
        DataError: it cannot be read, or a row has too few or too many cells.
    """
    suffix = Path(path).suffix
    if suffix not in (".csv", ".parquet"):
        raise ConfigError(f"config key {key!r} is {path!r}; allowed: a .csv or .parquet file")
    if not Path(path).is_file():
        raise ConfigError(f"config key {key!r} is {path!r}, which does not exist; check the path")
    if suffix == ".parquet":
        return _parquet_rows(path)
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as handle:
            lines = [line for line in csv.reader(handle) if line] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as csv in UTF-8: {error}") from None
    columns = [name.strip() for name in lines[0]]
    repeated = next((name for name in columns if columns.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path}: column {repeated!r} is there more than once")
    for position, line in enumerate(lines[1:], start=2):
        if len(line) != len(columns):
            raise DataError(
                f"{path}, row {position}: {len(line)} cells, the header has {len(columns)}"
            )
    named = (dict(zip(columns, line, strict=True)) for line in lines[1:])
    return columns, list(enumerate(named, start=2))


def _parquet_rows(path: str) -> tuple[list[str], list[Row]]:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    return frame.columns, list(enumerate(frame.iter_rows(named=True), start=1))


def _check_columns(path: str, columns: list[str]) -> None:
    """Check the columns that a matrix has to have, and the names of its benchmarks."""
    absent = [name for name in KEYS if name not in columns]
    if absent:
        raise DataError(
            f"{path}: column {absent[0]!r} is missing; a matrix has topic, format and one column a "
            f"benchmark (found: {', '.join(columns) or 'nothing'})"
        )
    if "benchmark" in columns:
        if not any(name in columns for name in VALUES):
            raise DataError(
                f"{path}: column 'influence' is missing; a matrix with the column benchmark has "
                "its values in influence or z"
            )
        return
    names = [name for name in columns if name not in (*KEYS, *COUNTS)]
    if not names:
        raise DataError(f"{path}: no column of a benchmark beside topic, format and doc_count")
    for name in names:
        _check_name(f"{path}: column", name)


def _check_name(where: str, name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DataError(
            f"{where} {name!r} cannot be the name of a benchmark; allowed: lower-case letters, "
            "digits and _"
        )


def _long_cells(path: str, rows: list[Row], value: str) -> Iterator[tuple[Row, str, Any]]:
    for row in rows:
        name = row[1]["benchmark"]
        _check_name(f"{_at(path, row)}: benchmark", name)
        yield row, name, row[1][value]


def _at(path: str, row: Row) -> str:
    return f"{path}, row {row[0]}"


def _bin(path: str, row: Row) -> Bin:
    place = (row[1]["topic"], row[1]["format"])
    if problem := label_problem(*place):
        raise DataError(f"{_at(path, row)}: {problem}; docs/configuration.md lists the labels")
    return place


def number(path: str, row: Row, name: str, value: Any) -> float | None:
    """The number in a cell, or None where it is empty.

    Raises:
        DataError: it is no finite number; names the row and the value.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        read = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        read = math.nan
    if not math.isfinite(read):
        raise DataError(
            f"{_at(path, row)}: {name} is {value!r}; allowed: a finite number, or an empty cell "
            "where there is none"
        )
    return read


def _count(path: str, row: Row, column: str, place: Bin, counts: dict[Bin, int]) -> None:
    """Take up the documents of a bin, which every row of the bin states alike."""
    value = number(path, row, column, row[1][column])
    if value is None or value < 0 or value != int(value):
        raise DataError(
            f"{_at(path, row)}: {column} is {row[1][column]!r}; allowed: a whole number, 0 or more"
        )
    if counts.setdefault(place, int(value)) != int(value):
        raise DataError(
            f"{_at(path, row)}: {column} of bin {place[0]} x {place[1]} is {int(value)} here and "
            f"{counts[place]} in an earlier row"
        )


def _check_filled(
    path: str, benchmarks: tuple[str, ...], values: Mapping[Bin, Mapping[str, float | None]]
) -> None:
    """Check that every benchmark has bins to compare."""
    if len(values) < LEAST_BINS:
        raise DataError(f"{path}: {len(values)} bins; a matrix has at least {LEAST_BINS}")
    for name in benchmarks:
        scored = sum(cells.get(name) is not None for cells in values.values())
        if scored < LEAST_BINS:
            raise DataError(
                f"{path}: benchmark {name!r} has values in {scored} bins; it needs at least "
                f"{LEAST_BINS}"
            )
