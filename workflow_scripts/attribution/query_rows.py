"""Query rows: the gradients of one benchmark's questions, made and read back.

``queries/<benchmark>.npy`` holds the whitened unit rows, ``<benchmark>.raw.npy`` the raw
projected gradients that the unpreconditioned baselines need, and ``<benchmark>.json`` the
order of the questions and the manifest.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import polars as pl
import torch

from workflow_scripts.attribution.compatibility import projections_of
from workflow_scripts.attribution.whitening import part_norms, unit, whiten
from workflow_scripts.common.errors import IntegrityError, NumericsError
from workflow_scripts.common.files import read_json
from workflow_scripts.model.pretrained_folder import longest_sequence

if TYPE_CHECKING:
    from workflow_scripts.attribution.bergson_adapter import GradientEngine

# numpy has no bfloat16 of its own: an npy file of such rows says only that an entry has two bytes.
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


@dataclass(frozen=True)
class QueryRows:
    """Rows of one benchmark's questions.

    Attributes:
        rows: (Q, d) float32; unit rows for ``trackstar`` and ``cosine``, raw for ``dot``.
        query_ids: Q question ids, in the order of the rows.
        tasks: Q task names.
        manifest: what the rows were made with.
        passages: passage of each question, None for one of its own; None where none is known.
    """

    rows: np.ndarray
    query_ids: list[str]
    tasks: list[str]
    manifest: dict[str, Any]
    passages: list[str | None] | None = None


def target_sequences(
    queries: pl.DataFrame, target: str
) -> tuple[list[list[int]], list[int], np.ndarray, np.ndarray]:
    """Token sequences whose gradients make up the query gradients, and their weights.

    With ``gold`` a query is its gold answer. With ``margin`` it is the gold answer minus the
    mean of the wrong ones, combined before whitening.

    Args:
        queries: the table ``benchmarks/queries``.
        target: ``gold`` or ``margin``.

    Returns:
        token ids of each sequence, index of its first answer token, (S,) the query each
        belongs to, (S,) float32 its weight.
    """
    ids, starts, owners, weights = [], [], [], []
    for row, query in enumerate(queries.iter_rows(named=True)):
        wrong = len(query["choices"]) - 1
        for choice, tokens in enumerate(query["choice_input_ids"]):
            is_gold = choice == query["gold"]
            if target == "gold" and not is_gold:
                continue
            ids.append(tokens)
            starts.append(query["choice_start"][choice])
            owners.append(row)
            weights.append(1.0 if is_gold else -1.0 / wrong)
    return ids, starts, np.array(owners), np.array(weights, dtype=np.float32)


def fit_positions(
    ids: list[list[int]], starts: list[int], positions: int
) -> tuple[list[list[int]], list[int]]:
    """Drop leading tokens of sequences longer than the model.

    lm-eval feeds all tokens but the last, so its longest sequence has one token more than the
    model has positions; the gradient pass feeds them all.
    """
    excess = [max(0, len(tokens) - positions) for tokens in ids]
    return (
        [tokens[over:] for tokens, over in zip(ids, excess, strict=True)],
        [start - over for start, over in zip(starts, excess, strict=True)],
    )


def collect_query_rows(
    engine: "GradientEngine", queries: pl.DataFrame, target: str, tokens_per_batch: int
) -> torch.Tensor:
    """Raw projected gradients of the queries, (Q, modules, block) float32.

    The loss of an answer is the sum over its tokens, which is what lm-eval scores.
    """
    from workflow_scripts.attribution.bergson_adapter import Sequences

    ids, starts, owners, weights = target_sequences(queries, target)
    positions = longest_sequence(engine.model.config)
    if positions is not None:
        ids, starts = fit_positions(ids, starts, positions)
    rows = torch.zeros(queries.height, len(engine.modules), engine.block)
    owner, weight = torch.as_tensor(owners), torch.as_tensor(weights)

    def add(indices: list[int], batch: torch.Tensor) -> None:
        rows.index_add_(0, owner[indices], batch.cpu() * weight[indices].view(-1, 1, 1))

    engine.stream(Sequences(ids, starts), add, tokens_per_batch)
    return rows


def unit_query_rows(raw: torch.Tensor, roots: torch.Tensor, projections: int = 1) -> np.ndarray:
    """Whitened unit rows (Q, d) float32 of raw query gradients under so many projections.

    Raises:
        NumericsError: a query's gradient is zero, so that it has no direction.
    """
    rows = unit(whiten(raw, roots), projections)
    zero = np.flatnonzero((part_norms(rows, projections) == 0).any(dim=1).numpy())
    if zero.size:
        raise NumericsError(f"the gradient of query {zero[0]} is zero ({zero.size} such queries)")
    return rows.numpy()


def check_comparable(kind: Sequence[Any], other: Sequence[Any], path: str) -> None:
    """Refuse a query model whose rows cannot be multiplied with those of the documents.

    Args:
        kind: names of the linear layers and size of the vocabulary of the document model.
        other: the same of the query model.
        path: where the query model is.

    Raises:
        IntegrityError: layers or vocabulary differ.
    """
    for name, one, two in zip(("linear layers", "tokens"), kind, other, strict=True):
        if one != two:
            counts = [value if isinstance(value, int) else len(value) for value in (one, two)]
            raise IntegrityError(
                f"config key 'model.query.path' names {path!r} with {counts[1]} {name}, the "
                f"study's model has {counts[0]}, and they must be the same; take a model that was "
                "tuned from it"
            )


def row_cosines(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(Q,) float64 cosines of unit rows (Q, d) with their counterparts."""
    return np.einsum("qd,qd->q", rows, others, dtype=np.float64)


