"""Control: the whole attribution repeated on a model of the same shape that was never trained.

An untrained model's gradients still see words, so its map is lexical; it must not tell a bin
that supports a benchmark from one that contradicts it in the same words.

in   shards, queries of every benchmark, summary: the bins' sites, record: the model's shape
out  untrained: one map per benchmark, columns of ``influence/bin_influence``
"""

from typing import Any

import numpy as np
import torch

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.documents import PassSettings, attribute
from workflow_scripts.attribution.query_rows import (
    QueryRows,
    collect_query_rows,
    unit_query_rows,
)
from workflow_scripts.attribution.sketch import Sketch, add_up
from workflow_scripts.attribution.whitening import inverse_root
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.influence.groups import group_means
from workflow_scripts.model.loading import untrained_model
from workflow_scripts.validation.scoring import read_bin_column, write_maps


def untrained_sketch(
    engine: GradientEngine, roots: torch.Tensor, shards: list[str], settings: PassSettings
) -> Sketch:
    """Sums of whitened unit rows per (bin, fold) over all shards, in memory."""
    parts = []
    for path in shards:
        sums, _ = attribute(engine, roots, read_table(path, "corpus/shards"), settings)
        parts.append(sums.sketch("trackstar", {}))
    return add_up(parts)


def untrained_queries(
    engine: GradientEngine, roots: torch.Tensor, path: str, target: str, tokens_per_batch: int
) -> QueryRows:
    """Whitened unit rows of one benchmark's questions under the untrained model."""
    queries = read_table(path, "benchmarks/queries")
    raw = collect_query_rows(engine, queries, target, tokens_per_batch)
    rows: np.ndarray = unit_query_rows(raw, roots)
    return QueryRows(rows, queries["query_id"].to_list(), queries["task"].to_list(), {})


def main(snakemake: Any) -> None:
    """Fit, attribute documents and questions, and write the maps."""
    source, params = snakemake.input, snakemake.params
    model = untrained_model(source.record, params.seed, params.device)
    engine = GradientEngine(model, params.projection_dim, params.seed_projection)
    shards = list(source.shards)
    moments, _ = preconditioner.fit(
        engine,
        preconditioner.read_draw(
            shards, params.projection_dim, params.documents, params.seed_preconditioner
        ),
        reduction=params.loss_reduction,
        damping=params.damping,
        tokens_per_batch=params.tokens_per_batch,
    )
    roots = inverse_root(moments, params.damping)
    settings = PassSettings(params.loss_reduction, "float32", params.tokens_per_batch)
    sketch = untrained_sketch(engine, roots.to(params.device), shards, settings)
    maps = []
    for benchmark, path in zip(params.benchmarks, source.queries, strict=True):
        target = params.targets[benchmark]
        rows = untrained_queries(engine, roots, path, target, params.tokens_per_batch)
        maps.append((benchmark, group_means(sketch, rows)))
    write_maps(
        snakemake.output.untrained,
        maps,
        read_bin_column(source.summary, "n_sites"),
        params.confidence,
        params.multiplicity,
    )


if __name__ == "__main__":
    run_job(main, snakemake)
