"""Parquet tables with a declared schema, checked on every write and read.

The declarations are in ``schemas/tables/<stage>.yaml``, one entry a table:

    sample:
      description: what a row is
      sort: [topic, format, draw_rank]     # rows are sorted by this before writing
      key: [doc_id]                        # unique; defaults to ``sort``
      rows: 576                            # optional: the exact number of rows
      columns:
        doc_id: {dtype: str, description: ..., unit: ..., nullable: false}

``rows``, ``nullable`` (false) and ``optional`` (false) need not be there; an optional column may
be missing in a frame or an older file and is then null. ``dtype`` is one of ``DTYPES``.
"""

import functools
import os
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import atomic_path

DTYPES: dict[str, Any] = {
    "str": pl.String,
    "int": pl.Int64,
    "float": pl.Float64,
    "bool": pl.Boolean,
    "list[int]": pl.List(pl.Int32),
    "list[float]": pl.List(pl.Float64),
    "list[str]": pl.List(pl.String),
    "list[list[int]]": pl.List(pl.List(pl.Int32)),
}

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "tables"


@functools.cache
def table_schema(name: str) -> dict[str, Any]:
    """Declaration of the table ``<stage>/<table>``."""
    stage, _, table = name.partition("/")
    declarations = yaml.safe_load((FOLDER / f"{stage}.yaml").read_text())
    return declarations[table]


def polars_schema(name: str) -> dict[str, Any]:
    """Column names and polars dtypes of the table ``<stage>/<table>``."""
    return {column: DTYPES[spec["dtype"]] for column, spec in table_schema(name)["columns"].items()}


def write_table(frame: pl.DataFrame, path: str | os.PathLike, name: str) -> None:
    """Sort, check and write a table atomically.

    Columns are put in the declared order and cast where the cast loses nothing.

    Raises:
        DataError: the frame breaks the declaration of ``name``; nothing is written.
    """
    frame = conform(frame, path, name)
    if sort := table_schema(name)["sort"]:
        frame = frame.sort(sort)
    check_rows(frame, path, name)
    with atomic_path(path) as temporary:
        frame.write_parquet(temporary)


def conform(frame: pl.DataFrame, path: str | os.PathLike, name: str) -> pl.DataFrame:
    """The frame with the declared columns in their order and types.

    Raises:
        DataError: a column is missing, unknown, or of a type that cannot be cast.
    """
    declared, columns = polars_schema(name), table_schema(name)["columns"]
    for column, dtype in declared.items():
        if column not in frame.columns and columns[column].get("optional"):
            frame = frame.with_columns(pl.lit(None, dtype).alias(column))
    missing = [column for column in declared if column not in frame.columns]
    extra = [column for column in frame.columns if column not in declared]
    if missing or extra:
        raise DataError(f"table {name} for {path}: columns missing {missing}, unknown {extra}")
    try:
        return frame.select(list(declared)).cast(declared, strict=True)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"table {name} for {path}: {str(error).splitlines()[0]}") from None


def read_table(
    path: str | os.PathLike, name: str, columns: list[str] | None = None
) -> pl.DataFrame:
    """Read a table and check it against its declaration.

    Args:
        path: the parquet file.
        name: ``<stage>/<table>`` in ``schemas/tables/``.
        columns: read these alone (their types are checked, the key is not).

    Raises:
        DataError: the file is not the declared table.
    """
    absent = check_columns(path, name, columns)
    present = columns and [column for column in columns if column not in absent]
    try:
        frame = pl.read_parquet(path, columns=present)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    for column in absent:
        frame = frame.with_columns(pl.lit(None, polars_schema(name)[column]).alias(column))
    if columns is None:
        check_rows(frame, path, name)
    return frame


def check_columns(
    path: str | os.PathLike, name: str, columns: list[str] | None = None
) -> list[str]:
    """Check that a file has the declared columns, or some of them.

    Returns:
        Optional columns that it lacks.

    Raises:
        DataError: it cannot be read, or a column is missing or of another type.
    """
    wanted, declared, absent = polars_schema(name), table_schema(name)["columns"], []
    try:
        found = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    for column in columns or wanted:
        if column not in found and declared[column].get("optional"):
            absent.append(column)
            continue
        if column not in found:
            raise DataError(f"{path}: column {column!r} of table {name} is missing")
        if found[column] != wanted[column]:
            raise DataError(
                f"{path}: column {column!r} is {found[column]}, "
                f"table {name} declares {wanted[column]}"
            )
    return absent


def check_rows(frame: pl.DataFrame, path: str | os.PathLike, name: str) -> None:
    """Check row count, nulls, finiteness and key of a frame in declared columns.

    Raises:
        DataError: the frame breaks the declaration.
    """
    spec = table_schema(name)
    rows = spec.get("rows")
    if rows is not None and frame.height != rows:
        raise DataError(f"{path}: table {name} has {frame.height} rows, must have {rows}")
    for column, properties in spec["columns"].items():
        values = frame[column]
        if values.null_count() and not properties.get("nullable", False):
            raise DataError(f"{path}: column {column!r} of table {name} holds nulls")
        if properties["dtype"] == "float" and not values.drop_nulls().is_finite().all():
            raise DataError(f"{path}: column {column!r} of table {name} holds NaN or infinity")
    key = spec.get("key", spec["sort"])
    if key and frame.height and frame.select(key).is_duplicated().any():
        row = frame.filter(frame.select(key).is_duplicated()).row(0, named=True)
        values = ", ".join(f"{column}={row[column]!r}" for column in key)
        raise DataError(f"{path}: table {name} has several rows with {values}")
