"""Map the benchmarks by the gradient baselines: cosine, dot product, untrained model.

Cosine and dot product without a preconditioner were summed in the document pass and cost no
second one. Each untrained model has a sketch of its own; its questions are asked here.

in   sketches: sums per (bin, fold) of every shard; raw, order: raw query rows of every
     benchmark and their ids; summary: sites per bin; with the untrained control also the
     sketch, moments and settings of each model, the questions and the model's record
out  cosine, dot, untrained: the columns of influence/bin_influence, all benchmarks
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.manifest import check_same
from workflow_scripts.attribution.query_rows import (
    QueryRows,
    collect_query_rows,
    load_query_rows,
    unit_query_rows,
)
from workflow_scripts.attribution.sketch import load_sketches
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.influence.components import GroupMeans
from workflow_scripts.influence.groups import group_means
from workflow_scripts.influence.makeup import read_makeup
from workflow_scripts.model.loading import untrained_model
from workflow_scripts.validation.scoring import read_bin_column, write_maps


def untrained_means(source: Any, params: Any, number: int, sampled: np.ndarray) -> list[GroupMeans]:
    """Ask one untrained model every question and put the answers to its own sketch."""
    path, settings = source.untrained_sketches[number], source.untrained_settings[number]
    fitted = preconditioner.load(source.untrained_moments[number], settings)
    model = untrained_model(source.record, params.seed, number, params.device)
    engine = GradientEngine(model, params.projection_dim, params.seed_projection)
    sketch = load_sketches([path], expected_counts=sampled)
    check_same(path, sketch.manifest, settings, fitted.manifest)
    means = []
    for benchmark, asked in zip(params.benchmarks, source.queries, strict=True):
        queries = read_table(asked, "benchmarks/queries")
        target = params.targets[benchmark]
        raw = collect_query_rows(engine, queries, target, params.tokens_per_batch)
        rows = unit_query_rows(raw, fitted.roots)
        names = queries["query_id"].to_list(), queries["task"].to_list()
        means.append(group_means(sketch, QueryRows(rows, *names, fitted.manifest)))
    return means


def untrained_maps(source: Any, params: Any, sampled: np.ndarray) -> list[tuple[str, GroupMeans]]:
    """Mean scores over the untrained models, per benchmark."""
    models = range(len(source.untrained_sketches))
    of_models = [untrained_means(source, params, number, sampled) for number in models]
    return [
        (benchmark, averaged(means))
        for benchmark, means in zip(params.benchmarks, zip(*of_models, strict=True), strict=True)
    ]


def averaged(means: Sequence[GroupMeans]) -> GroupMeans:
    """Scores averaged over models, group by group and question by question."""
    return dataclasses.replace(means[0], means=np.mean([each.means for each in means], axis=0))


def main(snakemake: Any) -> None:
    """Score and write every baseline that the study asks for."""
    source, params = snakemake.input, snakemake.params
    sampled = read_bin_column(source.summary, "n_sampled")
    makeup = read_makeup(source.summary)
    for variant in ("cosine", "dot"):
        sketch = load_sketches(source.sketches, variant, expected_counts=sampled)
        maps = []
        for benchmark, order in zip(params.benchmarks, source.order, strict=True):
            queries = load_query_rows(Path(order).with_suffix(".npy"), variant)
            check_same(source.sketches[0], sketch.manifest, order, queries.manifest)
            maps.append((benchmark, group_means(sketch, queries)))
        path = getattr(snakemake.output, variant)
        write_maps(path, maps, makeup, params.confidence, params.multiplicity)
    if snakemake.output.get("untrained"):
        maps = untrained_maps(source, params, sampled)
        write_maps(snakemake.output.untrained, maps, makeup, params.confidence, params.multiplicity)


if __name__ == "__main__":
    run_job(main, snakemake)
