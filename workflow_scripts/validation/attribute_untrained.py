"""Control: the document pass repeated on a model of the same shape that was never trained.

An untrained model's gradients still see words, so its map is lexical; it must not tell a bin
that supports a benchmark from one that contradicts it in the same words. Like the study's own
document pass this one does not know the benchmarks.

in   shards: every tokenised shard; record: the model's shape
out  sketch: sums of rows per (bin, fold); moments, settings: its own preconditioner
"""

from typing import Any

import polars as pl

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.documents import PassSettings, attribute
from workflow_scripts.attribution.sketch import write_sketch
from workflow_scripts.attribution.whitening import inverse_root
from workflow_scripts.common.files import value_digest, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import untrained_model


def main(snakemake: Any) -> None:
    """Fit a preconditioner for the untrained model and run its document pass."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    model = untrained_model(source.record, params.seed, params.device)
    engine = GradientEngine(model, params.projection_dim, params.seed_projection)
    shards = list(source.shards)
    drawn = preconditioner.read_draw(
        shards, params.projection_dim, params.documents, params.seed_preconditioner
    )
    moments, stability = preconditioner.fit(
        engine,
        drawn,
        reduction=params.loss_reduction,
        damping=params.damping,
        tokens_per_batch=params.tokens_per_batch,
    )
    preconditioner.write(output.moments, engine, moments)
    settings = preconditioner.settings_record(
        engine,
        value_digest(["untrained", params.seed]),
        params.loss_reduction,
        params.damping,
        stability,
    )
    manifest = preconditioner.manifest_of(output.moments, settings)
    write_json(output.settings, settings | {"digest": manifest["preconditioner"]})
    corpus = pl.concat([read_table(path, "corpus/shards") for path in shards])
    numbers = PassSettings(params.loss_reduction, "float32", params.tokens_per_batch)
    roots = inverse_root(moments, params.damping).to(model.device)
    sums, documents = attribute(engine, roots, corpus, numbers)
    write_sketch(output.sketch, sums, documents, manifest | {"shard": "all"})


if __name__ == "__main__":
    run_job(main, snakemake)
