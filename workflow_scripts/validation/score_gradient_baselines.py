"""Map the benchmarks by gradient cosine and dot product without a preconditioner.

Both were summed in the document pass, so they cost no second pass.

in   sketches: sums per (bin, fold) of every shard; raw, order: raw query rows of every
     benchmark and their ids; summary: sites per bin
out  cosine, dot: the columns of influence/bin_influence, all benchmarks
"""

from pathlib import Path
from typing import Any

from workflow_scripts.attribution.manifest import check_same
from workflow_scripts.attribution.query_rows import load_query_rows
from workflow_scripts.attribution.sketch import load_sketches
from workflow_scripts.common.job import run_job
from workflow_scripts.influence.groups import group_means
from workflow_scripts.validation.scoring import read_bin_column, write_maps


def main(snakemake: Any) -> None:
    """Score and write both baselines."""
    source, params = snakemake.input, snakemake.params
    sampled = read_bin_column(source.summary, "n_sampled")
    n_sites = read_bin_column(source.summary, "n_sites")
    for variant in ("cosine", "dot"):
        sketch = load_sketches(source.sketches, variant, expected_counts=sampled)
        maps = []
        for benchmark, order in zip(params.benchmarks, source.order, strict=True):
            queries = load_query_rows(Path(order).with_suffix(".npy"), variant)
            check_same(source.sketches[0], sketch.manifest, order, queries.manifest)
            maps.append((benchmark, group_means(sketch, queries)))
        path = getattr(snakemake.output, variant)
        write_maps(path, maps, n_sites, params.confidence, params.multiplicity)


if __name__ == "__main__":
    run_job(main, snakemake)
