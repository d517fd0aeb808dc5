"""Compare the maps of all benchmarks: contrasts, agreement, marginals, mass.

in   bins: influence/bin_influence; resampling: npz of each benchmark, in the order of the
     parameter cells (benchmark -> domain, capability, answer_form), and summary: natural mass;
     neither in a study of a matrix, nor the parameter tasks (benchmark -> names)
out  contrasts: per bin, topic and format; contrast_extremes: the largest of them;
     correlations: one row per pair of benchmarks; marginals: topics and formats;
     decomposition, concentration: of each map; weighted: maps per document and by mass;
     mixture: where the study names topic weights
"""

from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.agreement.correlations import correlation_table
from workflow_scripts.influence.axes.decomposition import decomposition_table
from workflow_scripts.influence.axes.marginal_robustness import with_robustness
from workflow_scripts.influence.axes.marginals import marginal_table
from workflow_scripts.influence.contrasts.contrasts import contrast_table
from workflow_scripts.influence.contrasts.largest_contrasts import extremes_table
from workflow_scripts.influence.maps.concentration import concentration_table
from workflow_scripts.influence.maps.natural_mass import weighted_table
from workflow_scripts.influence.maps.topic_mixture import mixture_table
from workflow_scripts.influence.maps.topic_weights import read_topic_weights
from workflow_scripts.influence.study_maps import StudyMaps, redrawn
from workflow_scripts.influence.uncertainty.resampling import load

# Tables below influence/ that every study has; mixture where it names topic weights.
TABLES = (
    "contrasts",
    "contrast_extremes",
    "correlations",
    "marginals",
    "decomposition",
    "concentration",
    "weighted",
)


def column_of(bins: pl.DataFrame, names: list[str], column: str) -> dict[str, np.ndarray]:
    """Benchmark -> (576,) float64 of a column of the gathered table of bins, NaN where null."""
    return {
        name: bins.filter(benchmark=name)
        .sort("topic", "format")[column]
        .to_numpy()
        .astype(np.float64)
        for name in names
    }


def tables(
    maps: StudyMaps, bins: pl.DataFrame, source: Any, params: Any
) -> dict[str, pl.DataFrame]:
    """Every table that the study has, by its name below influence/."""
    draws = params.confidence, params.permutations, params.seed, params.contrasts
    weights = read_table(source.summary, "corpus/bin_summary") if source.get("summary") else None
    documents = column_of(bins, list(params.cells), "n_docs")
    marginals = marginal_table(maps, documents, params.confidence, params.seed)
    made = {
        "contrasts": contrast_table(maps, params.cells, *draws),
        "contrast_extremes": extremes_table(maps, params.cells, *draws),
        "correlations": correlation_table(
            maps, params.permutations, params.seed, params.splits, params.confidence, params.tasks
        ),
        "marginals": with_robustness(marginals, maps),
        "decomposition": decomposition_table(maps),
        "concentration": concentration_table(maps),
        "weighted": weighted_table(bins, weights),
    }
    if source.get("topic_weights"):
        given = read_topic_weights(source.topic_weights)
        made["mixture"] = mixture_table(marginals, given, params.permutations, params.seed)
    return made


def main(snakemake: Any) -> None:
    """Compare and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    bins = read_table(source.bins, "influence/bin_influence")
    files = source.get("resampling", [])
    if files:
        parts = {name: load(path) for name, path in zip(params.cells, files, strict=True)}
        maps = redrawn(parts, params.bootstraps, params.seed)
    else:
        maps = StudyMaps(column_of(bins, list(params.cells), "influence"))
    for name, table in tables(maps, bins, source, params).items():
        write_table(table, getattr(output, name), f"influence/{name}")


if __name__ == "__main__":
    run_job(main, snakemake)
