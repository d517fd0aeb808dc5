"""Scorers from gradient rows: the unpreconditioned baselines and the shuffled control."""

import numpy as np
import pytest
import torch
from polars.testing import assert_frame_equal

from tests.support import rule_call
from tests.validation.conftest import FILLED, filled_columns
from workflow_scripts.attribution.sketch import SketchSums, write_sketch
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import write_json
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.validation.baselines import score_gradient_baselines

MANIFEST = {"model": "m", "preconditioner": "h", "projection": {"projections": 1}, "bergson": "b"}
CUTS = (0, 9, 21)


@pytest.fixture
def attribution(corpus, unit_rows):
    """Two shards with rows, sketches and one benchmark's query rows, as the stage leaves them."""
    rows, queries = unit_rows
    raw = queries * np.array([[1], [2], [3], [4], [5]], dtype=np.float32)
    folder = corpus.folder
    paths = {name: [] for name in ("shards", "rows", "sketches")}
    for number in range(2):
        part = slice(CUTS[number], CUTS[number + 1])
        label = f"s{number:04d}"
        documents = corpus.documents[part].drop("draw_rank")
        write_table(
            filled_columns("corpus/shards", documents), folder / f"{label}.parquet", "corpus/shards"
        )
        np.save(folder / f"{label}.npy", rows[part])
        sums = SketchSums(corpus.owner[part], documents["fold"].to_numpy(), 12)
        own = torch.from_numpy(rows[part])
        # The raw rows of the documents are three times their unit rows.
        sums.add(list(range(len(own))), {"trackstar": own, "cosine": own, "dot": 3 * own})
        details = {
            "doc_id": documents["doc_id"].to_numpy().astype(str),
            "loss": np.ones(len(own), np.float32),
            "gradient_norm": np.ones(len(own), np.float32),
        }
        write_sketch(folder / f"{label}.npz", sums, details, {**MANIFEST, "shard": label})
        paths["shards"].append(str(folder / f"{label}.parquet"))
        paths["rows"].append(str(folder / f"{label}.npy"))
        paths["sketches"].append(str(folder / f"{label}.npz"))
    np.save(folder / "b.npy", queries)
    np.save(folder / "b.raw.npy", raw)
    record = {"query_ids": [f"q{i}" for i in range(5)], "tasks": ["t"] * 5, "manifest": MANIFEST}
    write_json(folder / "b.json", record)
    return paths


def run_baselines(corpus, attribution, seed=1, order=(0, 1)):
    names = ("cosine", "dot", "shuffled")
    out = {name: corpus.folder / f"{name}.parquet" for name in names}
    inputs = {name: [paths[i] for i in order] for name, paths in attribution.items()}
    score_gradient_baselines.main(
        rule_call(
            "score_gradient_baselines",
            input={
                **inputs,
                "queries": [str(corpus.folder / "b.npy")],
                "raw": [str(corpus.folder / "b.raw.npy")],
                "order": [str(corpus.folder / "b.json")],
                "summary": str(corpus.paths.summary),
            },
            output=out,
            params={
                "benchmarks": ["b"],
                "confidence": 0.95,
                "multiplicity": "bh",
                "folds": 3,
                "seed_shuffle": seed,
            },
        )
    )
    return {name: read_table(path, "influence/bin_influence") for name, path in out.items()}


@pytest.mark.parametrize("scorer", ["cosine", "dot"])
def test_baseline_scores_are_mean_products_of_rows(corpus, attribution, unit_rows, scorer):
    table = run_baselines(corpus, attribution)[scorer]
    rows, queries = unit_rows
    products = rows @ queries.T
    if scorer == "dot":
        products = products * 3 * np.arange(1, 6)
    for index in FILLED:
        row = table.filter(topic=BINS[index][0], format=BINS[index][1]).row(0, named=True)
        expected = products[corpus.owner == index].mean()
        assert row["influence"] == pytest.approx(expected, abs=1e-6)
    assert table["influence"].null_count() == 572


def test_an_incomplete_set_of_sketches_is_refused_by_name(corpus, attribution):
    with pytest.raises(IntegrityError, match="s0000"):
        run_baselines(corpus, attribution, order=(0,))


def test_shuffled_map_keeps_bin_counts_and_the_mean_over_documents(corpus, attribution, unit_rows):
    table = run_baselines(corpus, attribution)["shuffled"].drop_nulls("influence")
    counts = {
        BINS.index((row["topic"], row["format"])): row["n_docs"]
        for row in table.iter_rows(named=True)
    }
    assert counts == FILLED
    rows, queries = unit_rows
    mean = (table["influence"] * table["n_docs"]).sum() / table["n_docs"].sum()
    assert mean == pytest.approx((rows @ queries.T).mean(), abs=1e-6)


def test_shuffle_follows_the_documents_not_the_shards(corpus, attribution):
    one, other = (run_baselines(corpus, attribution, order=order) for order in ((0, 1), (1, 0)))
    assert_frame_equal(one["shuffled"], other["shuffled"], abs_tol=1e-6)


def test_another_seed_shuffles_anew(corpus, attribution):
    one, other = (run_baselines(corpus, attribution, seed=seed) for seed in (1, 2))
    assert not one["shuffled"]["influence"].equals(other["shuffled"]["influence"])
    assert one["dot"].equals(other["dot"])
