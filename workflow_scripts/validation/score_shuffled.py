"""Map the benchmarks after dealing the documents to bins at random: a map of nothing.

in   shards, rows, sketches: documents of every shard, their unit rows and what those were made
     with; queries, order: query rows of every benchmark
out  shuffled: the columns of influence/bin_influence, all benchmarks
"""

from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.attribution.manifest import check_same
from workflow_scripts.attribution.query_rows import load_query_rows, load_rows
from workflow_scripts.attribution.sketch import Sketch, read_manifest
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.groups import group_means
from workflow_scripts.influence.makeup import Makeup
from workflow_scripts.validation.scoring import (
    bin_positions,
    occupied_groups,
    write_maps,
)
from workflow_scripts.validation.shuffling import shuffle_bins, sum_rows


def main(snakemake: Any) -> None:
    """Shuffle, sum the rows anew and write."""
    source, params = snakemake.input, snakemake.params
    keys = ["doc_id", "topic", "format"]
    shards = [read_table(path, "corpus/shards", keys) for path in source.shards]
    # Sorted by doc_id, so that the draw does not depend on how the documents were cut.
    documents = pl.concat(shards).with_row_index("place").sort("doc_id")
    bins, folds = shuffle_bins(bin_positions(documents), params.folds, params.seed)
    groups, owner, counts = occupied_groups(bins, folds)
    owner_by_place = np.empty_like(owner)
    owner_by_place[documents["place"].to_numpy()] = owner
    cuts = np.cumsum([shard.height for shard in shards])[:-1]
    owners = np.split(owner_by_place, cuts)
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
        maps.append((benchmark, group_means(dealt, queries)))
    makeup = Makeup.of_sites(np.bincount(bins, minlength=len(BINS)))
    write_maps(snakemake.output.shuffled, maps, makeup, params.confidence, params.multiplicity)


if __name__ == "__main__":
    run_job(main, snakemake)
