"""Attribute one shard: a forward and backward pass over its documents, for all benchmarks.

in   shard: its tokens; moments, settings: the preconditioner; record: the model
out  sketch: sums of rows per (bin, fold); rows: [n_docs, d] unit rows, when they are kept
"""

import logging
from contextlib import nullcontext
from typing import Any

import numpy as np

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.document_pass import (
    PassSettings,
    RowFile,
    attribute,
    check_gate,
    gate_rows,
)
from workflow_scripts.attribution.sketch import write_sketch
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import load_model, release_memory

logger = logging.getLogger("atlas")


class GateRows:
    """Keeps the few stored rows that the numerics gate will compare."""

    def __init__(self, chosen: list[int]) -> None:
        """Wait for the rows numbered ``chosen``."""
        self.chosen = set(chosen)
        self.rows: dict[int, np.ndarray] = {}

    def keep(self, indices: list[int], rows: np.ndarray) -> None:
        """Copy the chosen rows out of a batch."""
        for index, row in zip(indices, rows, strict=True):
            if index in self.chosen:
                self.rows[index] = row.copy()

    def stack(self) -> np.ndarray:
        """(n, d) the chosen rows in order."""
        return np.stack([self.rows[index] for index in sorted(self.rows)])


def check_model(record: str, manifest: dict[str, Any], settings: str) -> None:
    """Refuse a preconditioner that was fitted on another model."""
    digest = read_json(record)["digest"]
    if digest != manifest["model"]:
        raise IntegrityError(
            f"{settings} was fitted on model {manifest['model'][:12]}, the study's model is "
            f"{digest[:12]}; delete it and run again"
        )


def main(snakemake: Any) -> None:
    """Run the pass, then the numerics gate, then let the artifacts appear."""
    params, source = snakemake.params, snakemake.input
    shard = read_table(source.shard, "corpus/shards")
    fitted = preconditioner.load(source.moments, source.settings)
    check_model(source.record, fitted.manifest, source.settings)
    projection = params.projection_dim, params.seed_projection, params.projections
    engine = GradientEngine(load_model(source.record, params.precision, params.device), *projection)
    roots = fitted.roots.to(engine.model.device)
    settings = PassSettings(params.loss_reduction, params.row_dtype, params.tokens_per_batch)
    gate = GateRows(gate_rows(shard.height, params.gate_rows, params.seed, params.shard))
    shape = (shard.height, len(engine.modules) * engine.block)
    rows_path = snakemake.output.get("rows")
    with RowFile(rows_path, shape, params.row_dtype) if rows_path else nullcontext() as kept:

        def keep(indices: list[int], rows: np.ndarray) -> None:
            gate.keep(indices, rows)
            if kept is not None:
                kept.keep(indices, rows)

        sums, documents = attribute(engine, roots, shard, settings, keep)
        if params.precision != "float32":
            # One model at a time: both together would be three times the pass's own memory.
            del engine
            release_memory()
            model = load_model(source.record, "float32", params.device)
            engine = GradientEngine(model, *projection)
        lowest = check_gate(
            engine,
            roots,
            [shard["input_ids"][index].to_list() for index in sorted(gate.chosen)],
            gate.stack(),
            params.gate_cosine,
            params.tokens_per_batch,
        )
        manifest = fitted.manifest | {
            "shard": params.shard,
            "row_dtype": params.row_dtype,
            "lowest_gate_cosine": round(lowest, 6),
        }
        write_sketch(snakemake.output.sketch, sums, documents, manifest)
    logger.info("lowest cosine of %d recomputed rows: %.6f", len(gate.chosen), lowest)


if __name__ == "__main__":
    run_job(main, snakemake)
