"""Scorers of documents alone: no question enters, so that all benchmarks have one map."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from workflow_scripts.attribution.sketch import read_losses
from workflow_scripts.common.random_streams import stable_hash
from workflow_scripts.common.tables import read_table
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.validation.baselines.working_set import ScorerInputs, in_order


def map_bins(names: Sequence[str], given: ScorerInputs) -> dict[str, list[GroupMeans]]:
    """Group means by length, loss or random numbers: of each scorer for every benchmark."""
    source, seed, maps = given.source, given.params.seed, {}
    for name in names:
        paths = source.get("shards"), source.get("sketches")
        values = document_scores(name, given.working.documents, *paths, seed)
        maps[name] = [given.working.means(values)] * len(given.params.benchmarks)
    return maps


def document_scores(
    scorer: str, documents: pl.DataFrame, shards: Sequence[str], sketches: Sequence[str], seed: int
) -> np.ndarray:
    """(n,) float64 scores that no question enters.

    ``length``: tokens after the cut. ``loss``: of the study's model, nats per token; high =
    hard. ``random``: uniform in [0, 1), from the document's id and the seed alone.

    Raises:
        ValueError: another scorer.
    """
    if scorer == "length":
        columns = ["doc_id", "n_tokens"]
        tokens = pl.concat([read_table(path, "corpus/shards", columns) for path in shards])
        values = in_order(documents, tokens, "n_tokens", ", ".join(shards))
    elif scorer == "loss":
        losses = pl.concat([pl.DataFrame(read_losses(path)) for path in sketches])
        values = in_order(documents, losses, "loss", ", ".join(sketches))
    elif scorer == "random":
        drawn = (stable_hash(seed, "random scorer", each) for each in documents["doc_id"])
        return np.fromiter(drawn, dtype=np.float64, count=documents.height) / 2.0**64
    else:
        raise ValueError(f"{scorer!r} is no scorer of documents alone")
    return values.to_numpy().astype(np.float64)