def raw_path(path: str | os.PathLike) -> Path:
    """Path of the raw rows that belong to ``queries/<benchmark>.npy``."""
    return Path(path).with_suffix(".raw.npy")


def record_path(path: str | os.PathLike) -> Path:
    """Path of the order and manifest that belong to ``queries/<benchmark>.npy``."""
    return Path(path).with_suffix(".json")


def load_query_rows(path: str | os.PathLike, variant: str = "trackstar") -> QueryRows:
    """Read the query rows of one benchmark.

    Args:
        path: ``attribution/queries/<benchmark>.npy``.
        variant: ``trackstar``, or for the baselines ``cosine`` or ``dot``.

    Raises:
        IntegrityError: the files are damaged or do not belong together.
    """
    if variant not in ("trackstar", "cosine", "dot"):
        raise ValueError(f"unknown variant {variant!r}; allowed: trackstar, cosine, dot")
    source = Path(path) if variant == "trackstar" else raw_path(path)
    record = read_json(record_path(path))
    rows = load_rows(source, len(record["query_ids"]))
    if variant == "cosine":
        rows = unit(torch.from_numpy(rows), projections_of(record["manifest"])).numpy()
    # Records made before passages were known have none.
    known = record["query_ids"], record["tasks"], record["manifest"], record.get("passages")
    return QueryRows(rows, *known)


def load_rows(path: str | os.PathLike, expected: int, memory_map: bool = False) -> np.ndarray:
    """Read a file of rows [n, d] and check how many there are.

    Returns:
        (n, d) float32, float16 or bfloat16 (of ml_dtypes), as stored.

    Raises:
        IntegrityError: the file is truncated or holds another number of rows.
    """
    try:
        rows = np.load(path, mmap_mode="r" if memory_map else None, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise IntegrityError(
            f"{path} is damaged or truncated ({error}); delete it and run again"
        ) from None
    if rows.ndim != 2 or len(rows) != expected:
        raise IntegrityError(
            f"{path} holds an array of shape {rows.shape}, expected {expected} rows; "
            "delete it and run again"
        )
    return rows.view(BFLOAT16) if rows.dtype == np.dtype("V2") else rows


def mean_rows(rows: np.ndarray, chosen: Sequence[bool] | np.ndarray | None = None) -> np.ndarray:
    """Mean row (d,) float64 over all queries or over the chosen ones; not renormalised.

    A mean over no query is all NaN.
    """
    part = rows if chosen is None else rows[np.asarray(chosen, dtype=bool)]
    if len(part) == 0:
        return np.full(rows.shape[1], np.nan)
    return part.mean(axis=0, dtype=np.float64)
