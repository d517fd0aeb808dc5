"""The document pass with other projection matrices: does the map depend on the random projection?

The model, the documents and the questions are the study's; the projection and therefore the
preconditioner are new. No document row is stored: documents are scored as they pass.

in   shards: every tokenised shard; record: the model; queries: the questions of every benchmark;
     trackstar: the study's map; scores: the study's document scores, where they are kept
out  bins: the second map, in the columns of influence/bin_influence; projection: one row per
     benchmark, how well the two agree
"""

from typing import Any

import polars as pl

from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.makeup import read_makeup
from workflow_scripts.model.loading import load_model
from workflow_scripts.validation.projection import agreement_rows, second_pass
from workflow_scripts.validation.scoring import write_maps


def main(snakemake: Any) -> None:
    """Attribute anew, compare and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    model = load_model(source.record, params.precision, params.device)
    engine = GradientEngine(model, params.projection_dim, params.seed_projection)
    questions = {
        name: read_table(path, "benchmarks/queries")
        for name, path in zip(params.benchmarks, source.queries, strict=True)
    }
    maps, scores = second_pass(engine, list(source.shards), questions, params)
    makeup = read_makeup(source.summary)
    write_maps(output.bins, maps.items(), makeup, params.confidence, params.multiplicity)
    columns = ["benchmark", "topic", "format", "influence"]
    own, other = (
        read_table(path, "influence/bin_influence", columns)
        for path in (source.trackstar, output.bins)
    )
    first = {}
    if source.get("scores"):
        kept = ["doc_id", "score"]
        first = {
            name: read_table(path, "attribution/scores", kept)
            for name, path in zip(params.benchmarks, source.scores, strict=True)
        }
    rows = agreement_rows(own, other, first, scores)
    seeds = {"seed": params.first_seed, "seed_other": params.seed_projection}
    table = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.lit(value).alias(name) for name, value in seeds.items()
    )
    write_table(table, output.projection, "validation/projection")


if __name__ == "__main__":
    run_job(main, snakemake)
