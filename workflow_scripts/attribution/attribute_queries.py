"""Attribute one benchmark's questions: the gradient of the gold answer (or of the margin).

in   queries: the questions as lm-eval scores them; moments, settings; record: the model;
     query_record: another model whose gradients of the questions are used, where there is one
out  rows: [n_queries, d] float32 whitened unit rows; raw: the rows before whitening;
     order: query ids, tasks and manifest; with another model its identity and, per question, the
     cosine of its row with that of the document model
"""

import logging
from typing import Any

import numpy as np
import polars as pl
import torch

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.query_rows import (
    check_comparable,
    collect_query_rows,
    row_cosines,
    unit_query_rows,
)
from workflow_scripts.attribution.whitening import averaged
from workflow_scripts.common.files import atomic_path, read_json, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import load_model

logger = logging.getLogger("atlas")


def write_rows(path: str, rows: np.ndarray) -> None:
    """Write an array atomically in npy format."""
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        np.save(handle, rows)


def raw_rows(
    record: str, queries: pl.DataFrame, params: Any
) -> tuple[torch.Tensor, tuple[str, ...], int]:
    """Raw rows (Q, modules, block) under one model, the names of its layers, its vocabulary."""
    engine = GradientEngine(
        load_model(record, params.precision, params.device),
        params.projection_dim,
        params.seed_projection,
        params.projections,
    )
    rows = collect_query_rows(engine, queries, params.target, params.tokens_per_batch)
    return rows, engine.layers, engine.model.config.vocab_size


def main(snakemake: Any) -> None:
    """Compute and write the query rows."""
    params, source = snakemake.params, snakemake.input
    queries = read_table(source.queries, "benchmarks/queries")
    fitted = preconditioner.load(source.moments, source.settings)
    raw, *kind = raw_rows(source.record, queries, params)
    many = params.projections
    rows = unit_query_rows(raw, fitted.roots, many)
    record = {
        "query_ids": queries["query_id"].to_list(),
        "tasks": queries["task"].to_list(),
        "passages": queries["passage"].to_list(),
        "manifest": fitted.manifest | {"target": params.target},
    }
    other = source.get("query_record")
    if other:
        # One model at a time: the document model is out of scope when this one is loaded.
        raw, *other_kind = raw_rows(other, queries, params)
        check_comparable(kind, other_kind, read_json(other)["path"])
        own, rows = rows, unit_query_rows(raw, fitted.roots, many)
        cosines = row_cosines(own, rows)
        record["query_model"] = {
            **{key: read_json(other)[key] for key in ("path", "revision", "digest")},
            "mean_cosine": round(float(cosines.mean()), 6),
            "cosines": [round(float(value), 6) for value in cosines],
        }
        logger.info(
            "cosine of the questions' rows under the two models: mean %.3f, %.3f to %.3f",
            cosines.mean(),
            cosines.min(),
            cosines.max(),
        )
    write_rows(snakemake.output.rows, rows)
    write_rows(snakemake.output.raw, averaged(raw.reshape(len(raw), -1), many).numpy())
    write_json(snakemake.output.order, record)


if __name__ == "__main__":
    run_job(main, snakemake)
