"""The document pass: rows, sketch, loss and gradient norm of one shard, in one go."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from workflow_scripts.attribution.bergson_adapter import GradientEngine, Sequences
from workflow_scripts.attribution.preconditioner import mean_loss_rows
from workflow_scripts.attribution.query_rows import BFLOAT16
from workflow_scripts.attribution.sketch import SketchSums
from workflow_scripts.attribution.whitening import averaged, part_norms, unit, whiten
from workflow_scripts.common.errors import NumericsError
from workflow_scripts.common.files import atomic_path
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import bin_index


@dataclass(frozen=True)
class PassSettings:
    """Numbers of the document pass.

    Attributes:
        reduction: loss of a document, ``mean`` or ``sum`` over its tokens.
        row_dtype: ``float32``, ``float16`` or ``bfloat16``; how rows are stored.
        tokens_per_batch: padded tokens in a batch.
    """

    reduction: str
    row_dtype: str
    tokens_per_batch: int


def read_rows_of_shard(shard: pl.DataFrame) -> tuple[list[list[int]], np.ndarray, np.ndarray]:
    """Token ids, (n,) positions in ``BINS`` and (n,) folds of a shard's documents."""
    pairs = zip(shard["topic"], shard["format"], strict=True)
    bins = np.array([bin_index(*pair) for pair in pairs], dtype=np.int64)
    return shard["input_ids"].to_list(), bins, shard["fold"].to_numpy()


def attribute(
    engine: GradientEngine,
    roots: torch.Tensor,
    shard: pl.DataFrame,
    settings: PassSettings,
    keep: Callable[[list[int], np.ndarray], None] | None = None,
) -> tuple[SketchSums, dict[str, np.ndarray]]:
    """Run the document pass over one shard.

    Args:
        engine: the model.
        roots: (modules, block, block) float32 whitening.
        shard: the table ``corpus/shards``.
        settings: numbers of the pass.
        keep: called with row numbers and their stored rows (n, d), when rows are kept.

    Returns:
        The sums per (bin, fold), of the rows as stored; per document ``doc_id``, ``loss``
        (nats per token) and ``gradient_norm`` (of the raw projected gradient; root mean square
        over projections).

    Raises:
        NumericsError: a row is zero or not finite; the message names the document.
    """
    input_ids, bins, folds = read_rows_of_shard(shard)
    sequences = Sequences(input_ids)
    counts = sequences.label_counts()
    sums = SketchSums(bins, folds, len(engine.modules) * engine.block)
    norms, many = np.zeros(len(input_ids), dtype=np.float32), engine.projections
    dtype = getattr(torch, settings.row_dtype)
    progress = Progress(len(input_ids), "documents")

    def sink(indices: list[int], batch: torch.Tensor) -> None:
        batch = mean_loss_rows(batch, indices, counts, settings.reduction)
        raw = averaged(batch.reshape(len(indices), -1), many)
        length = part_norms(raw, many)
        stored = unit(whiten(batch, roots), many).to(dtype)
        _refuse_bad_rows(stored, length, indices, shard["doc_id"])
        sums.add(indices, {"trackstar": stored.float(), "cosine": unit(raw, many), "dot": raw})
        norms[indices] = torch.linalg.vector_norm(length, dim=1).cpu().numpy()
        if keep is not None:
            keep(indices, as_array(stored))
        progress.advance(len(indices))

    losses = engine.stream(sequences, sink, settings.tokens_per_batch)
    documents = {
        "doc_id": np.array(shard["doc_id"].to_list()),
        "loss": (losses / counts).astype(np.float32),
        "gradient_norm": norms,
    }
    return sums, documents


def as_array(rows: torch.Tensor) -> np.ndarray:
    """The rows as a numpy array of the same dtype; bfloat16 is that of ml_dtypes."""
    if rows.dtype == torch.bfloat16:
        return rows.cpu().view(torch.uint16).numpy().view(BFLOAT16)
    return rows.cpu().numpy()


def _refuse_bad_rows(
    rows: torch.Tensor, length: torch.Tensor, indices: list[int], doc_ids: pl.Series
) -> None:
    finite = torch.isfinite(rows).all(dim=1) & torch.isfinite(length).all(dim=1)
    for name, bad in (("not finite", ~finite), ("zero", (length == 0).any(dim=1))):
        if bad.any():
            place = int(bad.nonzero()[0])
            raise NumericsError(
                f"the gradient row of document {doc_ids[indices[place]]!r} is {name} "
                f"({int(bad.sum())} of {len(indices)} rows of its batch)"
            )


class RowFile:
    """A file of rows [n, d] written in any order, renamed to its name when complete.

    Used as a context manager; on an error nothing is left behind.
    """

    def __init__(self, path: str | os.PathLike, shape: tuple[int, int], dtype: str) -> None:
        """Describe the file; it is opened on entry."""
        self.path, self.shape = path, shape
        self.dtype = BFLOAT16 if dtype == "bfloat16" else np.dtype(dtype)
        self._stack = ExitStack()

    def __enter__(self) -> "RowFile":
        temporary = self._stack.enter_context(atomic_path(self.path))
        self.rows = np.lib.format.open_memmap(
            temporary, mode="w+", dtype=self.dtype, shape=self.shape
        )
        return self

    def __exit__(self, *error: object) -> None:
        self.rows.flush()
        del self.rows
        self._stack.__exit__(*error)

    def keep(self, indices: list[int], rows: np.ndarray) -> None:
        """Store a batch at its row numbers."""
        self.rows.view(self.dtype)[indices] = rows


def gate_rows(count: int, wanted: int, seed: int, shard: str) -> list[int]:
    """Row numbers, sorted, that the numerics gate recomputes."""
    rng = stream(seed, "gate", shard)
    return sorted(rng.choice(count, size=min(wanted, count), replace=False).tolist())


def check_gate(
    engine: GradientEngine,
    roots: torch.Tensor,
    input_ids: Sequence[Sequence[int]],
    stored: np.ndarray,
    floor: float,
    tokens_per_batch: int,
) -> float:
    """Recompute rows one at a time and compare them with the stored ones.

    Args:
        engine: the model in float32.
        roots: whitening.
        input_ids: token ids of the documents of the gate.
        stored: (n, d) their rows as stored.
        floor: lowest cosine allowed.
        tokens_per_batch: as in the pass.

    Returns:
        The lowest cosine measured.

    Raises:
        NumericsError: it is under the floor.
    """
    lowest = 1.0
    for ids, row in zip(input_ids, stored, strict=True):
        alone: list[torch.Tensor] = []

        def take(_: list[int], batch: torch.Tensor, into: list[torch.Tensor] = alone) -> None:
            into.append(unit(whiten(batch, roots), engine.projections)[0].cpu())

        engine.stream(Sequences([ids]), take, tokens_per_batch)
        stored_row = torch.from_numpy(row.astype(np.float32)).unsqueeze(0)
        kept = unit(stored_row, engine.projections)[0]
        lowest = min(lowest, float(alone[0] @ kept))
    if not lowest >= floor:
        raise NumericsError(
            f"a document row has cosine {lowest:.4f} to its float32 recomputation, below "
            f"attribution.gate_cosine {floor}; use model.precision float32 or a wider row_dtype"
        )
    return lowest
