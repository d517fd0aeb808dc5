"""A look at the files of a corpus: how many documents, in which bins, how long.

Some rows are read, not the corpus: enough for a plan, which is made every time the rules are
read. Of plain lines they come from all over the files, of packed ones from the beginning of some.
Nothing that cannot be read stops the plan; the run says what is wrong with a file.
"""

import functools
import gzip
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.corpus.sources.sources import source_files, source_layout

# Plain files up to this size are read whole, larger ones in so many places; of packed files so
# much is unpacked, of so many.
WHOLE, PLACES, PIECE = 4 * 2**20, 48, 2**16
UNPACKED, PACKED_FILES = 2**20, 4
FIELDS = ("text", "topic", "format")


@dataclass(frozen=True)
class Seen:
    """Estimates from a sample of the source files.

    Attributes:
        documents: in all files.
        text_bytes: of a document's text, on average.
        shares: of the documents in each bin that was seen; empty where labels are not in the rows.
    """

    documents: int
    text_bytes: float
    shares: tuple[float, ...]


@dataclass
class Tally:
    """Rows looked at so far."""

    rows: int = 0
    text_bytes: float = 0
    line_bytes: float = 0
    bins: Counter = field(default_factory=Counter)

    def add(self, line: bytes, columns: Mapping[str, str]) -> None:
        """Take up one line; one that is no document is passed over."""
        try:
            raw = json.loads(line)
            text, topic, form = (_value(raw, columns[name]) for name in FIELDS)
        except (ValueError, AttributeError, RecursionError):
            return
        self.rows += 1
        self.line_bytes += len(line) + 1
        self.text_bytes += len(str(text or "").encode("utf-8", "replace"))
        if topic is not None and form is not None:
            self.bins[str(topic), str(form)] += 1


def look(config: Mapping[str, Any]) -> Seen | None:
    """Look at the local files of a study; None where they are elsewhere or cannot be read.

    Args:
        config: the complete configuration.
    """
    if config["corpus"]["source"] not in ("files", "dolma"):
        return None
    try:
        files, layout = source_files(config, ""), source_layout(config)
        sized = tuple((file, os.path.getsize(file)) for file in files)
        return _look(sized, tuple((name, layout[name]) for name in FIELDS))
    except (AtlasError, OSError):
        return None


@functools.lru_cache(maxsize=16)
def _look(files: tuple[tuple[str, int], ...], columns: tuple[tuple[str, str], ...]) -> Seen | None:
    kind, named = os.path.splitext(files[0][0])[1], dict(columns)
    try:
        if kind == ".parquet":
            return _parquet(files, named)
        return _packed(files, named) if kind in (".gz", ".zst") else _plain(files, named)
    except (OSError, EOFError, ValueError, KeyError, ImportError, zlib.error):
        return None


def _value(raw: Mapping[str, Any], path: str) -> Any:
    """Value at a column or dotted path, None if it is missing."""
    if not isinstance(raw, Mapping):
        return None  # a row that is no object is counted as malformed when it is read
    if path in raw:
        return raw[path]
    value: Any = raw
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _seen(tally: Tally, source_bytes: float) -> Seen | None:
    """The whole from the rows looked at, by the bytes that a row takes."""
    if not tally.rows:
        return None
    documents = max(tally.rows, round(source_bytes / (tally.line_bytes / tally.rows)))
    labelled = sum(tally.bins.values())
    shares = tuple(count / labelled for count in tally.bins.values())
    return Seen(documents, tally.text_bytes / tally.rows, shares)


def _plain(files: Sequence[tuple[str, int]], columns: Mapping[str, str]) -> Seen | None:
    total, tally = sum(size for _, size in files), Tally()
    starts = [total * place // PLACES for place in range(PLACES)]
    before = 0
    for file, size in files:
        own = [start - before for start in starts if before <= start < before + size]
        before += size
        with Path(file).open("rb") as handle:
            pieces = _pieces(handle, own) if total > WHOLE else [handle.read()]
            for piece in pieces:
                for line in piece.split(b"\n"):
                    tally.add(line, columns)
    return _seen(tally, total)


def _pieces(handle: Any, starts: Sequence[int]) -> Iterator[bytes]:
    """Whole lines at some places of a file; a line longer than a piece is read to its end."""
    for start in starts:
        handle.seek(start)
        if start:
            handle.readline()
        piece = handle.read(PIECE)
        yield piece if piece.endswith(b"\n") else piece + handle.readline()


def _packed(files: Sequence[tuple[str, int]], columns: Mapping[str, str]) -> Seen | None:
    tally, unpacked, packed = Tally(), 0, 0
    chosen = files[:: -(-len(files) // PACKED_FILES)]
    for file, size in chosen:
        with Path(file).open("rb") as handle:
            wanted = 8 * UNPACKED if len(chosen) == 1 else UNPACKED
            content = b"".join(_beginning(_unpacked(file, handle), wanted))
            packed += min(size, handle.tell())
        unpacked += len(content)
        for line in content.split(b"\n"):
            tally.add(line, columns)
    return _seen(tally, sum(size for _, size in files) * unpacked / max(packed, 1))


def _unpacked(file: str, handle: Any) -> Any:
    if file.endswith(".gz"):
        return gzip.open(handle)
    import zstandard

    unpack = zstandard.ZstdDecompressor(max_window_size=2**31)
    return unpack.stream_reader(handle, read_size=2**13, read_across_frames=True)


def _beginning(stream: Any, wanted: int) -> Iterator[bytes]:
    """So many bytes of a packed file, fewer where it ends or is damaged."""
    while wanted > 0:
        try:
            piece = stream.read(min(wanted, PIECE))
        except Exception:  # each kind of packing has errors of its own
            return
        if not piece:
            return
        wanted -= len(piece)
        yield piece


def _parquet(files: Sequence[tuple[str, int]], columns: Mapping[str, str]) -> Seen | None:
    import pyarrow.parquet as parquet

    tally, rows, text_bytes, read_bytes = Tally(), 0, 0.0, 0
    chosen = files[:: -(-len(files) // PACKED_FILES)]
    for file, size in chosen:
        opened = parquet.ParquetFile(file)
        rows, read_bytes = rows + opened.metadata.num_rows, read_bytes + size
        for group in range(opened.metadata.num_row_groups):
            of_group = opened.metadata.row_group(group)
            for place in range(of_group.num_columns):
                column = of_group.column(place)
                if column.path_in_schema == columns["text"]:
                    text_bytes += column.total_uncompressed_size
        names = [columns["topic"], columns["format"]]
        if set(names) <= set(opened.schema_arrow.names) and opened.metadata.num_row_groups:
            labels = opened.read_row_group(0, columns=names).to_pydict()
            tally.bins.update(zip(*(map(str, labels[name]) for name in names), strict=True))
    if not rows:
        return None
    documents = round(rows * sum(size for _, size in files) / read_bytes)
    labelled = sum(tally.bins.values())
    shares = tuple(count / labelled for count in tally.bins.values())
    return Seen(documents, text_bytes / rows, shares)
