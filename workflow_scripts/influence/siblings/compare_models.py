"""The maps of several trainings of the model, side by side.

in   bins, resampling: of each benchmark under the study's model, in the order of the parameter
     benchmarks; sibling_bins, sibling_resampling: the same of every sibling, sibling by sibling
out  agreement: influence/model_seeds; bins: influence/model_bins
"""

from typing import Any

import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.siblings.models import ModelMap, agreement_rows, bin_rows
from workflow_scripts.influence.uncertainty.resampling import load


def read_maps(bins: list[str], resampling: list[str]) -> list[ModelMap]:
    """The maps of one model, benchmark by benchmark."""
    return [
        ModelMap(read_table(table, "influence/bins").sort("topic", "format"), load(npz))
        for table, npz in zip(bins, resampling, strict=True)
    ]


def main(snakemake: Any) -> None:
    """Read, compare and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    maps = {"own": read_maps(source.bins, source.resampling)}
    count = len(params.benchmarks)
    for place, name in enumerate(params.siblings):
        part = slice(place * count, (place + 1) * count)
        maps[name] = read_maps(source.sibling_bins[part], source.sibling_resampling[part])
    agreement, bins = [], []
    for place, benchmark in enumerate(params.benchmarks):
        models = {name: each[place] for name, each in maps.items()}
        agreement += [{"benchmark": benchmark} | row for row in agreement_rows(models)]
        bins.append(bin_rows(list(models.values())).with_columns(benchmark=pl.lit(benchmark)))
    frame = pl.DataFrame(agreement, infer_schema_length=None)
    write_table(frame, output.agreement, "influence/model_seeds")
    write_table(pl.concat(bins), output.bins, "influence/model_bins")


if __name__ == "__main__":
    run_job(main, snakemake)
