"""Document pass with other projection matrices, to test the map against the random projection.

The model, the documents and the questions are the study's; the projection and therefore the
preconditioner are new. No document row is stored: documents are scored as they pass.

in   shards: every tokenised shard; record: the model; queries: the questions of every benchmark
out  bins: the second map, in the columns of influence/bin_influence; scores: those of the documents
"""

from typing import Any

import polars as pl

from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.bins.composition import read_makeup
from workflow_scripts.model.loading import load_model
from workflow_scripts.validation.maps.scorer_maps import write_maps
from workflow_scripts.validation.projection.second_projection import second_pass


def main(snakemake: Any) -> None:
    """Attribute under the other projection and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    model = load_model(source.record, params.precision, params.device)
    projection = params.projection_dim, params.seed_projection, params.projections
    engine = GradientEngine(model, *projection)
    questions = {
        name: read_table(path, "benchmarks/queries")
        for name, path in zip(params.benchmarks, source.queries, strict=True)
    }
    maps, scores = second_pass(engine, list(source.shards), questions, params)
    makeup = read_makeup(source.summary)
    write_maps(output.bins, maps.items(), makeup)
    frames = [frame.with_columns(benchmark=pl.lit(name)) for name, frame in scores.items()]
    write_table(pl.concat(frames), output.scores, "validation/projection_scores")


if __name__ == "__main__":
    run_job(main, snakemake)
