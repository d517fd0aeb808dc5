"""Score every map by its linear datamodeling score (LDS).

in   outputs, halves: of every group of retrained models; trackstar: the study's map; scorers: the
     maps of the baselines and controls, in the order of params.scorers; truth: in a planted study
     the dose of every bin
out  lds: one row per output, measure, way of summing and scorer; outputs, halves: all groups;
     predictions: predicted and observed margin of every half, for the study's own map
"""

import logging
from typing import Any

import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.contrasts.contrast_plan import plan_contrasts
from workflow_scripts.validation.retraining.datamodeling import Output, draws_of_subsets, outputs_of
from workflow_scripts.validation.retraining.lds_table import (
    lds_table,
    predictions,
    read_experiment,
)
from workflow_scripts.validation.retraining.show_lds import render
from workflow_scripts.validation.scorers import STUDY, TRUTH

logger = logging.getLogger("atlas")

COLUMNS = ["benchmark", "topic", "format", "influence", "shrunk"]


def planted_map(truth: pl.DataFrame) -> pl.DataFrame:
    """A map that knows the truth: a support bin's dose, less where a bin contradicts."""
    sign = pl.when(role="support").then(1.0).when(role="contradiction").then(-1.0).otherwise(0.0)
    return truth.select("benchmark", "topic", "format", influence=sign * pl.col("dose"))


def main(snakemake: Any) -> None:
    """Gather the groups, score and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    outputs = pl.concat(
        [read_table(path, "validation/retraining_outputs") for path in source.outputs]
    )
    halves = pl.concat([read_table(path, "validation/retraining_halves") for path in source.halves])
    paths = {STUDY: source.trackstar, **dict(zip(params.scorers, source.scorers, strict=True))}
    maps = {
        scorer: read_table(path, "influence/bin_influence", COLUMNS)
        for scorer, path in paths.items()
    }
    if source.get("truth"):
        maps[TRUTH] = planted_map(read_table(source.truth, "corpus/truth"))
    plans = plan_contrasts(params.cells, params.contrasts)
    contrasts = [Output(plan.name, plan.weights) for plan in plans]
    targets = outputs_of(params.benchmarks, contrasts)
    experiment = read_experiment(halves, outputs, halves["half"].n_unique())
    draws = draws_of_subsets(len(experiment.inside), params.bootstraps, params.seed)
    table = lds_table(experiment, maps, targets, draws, params.confidence)
    points = predictions(experiment, maps[STUDY], targets)
    write_table(outputs, output.outputs, "validation/retraining_outputs")
    write_table(halves, output.halves, "validation/retraining_halves")
    write_table(table, output.lds, "validation/lds")
    write_table(points, output.predictions, "validation/retraining_predictions")
    for line in render(table):
        logger.info("%s", line)


if __name__ == "__main__":
    run_job(main, snakemake)
