"""Rows, sketch and question rows of a finished study: the GPU's against the processor's."""

from typing import Any

import numpy as np
import polars as pl
import torch

from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.document_pass import PassSettings, attribute
from workflow_scripts.attribution.query_rows import collect_query_rows, unit_query_rows
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import load_model
from workflow_scripts.tools.gpu.passes import DIM, SEED
from workflow_scripts.tools.gpu.rows import Options, Row, Rows

PART = "study"
DOCUMENTS, QUESTIONS, TOKENS = 64, 32, 4096


def found(options: Options, device: str, precision: str) -> dict[str, Any]:
    """Rows (n, d), sums of the sketch and question rows (Q, d) on one device."""
    shard = read_table(options.study / "corpus/shards/s0000.parquet", "corpus/shards")
    model = load_model(options.study / "model/model.json", precision, device)
    engine = GradientEngine(model, DIM, SEED)
    roots = torch.eye(engine.block).expand(len(engine.modules), -1, -1).contiguous()
    rows = np.zeros((DOCUMENTS, len(engine.modules) * engine.block), np.float32)

    def keep(indices: list[int], stored: np.ndarray) -> None:
        rows[indices] = stored

    settings = PassSettings("mean", "float32", TOKENS)
    shard = shard.head(DOCUMENTS).with_columns(fold=pl.lit(0))
    sums, _ = attribute(engine, roots.to(device), shard, settings, keep)
    queries = sorted((options.study / "benchmarks").glob("*/queries.parquet"))
    asked = [read_table(path, "benchmarks/queries").head(QUESTIONS) for path in queries]
    raw = [collect_query_rows(engine, frame, "gold", TOKENS) for frame in asked]
    questions = np.concatenate([unit_query_rows(each, roots) for each in raw]) if raw else None
    return {
        "rows": rows[: shard.height],
        "sketch": sums.sums["trackstar"].numpy(),
        "questions": questions,
    }


def rows(options: Options) -> Rows:
    """Each precision on the device against float32 on the processor."""
    if not options.study:
        yield Row(PART, "", "skipped", None, "", "name a finished study: make bench-gpu STUDY=x")
        return
    exact = found(options, "cpu", "float32")
    for precision in ("float32", "tf32", "bfloat16") if options.on_gpu else ("float32",):
        there = found(options, options.device, precision)
        for name, own in exact.items():
            if own is None:
                continue
            other = there[name].reshape(own.shape)
            distance = float(np.linalg.norm(other - own) / np.linalg.norm(own))
            lengths = np.linalg.norm(own, axis=-1) * np.linalg.norm(other, axis=-1)
            cosines = (own * other).sum(-1)[lengths > 0] / lengths[lengths > 0]
            setting, note = f"{precision} on {options.device}", f"lowest cosine {cosines.min():.6f}"
            yield Row(PART, setting, f"{name}: relative distance", distance, "", note)
