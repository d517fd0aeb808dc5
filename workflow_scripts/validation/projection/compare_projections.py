"""Compare the study's map with the one under another random projection.

in   trackstar: the study's map; bins, other: the second map and its document scores; scores: the
     study's document scores, where they are kept
out  projection: one row per benchmark, how well the two agree
"""

from typing import Any

import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.validation.maps.scorer_maps import agreement_rows


def main(snakemake: Any) -> None:
    """Read both maps, compare them and write."""
    source, params = snakemake.input, snakemake.params
    columns = ["benchmark", "topic", "format", "influence"]
    own, other = (
        read_table(path, "influence/bin_influence", columns)
        for path in (source.trackstar, source.bins)
    )
    second = read_table(source.other, "validation/projection_scores")
    first = {}
    if source.get("scores"):
        kept = ["doc_id", "score"]
        first = {
            name: read_table(path, "attribution/scores", kept)
            for name, path in zip(params.benchmarks, source.scores, strict=True)
        }
    others = {name: second.filter(benchmark=name) for name in params.benchmarks}
    table = pl.DataFrame(agreement_rows(own, other, first, others), infer_schema_length=None)
    table = table.with_columns(
        seed=pl.lit(params.first_seed), seed_other=pl.lit(params.seed_projection)
    )
    write_table(table, snakemake.output.projection, "validation/projection")


if __name__ == "__main__":
    run_job(main, snakemake)
