"""Labels in files beside the documents: numbers by row, a manifest by id, annotations by row.

They are put into each raw record under ``LABELS``; :mod:`records` reads them there.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.corpus.sources.hub import MANIFEST, NUMBERS, numbers_file
from workflow_scripts.corpus.sources.readers import Raw, parse_line, raw_rows, read_lines
from workflow_scripts.corpus.sources.records import LABELS, Malformed, best_label, follow

KINDS = ("topic", "format")
Rows = Iterator[tuple[int, Raw]]


class SideLabels:
    """The labels beside the documents of one part.

    Holds the manifest of a hub dataset where there is one: about 200 bytes a document of it.
    """

    def __init__(
        self, layout: Mapping[str, Any], root: str = "", annotations: pl.DataFrame | None = None
    ) -> None:
        """Read what holds for all files of the part.

        Args:
            layout: as :func:`~workflow_scripts.corpus.sources.sources.source_layout` gives it.
            root: folder below which the files lie.
            annotations: table ``corpus/annotations`` of the part; labels of the source win.

        Raises:
            DataError: the manifest cannot be read.
        """
        self.layout, self.root, self.annotations = layout, root, annotations
        self.by_id = read_manifest(layout, root) if "manifest" in layout else {}

    def rows(self, file: str) -> Rows:
        """Yield (row, raw record with its labels) of a source file.

        Raises:
            DataError: as :func:`raw_rows`; or a file of numbers does not fit the documents.
        """
        rows = raw_rows(file, self.layout, root=self.root)
        for kind in KINDS:
            field = self.layout[kind]
            if field.startswith(NUMBERS):
                numbers = os.path.join(self.root, numbers_file(field.removeprefix(NUMBERS), file))
                rows = _numbered(rows, kind, numbers, os.path.join(self.root, file))
            elif field.startswith(MANIFEST):
                rows = self._listed(rows, kind)
        return rows if self.annotations is None else self._annotated(rows, file)

    def _listed(self, rows: Rows, kind: str) -> Rows:
        position = KINDS.index(kind)
        for row, raw in rows:
            if isinstance(raw, dict):
                found = self.by_id.get(str(follow(raw, self.layout["id"])))
                raw = with_labels(raw, {kind: found[position]} if found else {})
            yield row, raw

    def _annotated(self, rows: Rows, file: str) -> Rows:
        mine = self.annotations.filter(pl.col("file") == file)
        labels = {row: (t, f) for row, t, f in mine.select("row", *KINDS).iter_rows()}
        for row, raw in rows:
            if row in labels and isinstance(raw, dict):
                pairs = zip(KINDS, labels[row], strict=True)
                raw = with_labels(raw, {kind: label for kind, label in pairs if label})
            yield row, raw


def with_labels(raw: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
    """The record with labels beside it, added to those it has."""
    return {**raw, LABELS: {**raw.get(LABELS, {}), **labels}}


def _numbered(rows: Rows, kind: str, path: str, documents: str) -> Rows:
    try:
        numbers = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
        raise DataError(
            f"{path} has shape {numbers.shape} and type {numbers.dtype}; a label file must hold "
            "one whole number a document"
        )
    row = 0
    for row, raw in rows:
        if row > len(numbers):
            break
        yield row, with_labels(raw, {kind: int(numbers[row - 1])}) if isinstance(raw, dict) else raw
    if row != len(numbers):
        raise DataError(
            f"{path} has {len(numbers):,} numbers, but {documents} goes on at row {row:,}"
            if row > len(numbers)
            else f"{path} has {len(numbers):,} numbers, but {documents} ends at row {row:,}"
        )


def read_manifest(layout: Mapping[str, Any], root: str) -> dict[str, tuple[Any, Any]]:
    """Labels by id from the manifest files of a hub dataset.

    Raises:
        DataError: a file cannot be read, or lacks a column; the message names it.
    """
    fields = [layout["manifest_id"]] + [
        layout[kind].removeprefix(MANIFEST) if layout[kind].startswith(MANIFEST) else ""
        for kind in KINDS
    ]
    known: dict[tuple, tuple] = {}
    labels: dict[str, tuple] = {}
    for file in layout["manifest"]:
        for doc_id, *pair in _manifest_rows(os.path.join(root, file), fields):
            # Few pairs, many documents: each pair is kept once.
            labels[str(doc_id)] = known.setdefault(tuple(pair), tuple(pair))
    return labels


def _manifest_rows(path: str, fields: list[str]) -> Iterator[tuple]:
    if not path.endswith(".parquet"):
        for row, line in read_lines(path):
            raw = parse_line(line)
            if isinstance(raw, Malformed):
                raise DataError(f"{path}:{row}: {raw.detail}")
            if follow(raw, fields[0]) is None:
                raise DataError(f"{path}:{row}: no {fields[0]!r}, the id of the manifest")
            doc_id, *labels = (follow(raw, field) if field else None for field in fields)
            yield doc_id, *map(best_label, labels)
        return
    try:
        found = pl.read_parquet_schema(path)
        for field in filter(None, fields):
            if field not in found:
                raise DataError(
                    f"{path} has no column {field!r}, which corpus.hub asks of the manifest; "
                    f"columns found: {', '.join(found)}"
                )
        frame = pl.read_parquet(path, columns=sorted(set(filter(None, fields))))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{Path(path)} cannot be read: {reason}") from None
    columns = [pl.col(f) if f else pl.lit(None) for f in fields]
    rows = frame.select(c.alias(str(i)) for i, c in enumerate(columns)).iter_rows()
    yield from ((doc_id, *map(best_label, labels)) for doc_id, *labels in rows)
