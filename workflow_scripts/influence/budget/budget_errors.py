"""The error budget of every benchmark.

in   bins: influence/bins of each benchmark, in the order of the parameter benchmarks; resampling:
     npz of each; model_bins: influence/model_bins, where the study has several models
out  budget: influence/error_budget
"""

from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.budget.error_budget import budget, spread_of
from workflow_scripts.influence.uncertainty.resampling import load


def main(snakemake: Any) -> None:
    """Read, add up and write."""
    source, params = snakemake.input, snakemake.params
    trained = source.get("model_bins")
    models = read_table(trained, "influence/model_bins") if trained else None
    reasons = {}
    if params.projections == 1:
        reasons["projection"] = "one projection" + (
            "; its part stands in v_model" if models is not None else ""
        )
    if models is None:
        reasons["training"] = "one model"
    frames = []
    for name, bins_path, npz in zip(params.benchmarks, source.bins, source.resampling, strict=True):
        bins = read_table(bins_path, "influence/bins")
        v_model = None
        if models is not None:
            own = models.filter(benchmark=name).sort("topic", "format")["v_model"]
            v_model = own.to_numpy().astype(np.float64) * spread_of(bins) ** 2
        frame = budget(bins, load(npz), v_model, reasons)
        frames.append(frame.with_columns(benchmark=pl.lit(name)))
    write_table(pl.concat(frames), snakemake.output.budget, "influence/error_budget")


if __name__ == "__main__":
    run_job(main, snakemake)
