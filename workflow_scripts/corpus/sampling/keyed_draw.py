"""The draw of the working set: the k documents of each bin with the smallest keyed hash.

The hash depends on the seed and the document's id alone. So the draw does not depend on the
order or partition of the files, the draws of parts can be merged, and a larger draw contains
every smaller one.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.corpus.sampling.external_sort import RECORD
from workflow_scripts.corpus.sources.document_index import with_labels_bounded
from workflow_scripts.corpus.sources.left_out import LISTED, left_out_rows

BIN = ["topic", "format"]
PURPOSE = "draw"


def draw_keys(doc_ids: Sequence[str], seed: int) -> np.ndarray:
    """Keyed 64-bit hash of each id: ``common.streams.stable_hash(seed, "draw", id)``.

    The state after key and purpose is made once and copied, which halves the time an id takes.

    Args:
        doc_ids: ids, in any order.
        seed: the seed of the draw.

    Returns:
        (n,) uint64.
    """
    start = hashlib.blake2b(f"{PURPOSE}\x1f".encode(), digest_size=8, key=str(seed).encode())
    keys = bytearray()
    for doc_id in doc_ids:
        state = start.copy()
        state.update(doc_id.encode())
        keys += state.digest()
    return np.frombuffer(bytes(keys), dtype=">u8").astype(np.uint64)


def add_keys(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The frame with the column ``draw_key`` (uint64) of its ``doc_id``."""
    keys = draw_keys(frame["doc_id"].to_list(), seed)
    return frame.with_columns(pl.Series("draw_key", keys, dtype=pl.UInt64))


def bottom_k(frame: pl.DataFrame, k: int, seed: int) -> pl.DataFrame:
    """The ``k`` documents of each bin with the smallest keys, ties broken by id.

    ``bottom_k(concat(bottom_k(part) for all parts))`` equals ``bottom_k(concat(parts))``.

    Args:
        frame: columns topic, format, doc_id (unique) and any others; ``draw_key`` is added
            where it is missing.
        k: documents to keep in each bin; shorter bins keep all.
        seed: the seed of the draw.

    Returns:
        The kept rows with ``draw_key``, sorted by topic, format, key and id.
    """
    if "draw_key" not in frame.columns:
        frame = add_keys(frame, seed)
    order = [*BIN, "draw_key", "doc_id"]
    return frame.sort(order).filter(pl.int_range(pl.len()).over(BIN) < k)


class BinDraw:
    """Takes the corpus in the order of the draw keys and keeps the first ``k`` of each bin.

    Memory is that of the kept records. Rows of equal keys at the border of a bin are all kept:
    :func:`bottom_k` decides among them by their ids.
    """

    def __init__(self, k: int) -> None:
        """Start with empty bins that take ``k`` documents each."""
        self.k = k
        self.available = np.zeros(len(BINS), np.int64)
        self.limit = np.full(len(BINS), np.iinfo(np.uint64).max, np.uint64)
        self.kept: list[np.ndarray] = []

    def add(self, records: np.ndarray) -> None:
        """Take the next records.

        Args:
            records: of ``key_runs.RECORD``, sorted by key, no id twice, keys above those of
                earlier calls.
        """
        by_bin = records[np.argsort(records["bin"], kind="stable")]
        bins = by_bin["bin"].astype(np.int64)
        counts = np.bincount(bins, minlength=len(BINS))
        starts = np.cumsum(counts) - counts
        rank = np.arange(len(by_bin)) - starts[bins] + self.available[bins]
        last = rank == self.k - 1
        self.limit[bins[last]] = by_bin["key"][last]
        self.kept.append(by_bin[(rank < self.k) | (by_bin["key"] == self.limit[bins])])
        self.available += counts

    def records(self) -> np.ndarray:
        """The kept records."""
        return np.concatenate([np.empty(0, RECORD), *self.kept])

    def available_frame(self) -> pl.DataFrame:
        """Topic, format, n_available of each bin with documents."""
        rows = [(*BINS[i], int(n)) for i, n in enumerate(self.available) if n]
        schema = {"topic": pl.String, "format": pl.String, "n_available": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")


def assign_ranks(drawn: pl.DataFrame) -> pl.DataFrame:
    """Number the drawn documents of each bin in the order of the draw.

    A larger draw only appends to this order.

    Args:
        drawn: rows of :func:`bottom_k`.

    Returns:
        The rows with ``draw_rank``, without ``draw_key``.
    """
    ranked = drawn.sort([*BIN, "draw_key", "doc_id"])
    return ranked.with_columns(pl.int_range(pl.len()).over(BIN).alias("draw_rank")).drop("draw_key")


def make_contract(
    sample: pl.DataFrame,
    available: pl.DataFrame,
    malformed: dict[str, Any],
    k: int,
    seed: int,
    repeated: int = 0,
) -> dict[str, Any]:
    """Sampling report: documents requested, drawn and rejected.

    Args:
        sample: the working set (topic, format, n_tokens_estimate).
        available: topic, format, n_available of each bin with documents.
        malformed: merged report of malformed rows.
        k: documents asked of each bin.
        seed: the seed of the draw.
        repeated: rows left out because another row has their id, where that is no error.
    """
    counts = {(t, f): n for t, f, n in available.select(*BIN, "n_available").iter_rows()}
    short = [
        {"topic": t, "format": f, "available": counts[t, f]}
        for t, f in BINS
        if 0 < counts.get((t, f), 0) < k
    ]
    return {
        "documents_per_bin": k,
        "seed": seed,
        "bins": len(BINS),
        "covered_bins": len(counts),
        "full_bins": len(counts) - len(short),
        "short_bins": short,
        "empty_bins": len(BINS) - len(counts),
        "documents": sample.height,
        "tokens_estimated": int(sample["n_tokens_estimate"].sum()),
        "documents_available": sum(counts.values()),
        "available": {
            topic: {f: counts[t, f] for t, f in BINS if t == topic and (t, f) in counts}
            for topic in dict.fromkeys(t for t, f in BINS if (t, f) in counts)
        },
        "rows_read": malformed["rows"],
        "repeated_rows": repeated,
        "malformed_rows": sum(entry["count"] for entry in malformed["malformed"].values()),
        "malformed": with_labels_bounded(malformed, LISTED)["malformed"],
        "left_out": left_out_rows(malformed, counts),
    }
