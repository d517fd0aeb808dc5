"""Attribute one benchmark's questions: the gradient of the gold answer (or of the margin).

in   queries: the questions as lm-eval scores them; moments, settings; record: the model
out  rows: [n_queries, d] float32 whitened unit rows; raw: the rows before whitening;
     order: query ids, tasks and manifest
"""

from typing import Any

import numpy as np

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.query_rows import collect_query_rows, unit_query_rows
from workflow_scripts.common.files import atomic_path, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import load_model


def write_rows(path: str, rows: np.ndarray) -> None:
    """Write an array atomically in npy format."""
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        np.save(handle, rows)


def main(snakemake: Any) -> None:
    """Compute and write the query rows."""
    params, source = snakemake.params, snakemake.input
    queries = read_table(source.queries, "benchmarks/queries")
    fitted = preconditioner.load(source.moments, source.settings)
    engine = GradientEngine(
        load_model(source.record, params.precision, params.device),
        params.projection_dim,
        params.seed_projection,
    )
    raw = collect_query_rows(engine, queries, params.target, params.tokens_per_batch)
    rows = unit_query_rows(raw, fitted.roots)
    write_rows(snakemake.output.rows, rows)
    write_rows(snakemake.output.raw, raw.reshape(len(raw), -1).numpy())
    record = {
        "query_ids": queries["query_id"].to_list(),
        "tasks": queries["task"].to_list(),
        "manifest": fitted.manifest | {"target": params.target},
    }
    write_json(snakemake.output.order, record)


if __name__ == "__main__":
    run_job(main, snakemake)
