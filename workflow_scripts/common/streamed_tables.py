"""Declared tables that are too long to hold: written and read piece by piece.

The same declarations and checks as :mod:`workflow_scripts.common.tables`; memory depends on the
piece, not on the table.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import atomic_path
from workflow_scripts.common.tables import (
    check_columns,
    check_rows,
    conform,
    polars_schema,
    table_schema,
)

# Small enough that a reader who wants some bins of a sorted table skips the rest of it.
ROWS_PER_GROUP = 16_384
ROWS_PER_PIECE = 2**19


class TableWriter:
    """Takes the pieces of a table in the order of its sort columns."""

    def __init__(self, writer: Any, path: str | os.PathLike, name: str) -> None:
        """Write to an open parquet writer; :func:`table_writer` makes one."""
        self.writer, self.path, self.name = writer, path, name
        self.sort = table_schema(name)["sort"]
        self.last: tuple | None = None
        self.rows = 0

    def write(self, frame: pl.DataFrame) -> None:
        """Check and append a piece.

        Raises:
            DataError: the piece breaks the declaration, or does not follow the one before.
        """
        if frame.is_empty():
            return
        frame = conform(frame, self.path, self.name)
        check_rows(frame, self.path, self.name)
        keys = frame.select(self.sort)
        if not keys.equals(keys.sort(self.sort)) or (self.last and keys.row(0) <= self.last):
            raise DataError(
                f"{self.path}: table {self.name} is written out of the order of "
                f"{', '.join(self.sort)} near {keys.row(0)}"
            )
        self.last = keys.row(-1)
        self.rows += frame.height
        self.writer.write_table(
            frame.to_arrow().cast(self.writer.schema), row_group_size=ROWS_PER_GROUP
        )


@contextmanager
def table_writer(path: str | os.PathLike, name: str) -> Iterator[TableWriter]:
    """Write a table piece by piece, atomically: nothing is left where the block fails.

    For tables whose key is their sort order.
    """
    import pyarrow.parquet

    schema = pl.DataFrame(schema=polars_schema(name)).to_arrow().schema
    with (
        atomic_path(path) as temporary,
        pyarrow.parquet.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        yield TableWriter(writer, path, name)


def table_pieces(
    path: str | os.PathLike, name: str, columns: list[str], rows: int = ROWS_PER_PIECE
) -> Iterator[pl.DataFrame]:
    """Yield a table in pieces of at most ``rows`` rows, in its order.

    Raises:
        DataError: the file is not the declared table.
    """
    for batch in _batches(path, name, columns, rows):
        yield pl.DataFrame(pl.from_arrow(batch))


def table_rows(
    path: str | os.PathLike, name: str, columns: list[str], positions: np.ndarray
) -> Iterator[pl.DataFrame]:
    """Yield the rows at some positions of a table, piece by piece, in its order.

    The rows are copied out before polars sees them: a polars frame of some strings keeps the
    memory of all those it was cut from.

    Args:
        path: the parquet file.
        name: ``<stage>/<table>`` in ``schemas/tables/``.
        columns: read these alone.
        positions: (n,) int, sorted; positions of the wanted rows, from 0.

    Raises:
        DataError: the file is not the declared table.
    """
    start = 0
    for batch in _batches(path, name, columns, ROWS_PER_PIECE):
        low, high = np.searchsorted(positions, [start, start + batch.num_rows])
        if low < high:
            yield pl.DataFrame(pl.from_arrow(batch.take(positions[low:high] - start)))
        start += batch.num_rows


def _batches(path: str | os.PathLike, name: str, columns: list[str], rows: int) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    check_columns(path, name, columns)
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            # A reader keeps something of every row group it has passed (14 bytes a row were
            # measured), so each run of row groups gets one of its own.
            for groups in _runs_of_groups(file.metadata, rows):
                yield from file.iter_batches(rows, row_groups=groups, columns=columns)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def _runs_of_groups(metadata: Any, rows: int) -> Iterator[list[int]]:
    """Row groups in runs of at most ``rows`` rows, or of one group."""
    run: list[int] = []
    held = 0
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).num_rows
        if run and held + size > rows:
            yield run
            run, held = [], 0
        run.append(group)
        held += size
    if run:
        yield run


def scan_table(path: str | os.PathLike, name: str, columns: list[str]) -> pl.LazyFrame:
    """Some columns of a table, read when collected; filters skip what they can.

    Raises:
        DataError: the file is not the declared table.
    """
    check_columns(path, name, columns)
    return pl.scan_parquet(path).select(columns)
