"""Fit the preconditioner on a seeded stratified draw of documents.

in   shards: every tokenised shard; record: the model
out  moments: per layer the second moment (p^2, p^2) float32; settings: how it was fitted
"""

import logging
from typing import Any

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.model.loading import load_model

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Fit and write the preconditioner."""
    params = snakemake.params
    input_ids = preconditioner.read_draw(
        list(snakemake.input.shards), params.projection_dim, params.documents, params.seed
    )
    model = load_model(snakemake.input.record, params.precision, params.device)
    projection = params.projection_dim, params.seed_projection, params.projections
    engine = GradientEngine(model, *projection)
    moments, stability = preconditioner.fit(
        engine,
        input_ids,
        reduction=params.loss_reduction,
        damping=params.damping,
        tokens_per_batch=params.tokens_per_batch,
    )
    preconditioner.write(snakemake.output.moments, engine, moments)
    settings = preconditioner.settings_record(
        engine,
        read_json(snakemake.input.record)["digest"],
        params.loss_reduction,
        params.damping,
        stability,
    )
    manifest = preconditioner.manifest_of(snakemake.output.moments, settings)
    write_json(snakemake.output.settings, settings | {"digest": manifest["preconditioner"]})
    logger.info("fitted on %d documents: %s", len(input_ids), stability)


if __name__ == "__main__":
    run_job(main, snakemake)
