"""Rows of the whole corpus in the order of their draw keys, in memory that does not grow with it.

An external sort: each piece of a manifest is sorted and appended to one scratch file; then the
key space is cut into equal ranges, and the rows of one range, a few from every piece, are read
and sorted together. Keys are hashes, so the ranges are of about equal size.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

# ``check`` is a second hash of the id: equal keys and equal checks are one id. ``file`` and
# ``index`` say where the row is: number of the file, and position in the manifest of its part.
RECORD = np.dtype(
    [("key", "<u8"), ("check", "<u8"), ("bin", "<u2"), ("file", "<u4"), ("index", "<u4")]
)
ROWS_PER_RANGE = 2**21


class KeyRuns:
    """Sorted runs of records in an unnamed scratch file, which vanishes with the process."""

    def __init__(self, folder: Path, rows: int, rows_per_range: int = ROWS_PER_RANGE) -> None:
        """Open a scratch file of ``rows`` records (26 bytes each) in ``folder``."""
        ranges = max(1, -(-rows // rows_per_range))
        self.edges = np.array([(i << 64) // ranges for i in range(1, ranges)], dtype=np.uint64)
        self.file = tempfile.TemporaryFile(dir=folder, prefix=".tmp-keys-")  # noqa: SIM115
        self.offsets: list[np.ndarray] = []
        self.rows = 0

    def __enter__(self) -> "KeyRuns":
        """The runs themselves."""
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the scratch space back."""
        self.file.close()

    def add(self, records: np.ndarray) -> None:
        """Append records, in any order.

        Args:
            records: (n,) of :data:`RECORD`.
        """
        records = records[np.argsort(records["key"], kind="stable")]
        cuts = np.searchsorted(records["key"], self.edges)
        self.offsets.append(self.rows + np.concatenate([[0], cuts, [len(records)]]))
        self.file.write(records.tobytes())
        self.rows += len(records)

    def ranges(self) -> Iterator[np.ndarray]:
        """Yield the records of one key range after the other, sorted by key within each."""
        self.file.flush()
        for i in range(len(self.edges) + 1):
            parts = [np.empty(0, RECORD)]
            for offsets in self.offsets:
                self.file.seek(int(offsets[i]) * RECORD.itemsize)
                count = int(offsets[i + 1] - offsets[i])
                parts.append(np.fromfile(self.file, RECORD, count))
            records = np.concatenate(parts)
            yield records[np.argsort(records["key"], kind="stable")]


def split_copies(records: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Part records of one key range into those that are kept and later copies of their ids.

    Of the rows with one id, the first by bin, file and row is kept, whatever the order in which
    they were read.

    Args:
        records: (n,) of :data:`RECORD`, sorted by key.
        place: (files,) int; position of each file number in the sorted list of files.

    Returns:
        Kept records, sorted by key; and copies as (m, 2) of :data:`RECORD`: the copy, and the
        record that is kept in its place.
    """
    keys = records["key"]
    same = np.flatnonzero(keys[1:] == keys[:-1])
    if not same.size:
        return records, np.empty((0, 2), RECORD)
    chosen = np.zeros(len(records), bool)
    chosen[same] = chosen[same + 1] = True
    group = records[chosen]
    order = np.lexsort(
        (group["index"], place[group["file"]], group["bin"], group["check"], group["key"])
    )
    group = group[order]
    first = np.ones(len(group), bool)
    first[1:] = (group["key"][1:] != group["key"][:-1]) | (
        group["check"][1:] != group["check"][:-1]
    )
    owner = np.flatnonzero(first)[np.cumsum(first) - 1]
    kept = np.concatenate([records[~chosen], group[first]])
    kept = kept[np.argsort(kept["key"], kind="stable")]
    return kept, np.stack([group[~first], group[owner[~first]]], axis=1)
