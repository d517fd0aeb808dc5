"""Fit, write and read the preconditioner shared by documents and queries."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from workflow_scripts.attribution.bergson_adapter import VERSION, GradientEngine, Sequences
from workflow_scripts.attribution.whitening import Moments, inverse_root, unit, whiten
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import atomic_path, file_digest, read_json, value_digest
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table

TEST_ROWS = 64


def documents_wanted(total: int, projection_dim: int, configured: int) -> int:
    """Number of documents that fit the preconditioner: 20 p^2 unless configured, at most all."""
    return min(total, configured or 20 * projection_dim**2)


def stratified_draw(documents: pl.DataFrame, wanted: int, seed: int) -> np.ndarray:
    """Draw documents evenly over bins.

    Args:
        documents: doc_id, topic, format of the working set, in its order.
        wanted: how many to draw.
        seed: the preconditioner's seed.

    Returns:
        (wanted,) int64 sorted row numbers. Bins are drawn in rounds of one document each, so
        that a short bin gives all it has and a long one makes up for it; the bins of the last,
        incomplete round are a random choice.
    """
    key = stream(seed, "preconditioner documents").random(documents.height)
    ranked = documents.select("topic", "format").with_columns(
        row=pl.int_range(pl.len()), key=pl.Series(key)
    )
    turn = pl.col("key").rank("ordinal").over("topic", "format")
    chosen = ranked.with_columns(turn=turn).sort("turn", "key").head(wanted)
    return np.sort(chosen["row"].to_numpy())


def read_draw(
    shards: list[str], projection_dim: int, configured: int, seed: int
) -> list[list[int]]:
    """Token ids of the drawn documents, in the order of the working set.

    Args:
        shards: paths of the tokenised shards, in order; only the drawn tokens are held.
        projection_dim: p.
        configured: documents asked for in the config, 0 for the default.
        seed: the preconditioner's seed.
    """
    columns = ["doc_id", "topic", "format"]
    keys = pl.concat([read_table(path, "corpus/shards", columns) for path in shards])
    wanted = documents_wanted(keys.height, projection_dim, configured)
    drawn = keys[stratified_draw(keys, wanted, seed)]["doc_id"]
    parts = [
        read_table(path, "corpus/shards").filter(pl.col("doc_id").is_in(drawn.implode()))
        for path in shards
    ]
    return pl.concat(parts)["input_ids"].to_list()


@dataclass(frozen=True)
class Preconditioner:
    """Whitening transform of gradient rows.

    Attributes:
        roots: (modules, block, block) float32; (H + damping)^(-1/2) per layer.
        manifest: model digest, its own digest, projection settings, bergson's version.
    """

    roots: torch.Tensor
    manifest: dict[str, Any]


def mean_loss_rows(
    rows: torch.Tensor, indices: list[int], label_counts: np.ndarray, reduction: str
) -> torch.Tensor:
    """Gradients of the configured loss from gradients of the summed one.

    ``mean`` divides each document's row by its labelled tokens; ``sum`` leaves it.
    """
    if reduction == "sum":
        return rows
    counts = torch.as_tensor(label_counts[indices], dtype=rows.dtype, device=rows.device)
    return rows / counts.view(-1, 1, 1)


def fit(
    engine: GradientEngine,
    input_ids: list[list[int]],
    *,
    reduction: str,
    damping: float,
    tokens_per_batch: int,
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Second moments of the documents' gradients, and how stable the fit is.

    Returns:
        (modules, block, block) float32 moments; a mapping with the number of documents and
        ``half_sample_cosine``: minimum and median cosine of up to 64 test rows whitened with
        one and with the other half of the documents.
    """
    moments = Moments(len(engine.modules), engine.block)
    test_rows: list[torch.Tensor] = []
    sequences = Sequences(input_ids)
    counts = sequences.label_counts()
    progress = Progress(len(input_ids), "documents")

    def add(indices: list[int], rows: torch.Tensor) -> None:
        rows = mean_loss_rows(rows, indices, counts, reduction)
        moments.add(indices, rows)
        if len(test_rows) < TEST_ROWS:
            test_rows.append(rows[:1].cpu())
        progress.advance(len(indices))

    engine.stream(sequences, add, tokens_per_batch)
    stability = {"documents": len(input_ids)}
    if min(moments.counts) > 0:
        cosines = half_sample_cosines(moments, torch.cat(test_rows), damping, engine.projections)
        stability["half_sample_cosine"] = {
            "minimum": round(float(cosines.min()), 6),
            "median": round(float(cosines.median()), 6),
            "rows": len(cosines),
        }
    return moments.mean(), stability


def half_sample_cosines(
    moments: Moments, rows: torch.Tensor, damping: float, projections: int = 1
) -> torch.Tensor:
    """Cosine (n,) of each test row (n, modules, block) whitened by one half and the other."""
    first, second = (
        unit(whiten(rows, inverse_root(moments.mean(half), damping)), projections)
        for half in (0, 1)
    )
    return (first * second).sum(dim=1)


def manifest_of(moments_file: str | os.PathLike, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Compatibility record of everything made with this preconditioner."""
    identity = {key: settings[key] for key in ("damping", "reduction", "projection", "model")}
    return {
        "model": settings["model"],
        "preconditioner": value_digest([file_digest(moments_file), identity]),
        "projection": settings["projection"],
        "bergson": settings["bergson"],
    }


def projection_settings(engine: GradientEngine) -> dict[str, Any]:
    """Projection settings in the compatibility record."""
    return {
        "dim": engine.projection_dim,
        "seed": engine.projection_seed,
        "type": "rademacher",
        "modules": len(engine.layers),
        "projections": engine.projections,
    }


def write(moments_file: str | os.PathLike, engine: GradientEngine, moments: torch.Tensor) -> None:
    """Write the second moments, one tensor (block, block) float32 a layer."""
    tensors = dict(zip(engine.modules, moments.contiguous().unbind(0), strict=True))
    with atomic_path(moments_file) as temporary:
        save_file({name: value.clone() for name, value in tensors.items()}, temporary)


def settings_record(
    engine: GradientEngine, model: str, reduction: str, damping: float, stability: Mapping
) -> dict[str, Any]:
    """Content of ``settings.json`` without its digest."""
    return {
        "model": model,
        "projection": projection_settings(engine),
        "reduction": reduction,
        "damping": damping,
        "bergson": VERSION,
        "modules": list(engine.modules),
        **stability,
    }


def load(moments_file: str | os.PathLike, settings_file: str | os.PathLike) -> Preconditioner:
    """Read the preconditioner and form its roots.

    Raises:
        IntegrityError: the moments are damaged or not the ones of the settings.
    """
    moments, settings = load_moments(moments_file, settings_file)
    manifest = manifest_of(moments_file, settings)
    return Preconditioner(inverse_root(moments, settings["damping"]), manifest)


def load_moments(
    moments_file: str | os.PathLike, settings_file: str | os.PathLike
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Read (modules, block, block) float32 second moments, and the settings they belong to.

    Raises:
        IntegrityError: the moments are damaged or not the ones of the settings.
    """
    settings = read_json(settings_file)
    try:
        tensors = load_file(moments_file)
        moments = torch.stack([tensors[name] for name in settings["modules"]])
    except (SafetensorError, KeyError, OSError) as error:
        raise IntegrityError(
            f"{moments_file} is damaged ({error}); delete it and run again"
        ) from None
    if manifest_of(moments_file, settings)["preconditioner"] != settings["digest"]:
        raise IntegrityError(
            f"{moments_file} is not the file that {settings_file} describes; delete both"
        )
    return moments, settings
