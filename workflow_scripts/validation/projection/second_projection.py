"""A second document pass under another projection, and how far two maps of one study agree."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.document_pass import PassSettings, attribute
from workflow_scripts.attribution.query_rows import (
    QueryRows,
    collect_query_rows,
    mean_rows,
    unit_query_rows,
)
from workflow_scripts.attribution.sketch import add_up
from workflow_scripts.attribution.whitening import inverse_root
from workflow_scripts.common.tables import read_table
from workflow_scripts.influence.bins.group_scores import group_means
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans

logger = logging.getLogger("atlas")


def fit_moments(
    engine: GradientEngine, shards: Sequence[str], params: Any
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Second moments of an engine's gradients, on the draw of documents of the study."""
    drawn = preconditioner.read_draw(
        list(shards), params.projection_dim, params.documents, params.seed_preconditioner
    )
    return preconditioner.fit(
        engine,
        drawn,
        reduction=params.loss_reduction,
        damping=params.damping,
        tokens_per_batch=params.tokens_per_batch,
    )


def second_pass(
    engine: GradientEngine,
    shards: Sequence[str],
    questions: Mapping[str, pl.DataFrame],
    params: Any,
) -> tuple[dict[str, GroupMeans], dict[str, pl.DataFrame]]:
    """Fit a preconditioner, ask all questions, and pass over all documents.

    Args:
        engine: the model under the other projection.
        shards: every tokenised shard.
        questions: benchmark -> its table ``benchmarks/queries``.
        params: of the rule.

    Returns:
        by benchmark the group means of the second map, and the scores of the documents
        (doc_id, score).
    """
    moments, stability = fit_moments(engine, shards, params)
    logger.info("fitted on %d documents: %s", stability["documents"], stability)
    roots = inverse_root(moments, params.damping)
    rows = {}
    for name, table in questions.items():
        target = params.targets[name]
        raw = collect_query_rows(engine, table, target, params.tokens_per_batch)
        rows[name] = unit_query_rows(raw, roots, engine.projections)
    means = np.stack([mean_rows(each) for each in rows.values()], axis=1)  # (d, benchmarks)
    settings = PassSettings(params.loss_reduction, params.row_dtype, params.tokens_per_batch)
    on_device, sketches, scores = roots.to(engine.model.device), [], []
    for path in shards:
        shard = read_table(path, "corpus/shards")
        own = np.empty((shard.height, len(rows)))

        def keep(indices: list[int], batch: np.ndarray, into: np.ndarray = own) -> None:
            into[indices] = batch.astype(np.float64) @ means

        sums, _ = attribute(engine, on_device, shard, settings, keep)
        sketches.append(sums.sketch("trackstar", {}))
        scores.append(shard.select("doc_id").with_columns(pl.DataFrame(own, schema=list(rows))))
    sketch, scored = add_up(sketches), pl.concat(scores)
    maps = {name: group_means(sketch, QueryRows(each, [], [], {})) for name, each in rows.items()}
    return maps, {name: scored.select("doc_id", pl.col(name).alias("score")) for name in rows}
