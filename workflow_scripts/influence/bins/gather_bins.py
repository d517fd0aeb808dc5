"""The tables of all benchmarks in one.

in   bins: influence/bins of each benchmark, in the order of the parameter benchmarks;
     reliability, correctness, tasks: those tables of each
out  table: the bins with the column benchmark in front; reliability, correctness, tasks: the same
     rows in one table
"""

from typing import Any

import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table

OTHERS = ("reliability", "correctness", "tasks")


def main(snakemake: Any) -> None:
    """Read, label and write."""
    pairs = zip(snakemake.params.benchmarks, snakemake.input.bins, strict=True)
    frames = [
        read_table(path, "influence/bins").select(pl.lit(name).alias("benchmark"), pl.all())
        for name, path in pairs
    ]
    write_table(pl.concat(frames), snakemake.output.table, "influence/bin_influence")
    for name in OTHERS:
        parts = [read_table(path, f"influence/{name}") for path in snakemake.input.get(name)]
        write_table(pl.concat(parts), snakemake.output.get(name), f"influence/{name}")


if __name__ == "__main__":
    run_job(main, snakemake)
