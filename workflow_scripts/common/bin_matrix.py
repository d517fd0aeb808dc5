"""An existing bin matrix in place of a study's own maps: read, and checked row by row.

Wide form: columns topic, format, optionally doc_count, and one column a benchmark. Long form, as
a study's own table of bins: columns benchmark, topic, format, influence (or z), optionally n_docs
or doc_count; other columns are left out. A bin that is not in the file, or whose cell is empty,
was not scored; a bin of 0 documents has no value. Read while the configuration is completed, so
a csv needs nothing heavy.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.labels import read_label, unknown_label
from workflow_scripts.common.rows import Row, read_rows

NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
KEYS = ("topic", "format")
COUNTS = ("doc_count", "n_docs")
VALUES = ("influence", "z")
LEAST_BINS = 2

Bin = tuple[str, str]


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
    columns, rows = read_rows(path, "influence.matrix", (*KEYS, *COUNTS, "benchmark"))
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
    labels = {kind: read_label(kind, row[1][kind]) for kind in KEYS}
    for kind, label in labels.items():
        if label is None:
            problem = unknown_label(kind, row[1][kind])
            raise DataError(f"{_at(path, row)}: {problem}; docs/configuration.md lists the labels")
    return labels["topic"], labels["format"]


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
