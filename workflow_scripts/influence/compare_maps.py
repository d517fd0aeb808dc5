"""Contrasts and correlations between the maps of all benchmarks.

in   bins: influence/bin_influence; resampling: npz of each benchmark, in the order of the
     parameter cells (benchmark -> domain, capability, answer_form)
out  contrasts: per bin, topic and format; correlations: one row per pair of benchmarks
"""

from typing import Any

import numpy as np

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.contrasts import contrast_table
from workflow_scripts.influence.correlations import correlation_table
from workflow_scripts.influence.resampling import load


def main(snakemake: Any) -> None:
    """Compare and write."""
    source, params = snakemake.input, snakemake.params
    maps = {name: load(path) for name, path in zip(params.cells, source.resampling, strict=True)}
    table = contrast_table(
        maps, params.cells, params.confidence, params.permutations, params.bootstraps, params.seed
    )
    write_table(table, snakemake.output.contrasts, "influence/contrasts")
    columns = ["benchmark", "topic", "format", "influence"]
    frame = read_table(source.bins, "influence/bin_influence", columns)
    influence = {
        name: frame.filter(benchmark=name)
        .sort("topic", "format")["influence"]
        .to_numpy()
        .astype(np.float64)
        for name in maps
    }
    write_table(
        correlation_table(influence, maps), snakemake.output.correlations, "influence/correlations"
    )


if __name__ == "__main__":
    run_job(main, snakemake)
