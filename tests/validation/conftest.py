"""A small corpus on disk for the scorers: bins, sites, rows and questions."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from workflow_scripts.attribution.sketch import SketchSums, write_sketch
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import polars_schema, write_table
from workflow_scripts.common.taxonomy import BINS

FILLED = {10: 6, 11: 4, 300: 8, 575: 3}


def filled_columns(name, frame):
    """``frame`` with every declared column it lacks, as null-free filler or null."""
    fillers = {pl.Int64: 0, pl.Float64: 0.0, pl.String: "x", pl.Boolean: False}
    missing = {
        column: pl.lit(fillers[dtype]) if dtype in fillers else pl.lit([], dtype=dtype)
        for column, dtype in polars_schema(name).items()
        if column not in frame.columns
    }
    return frame.with_columns(**missing)


@pytest.fixture
def corpus(tmp_path):
    """Documents over four bins with folds, and the bin summary on disk."""
    owner = np.repeat(list(FILLED), list(FILLED.values()))
    documents = pl.DataFrame(
        {
            "doc_id": [f"d{index:03d}" for index in range(len(owner))],
            "topic": [BINS[index][0] for index in owner],
            "format": [BINS[index][1] for index in owner],
            "draw_rank": [r for count in FILLED.values() for r in range(count)],
            "fold": [r % 3 for count in FILLED.values() for r in range(count)],
        }
    )
    summary = pl.DataFrame(
        {
            "topic": [topic for topic, _ in BINS],
            "format": [format_ for _, format_ in BINS],
            "n_sampled": [FILLED.get(index, 0) for index in range(len(BINS))],
            "n_sites": [FILLED.get(index, 0) for index in range(len(BINS))],
        }
    )
    paths = SimpleNamespace(summary=tmp_path / "summary.parquet", shard=tmp_path / "shard.parquet")
    write_table(filled_columns("corpus/bin_summary", summary), paths.summary, "corpus/bin_summary")
    shard = filled_columns("corpus/shards", documents.drop("draw_rank"))
    write_table(shard, paths.shard, "corpus/shards")
    return SimpleNamespace(documents=documents, owner=owner, paths=paths, folder=tmp_path)


@pytest.fixture
def unit_rows(corpus):
    """(21, 12) float32 unit rows of the documents and (5, 12) of the questions."""
    rng = stream(1, "unit rows")
    rows = rng.normal(size=(len(corpus.owner) + 5, 12)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[:-5], rows[-5:]


def written_sketch(corpus, part, losses, label):
    """A sketch of some documents, of which only ids and losses count; returns its path."""
    documents = corpus.documents[part]
    details = {
        "doc_id": documents["doc_id"].to_numpy().astype(str),
        "loss": losses,
        "gradient_norm": np.ones(documents.height, np.float32),
    }
    sums = SketchSums(corpus.owner[part], documents["fold"].to_numpy(), 2)
    path = corpus.folder / f"{label}.npz"
    write_sketch(path, sums, details, {"shard": label})
    return str(path)
