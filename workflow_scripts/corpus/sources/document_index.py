"""The manifest of a part: one row per document, and the count of rows that are none."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import polars_schema
from workflow_scripts.corpus.sources.left_out import UNKNOWN
from workflow_scripts.corpus.sources.readers import Raw, missing_column, top_column
from workflow_scripts.corpus.sources.records import Document, Malformed, read_document
from workflow_scripts.corpus.sources.side_labels import SideLabels

# Text has about four bytes a token in large vocabularies: four letters of English, one or two
# characters of Chinese. The estimate only balances shards; the counts of the tokenizer replace
# it afterwards.
BYTES_PER_TOKEN = 4
EXAMPLES = 3
# Distinct labels counted of a reason: a column of texts taken for labels must not fill the memory.
LABELS_COUNTED = 500
ROWS_AT_ONCE = 2**16


class MalformedRows:
    """Counts of malformed rows by reason and label, with the first few of each reason."""

    def __init__(self) -> None:
        """Start without rows."""
        self.rows = 0
        self.reasons: dict[str, dict[str, Any]] = {}

    def add(self, file: str, row: int, problem: Malformed) -> None:
        """Count one malformed row."""
        entry = self.reasons.setdefault(problem.reason, _no_rows())
        entry["count"] += 1
        entry["labels"].update(problem.labels)
        if len(entry["labels"]) > 2 * LABELS_COUNTED:
            entry["labels"] = Counter(most_frequent(entry["labels"], LABELS_COUNTED))
        if len(entry["examples"]) < EXAMPLES:
            entry["examples"].append({"file": file, "row": row, "detail": problem.detail})

    def as_json(self) -> dict[str, Any]:
        """``rows`` (all rows read) and ``malformed`` (reason -> count, labels, first examples)."""
        return with_labels_bounded({"rows": self.rows, "malformed": self.reasons}, LABELS_COUNTED)


def _no_rows() -> dict[str, Any]:
    return {"count": 0, "labels": Counter(), "examples": []}


def most_frequent(labels: Mapping[str, int], number: int) -> dict[str, int]:
    """The most frequent labels, ties in the order of the alphabet."""
    return dict(sorted(labels.items(), key=lambda pair: (-pair[1], pair[0]))[:number])


def with_labels_bounded(report: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The report with the most frequent labels of each reason alone."""
    reasons = {
        reason: {**entry, "labels": most_frequent(entry.get("labels", {}), number)}
        for reason, entry in report["malformed"].items()
    }
    return {**report, "malformed": reasons}


def merge_malformed(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up the reports of several parts, in their order."""
    total: dict[str, Any] = {"rows": 0, "malformed": {}}
    for report in reports:
        total["rows"] += report["rows"]
        for reason, entry in report["malformed"].items():
            sum_ = total["malformed"].setdefault(reason, _no_rows())
            sum_["count"] += entry["count"]
            sum_["labels"].update(entry.get("labels", {}))
            sum_["examples"] = [*sum_["examples"], *entry["examples"]][:EXAMPLES]
    return total


def check_malformed(report: Mapping[str, Any], allowed_share: float) -> None:
    """Refuse a corpus of which too large a share is malformed.

    Raises:
        DataError: names file, row and reason of the first malformed row, all counts, and the
            share allowed.
    """
    bad = sum(entry["count"] for entry in report["malformed"].values())
    if not bad or bad <= allowed_share * report["rows"]:
        return
    first = next(iter(report["malformed"].values()))["examples"][0]
    raise DataError(
        f"{first['file']}:{first['row']}: {first['detail']}; {bad:,} of {report['rows']:,} rows "
        f"are malformed ({reasons_listed(report)}), allowed share "
        f"{allowed_share:g}: correct the rows or raise corpus.max_malformed_share"
    )


def reasons_listed(report: Mapping[str, Any]) -> str:
    """Reasons with their counts, in one line."""
    reasons = sorted(report["malformed"].items())
    return ", ".join(f"{name} {entry['count']:,}{_spelt(name, report)}" for name, entry in reasons)


def _spelt(reason: str, report: Mapping[str, Any]) -> str:
    """The most frequent unknown labels of a reason, in brackets."""
    if reason not in UNKNOWN:
        return ""
    first = most_frequent(report["malformed"][reason]["labels"], EXAMPLES)
    return f" ({', '.join(f'{label!r} {rows:,}' for label, rows in first.items())})"


def index_files(
    files: Sequence[str],
    layout: Mapping[str, Any],
    malformed: MalformedRows,
    root: str = "",
    annotations: pl.DataFrame | None = None,
) -> Iterator[pl.DataFrame]:
    """Read every row of some source files once, keeping no text.

    Args:
        files: the source files of one part, sorted.
        layout: as :func:`~workflow_scripts.corpus.sources.sources.source_layout` gives it.
        malformed: takes the rows that are no documents.
        root: folder below which the files lie; they are named without it.
        annotations: labels made for documents without, table ``corpus/annotations``.

    Yields:
        The manifest (columns of the table ``corpus/manifest``) in its order, piece by piece.

    Raises:
        DataError: a file is damaged, or a declared column is in none of its rows.
    """
    beside = SideLabels(layout, root, annotations)
    progress, documents = Progress(len(files), "files indexed"), 0
    for file in files:
        for piece in _index_file(file, layout, malformed, beside):
            documents += piece.height
            progress.advance(0, f"{documents:,} documents")
            yield piece
        progress.advance(1, f"{documents:,} documents")


def _index_file(
    file: str, layout: Mapping[str, Any], malformed: MalformedRows, beside: SideLabels
) -> Iterator[pl.DataFrame]:
    schema = polars_schema("corpus/manifest")
    rows: list[tuple] = []
    absent = {field: 0 for field in ("id", "text", "topic", "format", "url") if layout[field]}
    first_keys: list[str] | None = None
    objects = 0
    for row, raw in beside.rows(file):
        malformed.rows += 1
        document = raw if isinstance(raw, Malformed) else read_document(raw, layout)
        if not isinstance(raw, Malformed):
            objects += 1
            first_keys = first_keys or list(raw)
            _count_absent(absent, raw, layout)
        if isinstance(document, Malformed):
            malformed.add(file, row, document)
            continue
        rows.append(_manifest_row(document, file, row))
        if len(rows) == ROWS_AT_ONCE:
            yield pl.DataFrame(rows, schema=schema, orient="row")
            rows = []
    for field, count in absent.items():
        if objects and count == objects:
            raise DataError(missing_column(file, layout, field, first_keys or []))
    yield pl.DataFrame(rows, schema=schema, orient="row")


def _count_absent(absent: dict[str, int], raw: Raw, layout: Mapping[str, Any]) -> None:
    """Count the fields whose column a row does not even have.

    In the Dolma layout metadata.url is the usual place of the URL, not a promise.
    """
    for field in absent:
        column = top_column(layout, field, raw)
        if column and not (layout["kind"] == "dolma" and field == "url"):
            absent[field] += column not in raw


def _manifest_row(document: Document, file: str, row: int) -> tuple:
    """The values of a manifest row, in the order of the table's columns."""
    return (
        document.doc_id,
        document.topic,
        document.format,
        math.ceil(len(document.text.encode()) / BYTES_PER_TOKEN),
        len(document.text),
        document.source,
        document.url_domain,
        file,
        row,
    )
