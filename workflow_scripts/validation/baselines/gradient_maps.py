"""Maps by gradients other than the study's own: unpreconditioned, untrained, shuffled."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.compatibility import check_same
from workflow_scripts.attribution.query_rows import (
    QueryRows,
    collect_query_rows,
    load_query_rows,
    load_rows,
    unit_query_rows,
)
from workflow_scripts.attribution.sketch import Sketch, load_sketches, read_manifest
from workflow_scripts.common.tables import read_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.composition import Makeup
from workflow_scripts.influence.bins.group_scores import group_means
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.model.loading import recorded_config, untrained_model
from workflow_scripts.validation.baselines.shuffling import shuffled_places, sum_rows
from workflow_scripts.validation.maps.scorer_maps import occupied_groups

Maps = list[tuple[str, GroupMeans]]


def unpreconditioned_maps(source: Any, params: Any, variant: str, sampled: np.ndarray) -> Maps:
    """Mean ``cosine`` or ``dot`` of raw gradients, per benchmark."""
    sketch = load_sketches(source.sketches, variant, expected_counts=sampled)
    maps = []
    for benchmark, order in zip(params.benchmarks, source.order, strict=True):
        queries = load_query_rows(Path(order).with_suffix(".npy"), variant)
        check_same(source.sketches[0], sketch.manifest, order, queries.manifest)
        maps.append((benchmark, group_means(sketch, queries, f"groups, {variant}, {benchmark}")))
    return maps


def untrained_means(source: Any, params: Any, number: int, sampled: np.ndarray) -> list[GroupMeans]:
    """Ask one untrained model every question and put the answers to its own sketch."""
    path, settings = source.untrained_sketches[number], source.untrained_settings[number]
    fitted = preconditioner.load(source.untrained_moments[number], settings)
    config = recorded_config(source.record)
    model = untrained_model(config, params.seed, number, params.device)
    projection = params.projection_dim, params.seed_projection, params.projections
    engine = GradientEngine(model, *projection)
    sketch = load_sketches([path], expected_counts=sampled)
    check_same(path, sketch.manifest, settings, fitted.manifest)
    means = []
    for benchmark, asked in zip(params.benchmarks, source.questions, strict=True):
        queries = read_table(asked, "benchmarks/queries")
        target = params.targets[benchmark]
        raw = collect_query_rows(engine, queries, target, params.tokens_per_batch)
        rows = unit_query_rows(raw, fitted.roots, params.projections)
        names = queries["query_id"].to_list(), queries["task"].to_list()
        asked_rows = QueryRows(rows, *names, fitted.manifest, queries["passage"].to_list())
        what = f"groups, untrained model {number + 1}, {benchmark}"
        means.append(group_means(sketch, asked_rows, what))
    return means


def untrained_maps(source: Any, params: Any, sampled: np.ndarray) -> Maps:
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


def shuffled_maps(source: Any, params: Any) -> tuple[Maps, Makeup]:
    """Maps of documents assigned to bins at random, each document a site of its own."""
    keys = ["doc_id", "topic", "format"]
    shards = [read_table(path, "corpus/shards", keys) for path in source.shards]
    bins, folds = shuffled_places(shards, params.folds, params.seed_shuffle)
    groups, owner, counts = occupied_groups(bins, folds)
    owners = np.split(owner, np.cumsum([shard.height for shard in shards])[:-1])
    rows = [
        load_rows(path, shard.height, memory_map=True)
        for path, shard in zip(source.rows, shards, strict=True)
    ]
    sums = sum_rows(zip(rows, owners, strict=True), len(groups))
    dealt = Sketch(groups[:, 0], groups[:, 1], counts, sums, read_manifest(source.sketches[0]))
    maps = []
    for benchmark, path in zip(params.benchmarks, source.queries, strict=True):
        queries = load_query_rows(path)
        for sketch in source.sketches:
            check_same(sketch, read_manifest(sketch), path, queries.manifest)
        maps.append((benchmark, group_means(dealt, queries, f"groups, shuffled, {benchmark}")))
    return maps, Makeup.of_sites(np.bincount(bins, minlength=len(BINS)))
