"""Sketches: sums of document rows per (bin, fold), and what bin influence is read from.

Influence is a mean of cosines, so it is linear in the unit rows: the mean over a bin's
documents of v(x) . v(q) equals (sum of v(x) over the bin) . v(q) / count, exactly, for any
query, also one invented later. Three variants are summed in the same pass:

- ``trackstar``: whitened unit rows, as stored;
- ``cosine``: unit rows without preconditioner;
- ``dot``: raw rows.
"""

import contextlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts.attribution.compatibility import check_same
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import atomic_path
from workflow_scripts.common.taxonomy import BINS, bin_index

VARIANTS = ("trackstar", "cosine", "dot")


class SketchSums:
    """Accumulates rows into (bin, fold) groups, in float32 in the machine's memory.

    Never on a GPU: 576 bins x 16 folds of a 7B model are 6.3 GB for the three variants, while the
    rows of one batch, which must cross anyway where rows are kept, are some megabytes.
    """

    def __init__(self, bins: np.ndarray, folds: np.ndarray, dim: int) -> None:
        """Number the occupied groups.

        Args:
            bins: (n,) int; position in ``BINS`` of each document of the shard.
            folds: (n,) int; fold of each document.
            dim: entries of a row.
        """
        pairs = np.stack([bins, folds], axis=1).astype(np.int64)
        self.groups, inverse, self.counts = np.unique(
            pairs, axis=0, return_inverse=True, return_counts=True
        )
        self.group_of_row = torch.as_tensor(inverse.reshape(-1))
        self.sums = {variant: torch.zeros(len(self.groups), dim) for variant in VARIANTS}

    def add(self, indices: list[int], rows: Mapping[str, torch.Tensor]) -> None:
        """Add a batch: ``rows`` maps each variant to (n, dim) float32, on any device."""
        groups = self.group_of_row[indices]
        for variant, values in rows.items():
            self.sums[variant].index_add_(0, groups, values.cpu())

    def sketch(self, variant: str, manifest: Mapping[str, Any]) -> "Sketch":
        """The sums of one variant as a sketch in memory."""
        return Sketch(
            bins=self.groups[:, 0],
            folds=self.groups[:, 1],
            counts=self.counts.astype(np.int64),
            sums=self.sums[variant].numpy(),
            manifest=dict(manifest),
        )


def write_sketch(
    path: str | os.PathLike,
    sums: SketchSums,
    documents: Mapping[str, np.ndarray],
    manifest: Mapping[str, Any],
) -> None:
    """Write one shard's sketch.

    Args:
        path: the npz file.
        sums: its accumulated groups.
        documents: per document ``doc_id`` (n,) str, ``loss`` (n,) float32 nats per token and
            ``gradient_norm`` (n,) float32 of the raw projected gradient.
        manifest: what it was made with.
    """
    topics, formats = zip(*(BINS[index] for index in sums.groups[:, 0]), strict=True)
    arrays = {
        "topic": np.array(topics),
        "format": np.array(formats),
        "fold": sums.groups[:, 1].astype(np.int32),
        "count": sums.counts.astype(np.int64),
        "manifest": np.array(json.dumps(dict(manifest), sort_keys=True)),
        **{variant: values.numpy() for variant, values in sums.sums.items()},
        **documents,
    }
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, **arrays)


@dataclass(frozen=True)
class Sketch:
    """Sums of rows per (bin, fold), over all shards.

    Attributes:
        bins: (G,) int64; position in ``BINS``.
        folds: (G,) int64.
        counts: (G,) int64; documents in the group.
        sums: (G, d) float32; sums of their rows.
        manifest: what the sketch was made with.
    """

    bins: np.ndarray
    folds: np.ndarray
    counts: np.ndarray
    sums: np.ndarray
    manifest: dict[str, Any]

    def bin_counts(self) -> np.ndarray:
        """(576,) int64; documents per bin."""
        return np.bincount(self.bins, weights=self.counts, minlength=len(BINS)).astype(np.int64)


