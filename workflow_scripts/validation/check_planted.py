"""Compare every scorer's map with the planted truth.

in   truth: the role and dose of every bin; trackstar: the study's map; scorers: the maps of
     the baselines and controls, in the order of params.scorers
out  planted: one row per benchmark and scorer
"""

import logging
from typing import Any

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.validation.planted_truth import compare_with_truth

logger = logging.getLogger("atlas")

COLUMNS = ["benchmark", "topic", "format", "influence", "q_unusual"]


def main(snakemake: Any) -> None:
    """Read the maps, measure them and write."""
    source = snakemake.input
    paths = {
        "trackstar": source.trackstar,
        **dict(zip(snakemake.params.scorers, source.scorers, strict=True)),
    }
    maps = {
        scorer: read_table(path, "influence/bin_influence", COLUMNS)
        for scorer, path in paths.items()
    }
    planted = compare_with_truth(read_table(source.truth, "corpus/truth"), maps)
    if planted.is_empty():
        raise DataError(
            f"{source.truth} and {source.trackstar} have no benchmark in common; list at least "
            "one planted benchmark under the config key 'benchmarks'"
        )
    write_table(planted, snakemake.output.planted, "validation/planted")
    for row in planted.filter(scorer="trackstar").iter_rows(named=True):
        logger.info(
            "%s: support AUROC %.3f, against contradiction %s",
            row["benchmark"],
            row["auroc_support"] or float("nan"),
            row["auroc_support_vs_contradiction"],
        )


if __name__ == "__main__":
    run_job(main, snakemake)
