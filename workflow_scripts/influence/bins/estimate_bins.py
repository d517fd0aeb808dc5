"""Bin influence of one benchmark, with its uncertainty.

in   sketches: sums of document rows per (bin, fold), all shards; queries, order: query rows;
     answers: which questions the base model answers right; summary: expected documents and sites
     per bin
out  bins: 576 rows, columns of influence/bins; resampling: npz to redraw documents and queries;
     reliability, correctness, tasks: the tables influence/<that name>
"""

from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.attribution.compatibility import check_same
from workflow_scripts.attribution.query_rows import QueryRows, load_query_rows
from workflow_scripts.attribution.sketch import Sketch, load_sketches
from workflow_scripts.benchmarks.answers import answered_right
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.bin_table import table
from workflow_scripts.influence.bins.by_task import by_task
from workflow_scripts.influence.bins.composition import read_makeup
from workflow_scripts.influence.bins.correctness import correctness
from workflow_scripts.influence.bins.group_scores import coherence, group_means
from workflow_scripts.influence.bins.projection_error import projection_variance
from workflow_scripts.influence.bins.reliability import reliability
from workflow_scripts.influence.uncertainty.family_wise import Family
from workflow_scripts.influence.uncertainty.resampling import from_components, save
from workflow_scripts.influence.uncertainty.variance_components import components


def sampled(path: str) -> np.ndarray:
    """(576,) documents in the working set, in the order of ``BINS``."""
    columns = ["topic", "format", "n_sampled"]
    rows = {row[:2]: row[2] for row in read_table(path, "corpus/bin_summary", columns).rows()}
    return np.array([rows[pair] for pair in BINS])


def read_rows(source: Any) -> tuple[Sketch, QueryRows]:
    """The sketch of all shards and the query rows, made with the same settings."""
    queries = load_query_rows(source.queries)
    sketch = load_sketches(source.sketches, "trackstar", sampled(source.summary))
    check_same(source.sketches[0], sketch.manifest, source.queries, queries.manifest)
    return sketch, queries


def main(snakemake: Any) -> None:
    """Estimate and write."""
    source, params, output = snakemake.input, snakemake.params, snakemake.output
    sketch, queries = read_rows(source)
    groups = group_means(sketch, queries)
    parts = components(groups)
    settings = params.confidence, params.multiplicity
    makeup, alike = read_makeup(source.summary), coherence(sketch)
    family = Family(params.seed)
    projected = projection_variance(sketch, queries, groups, alike)
    frame = table(parts, makeup, alike, *settings, family, params.smallest_effect, projected)
    write_table(frame, output.bins, "influence/bins")
    save(output.resampling, from_components(parts, own=True))
    right = answered_right(source.answers, queries.query_ids)
    others = {
        "reliability": reliability(
            groups, parts.query_means, params.splits, params.confidence, params.seed
        ),
        "correctness": correctness(groups, right, *settings),
        "tasks": by_task(groups, queries.tasks),
    }
    named = pl.lit(snakemake.wildcards.benchmark).alias("benchmark")
    for name, rows in others.items():
        write_table(rows.with_columns(named), output.get(name), f"influence/{name}")


if __name__ == "__main__":
    run_job(main, snakemake)