def load_sketches(
    paths: Sequence[str | os.PathLike],
    variant: str = "trackstar",
    expected_counts: np.ndarray | None = None,
) -> Sketch:
    """Read and add up the sketches of all shards.

    Args:
        paths: one file per shard, all of them.
        variant: one of ``VARIANTS``.
        expected_counts: (576,) documents per bin in the sample; when given, the set must be
            complete.

    Raises:
        IntegrityError: a file is damaged, two were made with different settings, or documents
            are missing or counted twice; the message names the files or the bin.
    """
    if variant not in VARIANTS:
        raise ValueError(f"unknown sketch variant {variant!r}; allowed: {', '.join(VARIANTS)}")
    parts = [_read_one(path, variant) for path in paths]
    for path, part in zip(paths[1:], parts[1:], strict=True):
        check_same(str(paths[0]), parts[0].manifest, str(path), part.manifest)
    shards = [part.manifest["shard"] for part in parts]
    if len(set(shards)) < len(shards):
        raise IntegrityError(f"the same shard is there twice: {', '.join(map(str, shards))}")
    sketch = add_up(parts)
    if expected_counts is not None:
        _check_complete(sketch, expected_counts, shards)
    return sketch


def read_manifest(path: str | os.PathLike) -> dict[str, Any]:
    """Manifest of one sketch; the rows of its shard were made in the same pass.

    Raises:
        IntegrityError: the file is damaged.
    """
    with _open(path) as arrays:
        return json.loads(str(arrays["manifest"]))


def read_losses(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the model's loss on each document of one shard.

    Returns:
        ``doc_id`` (n,) str and ``loss`` (n,) float32, nats per token.

    Raises:
        IntegrityError: the file is damaged.
    """
    with _open(path) as arrays:
        return {"doc_id": arrays["doc_id"], "loss": arrays["loss"]}


def _read_one(path: str | os.PathLike, variant: str) -> Sketch:
    with _open(path) as arrays:
        pairs = zip(arrays["topic"].tolist(), arrays["format"].tolist(), strict=True)
        return Sketch(
            bins=np.array([bin_index(*pair) for pair in pairs], dtype=np.int64),
            folds=arrays["fold"].astype(np.int64),
            counts=arrays["count"],
            sums=arrays[variant],
            manifest=json.loads(str(arrays["manifest"])),
        )


@contextlib.contextmanager
def _open(path: str | os.PathLike) -> Iterator[Any]:
    """Open a sketch; whatever a damaged archive raises becomes one clear error."""
    try:
        with np.load(Path(path), allow_pickle=False) as arrays:
            yield arrays
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise IntegrityError(
            f"sketch {path} is damaged or truncated ({error}); delete it and run again"
        ) from None


def add_up(parts: Sequence[Sketch]) -> Sketch:
    """Sum groups that several shards share (a big bin may be cut in two)."""
    if len(parts) == 1:
        return parts[0]
    pairs = np.concatenate([np.stack([part.bins, part.folds], axis=1) for part in parts])
    groups, inverse = np.unique(pairs, axis=0, return_inverse=True)
    sums = np.zeros((len(groups), parts[0].sums.shape[1]), dtype=np.float32)
    counts = np.zeros(len(groups), dtype=np.int64)
    start = 0
    for part in parts:
        places = inverse.reshape(-1)[start : start + len(part.bins)]
        sums[places] += part.sums
        counts[places] += part.counts
        start += len(part.bins)
    return Sketch(groups[:, 0], groups[:, 1], counts, sums, parts[0].manifest)


def _check_complete(sketch: Sketch, expected: np.ndarray, shards: Sequence[str]) -> None:
    found = sketch.bin_counts()
    wrong = np.flatnonzero(found != expected)
    if wrong.size:
        topic, format_ = BINS[wrong[0]]
        raise IntegrityError(
            f"the sketches of shards {', '.join(shards)} hold {found.sum()} documents, the "
            f"sample {expected.sum()}; first difference in bin {topic} x {format_}: "
            f"{found[wrong[0]]} against {expected[wrong[0]]}; a shard is missing or stale"
        )
