"""Rows of the source that are no documents: by reason, by label, and when that is a caution."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

logger = logging.getLogger("atlas")

# Unknown labels that are listed one by one; the others are counted together.
LISTED = 20
# A reason is a caution where it takes more than this share of all rows, or of those of a label.
SHARE_OF_ALL, SHARE_OF_LABEL = 0.01, 0.5
UNKNOWN = ("unknown_topic", "unknown_format")


def left_out_rows(
    malformed: Mapping[str, Any], available: Mapping[tuple[str, str], int]
) -> list[dict[str, Any]]:
    """Rows left out, most first.

    An unknown label has an entry of its own, by its spelling, and loses all its rows; beyond the
    ``LISTED`` most frequent, one entry without a label counts the rest. Another reason has an
    entry without a label, and one more for each label of the taxonomy of which it takes most.

    Args:
        malformed: merged report of malformed rows.
        available: documents of each bin.

    Returns:
        mappings of reason, label (or None), rows, share_of_all, share_of_label (or None) and
        caution.
    """
    rows_of = _rows_by_label(malformed, available)
    entries = []
    for reason, entry in malformed["malformed"].items():
        counts = _by_label(reason, entry, rows_of)
        for label, rows in counts:
            share = rows / malformed["rows"]
            of_label = None if label is None else 1.0
            if label is not None and reason not in UNKNOWN:
                of_label = rows / rows_of[label]
            entries.append(
                {
                    "reason": reason,
                    "label": label,
                    "rows": rows,
                    "share_of_all": share,
                    "share_of_label": of_label,
                    "caution": share > SHARE_OF_ALL or (of_label or 0) > SHARE_OF_LABEL,
                }
            )
    return sorted(entries, key=lambda e: (-e["rows"], e["reason"], e["label"] or ""))


def _by_label(
    reason: str, entry: Mapping[str, Any], rows_of: Mapping[str, int]
) -> Iterator[tuple[str | None, int]]:
    ranked = sorted(entry.get("labels", {}).items(), key=lambda pair: (-pair[1], pair[0]))
    if reason in UNKNOWN:
        yield from ranked[:LISTED]
        rest = entry["count"] - sum(rows for _, rows in ranked[:LISTED])
        if rest:
            yield None, rest
        return
    yield None, entry["count"]
    yield from ((label, n) for label, n in ranked if n > SHARE_OF_LABEL * rows_of[label])


def _rows_by_label(
    malformed: Mapping[str, Any], available: Mapping[tuple[str, str], int]
) -> Counter[str]:
    """Rows that carry each label, documents or not."""
    rows: Counter[str] = Counter()
    for pair, documents in available.items():
        for label in pair:
            rows[label] += documents
    for entry in malformed["malformed"].values():
        rows.update(entry.get("labels", {}))
    return rows


def log_left_out(entries: list[dict[str, Any]], repeated: int) -> None:
    """Say in the log which rows were left out, cautions as warnings."""
    for entry in entries:
        caution, label = entry["caution"], entry["label"]
        text = "caution: " * caution + entry["reason"] + (f" {label!r}" if label else "")
        text += f": {entry['rows']:,} rows left out"
        text += f", {entry['share_of_all']:.2%} of all"
        if entry["share_of_label"] is not None:
            text += f", {entry['share_of_label']:.0%} of that label"
        logger.log(logging.WARNING if caution else logging.INFO, "%s", text)
    if repeated:
        logger.info("%s rows dropped because another row has their id", f"{repeated:,}")
