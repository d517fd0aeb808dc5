"""Contrasts and correlations between the maps of all benchmarks.

in   bins: influence/bin_influence; resampling: npz of each benchmark, in the order of the
     parameter cells (benchmark -> domain, capability, answer_form); none in a study of a matrix
out  contrasts: per bin, topic and format; correlations: one row per pair of benchmarks
"""

from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.contrasts import contrast_table
from workflow_scripts.influence.correlations import correlation_table
from workflow_scripts.influence.resampling import load
from workflow_scripts.influence.study_maps import StudyMaps, redrawn


def values_of(bins: pl.DataFrame, names: list[str]) -> dict[str, np.ndarray]:
    """Benchmark -> (576,) influence, NaN where null, from the gathered table of bins."""
    return {
        name: bins.filter(benchmark=name)
        .sort("topic", "format")["influence"]
        .to_numpy()
        .astype(np.float64)
        for name in names
    }


def main(snakemake: Any) -> None:
    """Compare and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    bins = read_table(source.bins, "influence/bin_influence")
    files = source.get("resampling", [])
    if files:
        parts = {name: load(path) for name, path in zip(params.cells, files, strict=True)}
        maps = redrawn(parts, params.bootstraps, params.seed)
    else:
        maps = StudyMaps(values_of(bins, list(params.cells)))
    contrasts = contrast_table(
        maps, params.cells, params.confidence, params.permutations, params.seed
    )
    write_table(contrasts, output.contrasts, "influence/contrasts")
    write_table(correlation_table(maps), output.correlations, "influence/correlations")


if __name__ == "__main__":
    run_job(main, snakemake)
