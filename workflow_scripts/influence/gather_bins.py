"""The bin tables of all benchmarks in one.

in   bins: influence/bins of each benchmark, in the order of the parameter benchmarks
out  table: the same rows with the column benchmark in front
"""

from typing import Any

import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table


def main(snakemake: Any) -> None:
    """Read, label and write."""
    pairs = zip(snakemake.params.benchmarks, snakemake.input.bins, strict=True)
    frames = [
        read_table(path, "influence/bins").select(pl.lit(name).alias("benchmark"), pl.all())
        for name, path in pairs
    ]
    write_table(pl.concat(frames), snakemake.output.table, "influence/bin_influence")


if __name__ == "__main__":
    run_job(main, snakemake)
