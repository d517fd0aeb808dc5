"""The rules of the stage, run as scripts on small sketches."""

import json

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import save_file

from tests.support import rule_call
from workflow_scripts.attribution.preconditioner import manifest_of
from workflow_scripts.attribution.sketch import VARIANTS, SketchSums, write_sketch
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins import estimate_bins, gather_bins
from workflow_scripts.influence.maps import compare_maps
from workflow_scripts.influence.variants import vary_maps

MANIFEST = {"model": "m", "preconditioner": "p", "projection": {"projections": 1}, "bergson": "b"}
CELLS = {
    "social_reasoning": {"domain": "social", "capability": "reasoning", "answer_form": "text"},
    "stem_reasoning": {"domain": "stem", "capability": "reasoning", "answer_form": "letter"},
}
WIDTH, BINS_FILLED, PER_BIN = 16, 6, 8


def unit(*key, count):
    rows = stream(1, *key).standard_normal((count, WIDTH)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_queries(folder, name, manifest=MANIFEST):
    rows = unit(name, count=10)
    np.save(folder / f"{name}.npy", rows)
    record = {
        "query_ids": [f"{name}-{i}" for i in range(10)],
        "tasks": [name] * 10,
        "manifest": manifest,
    }
    (folder / f"{name}.json").write_text(json.dumps(record))
    answers = pl.DataFrame(
        {
            "query_id": record["query_ids"],
            "loglikelihoods": [[-1.0, -2.0]] * 10,
            "predicted": [0] * 10,
            "correct": [i < 6 for i in range(10)],
            "margin": [1.0] * 10,
        }
    )
    write_table(answers, folder / f"{name}.answers.parquet", "benchmarks/answers")
    return rows


@pytest.fixture
def world(tmp_path):
    """Two sketches of 6 bins x 8 documents, two benchmarks, a bin summary."""
    owner = np.repeat(np.arange(BINS_FILLED), PER_BIN)
    fold = np.tile(np.arange(PER_BIN) % 4, BINS_FILLED)
    rows = unit("documents", count=len(owner))
    for shard, part in {"s0000": slice(0, 20), "s0001": slice(20, None)}.items():
        sums = SketchSums(owner[part], fold[part], WIDTH)
        values = torch.from_numpy(rows[part])
        sums.add(list(range(len(values))), dict.fromkeys(VARIANTS, values))
        write_sketch(tmp_path / f"{shard}.npz", sums, {}, MANIFEST | {"shard": shard})
    targets = {name: write_queries(tmp_path, name) for name in CELLS}
    filled = np.arange(576) < BINS_FILLED
    counts = np.where(filled, PER_BIN, 0)
    topics, formats = zip(*BINS, strict=True)
    share = pl.when(pl.col("n_sampled") > 0).then(0.0)
    summary = pl.DataFrame(
        {
            "topic": topics,
            "format": formats,
            "n_available": counts,
            "n_sampled": counts,
            "n_too_short": counts - counts,
            "n_tokens": counts,
            "underfilled": ~filled,
            "weight": filled / BINS_FILLED,
            "n_sites": np.where(filled, 4, 0),
            "n_components": np.where(filled, 4, 0),
        }
    ).with_columns(
        near_duplicate_share=share,
        share_truncated=share,
        largest_site_share=share + 0.25,
        n_effective=share + 4.0,
    )
    write_table(summary, tmp_path / "summary.parquet", "corpus/bin_summary")
    return tmp_path, owner, rows, targets


def estimate(folder, name, shards=("s0000", "s0001")):
    estimate_bins.main(
        rule_call(
            "estimate_bins",
            input={
                "sketches": [str(folder / f"{shard}.npz") for shard in shards],
                "queries": str(folder / f"{name}.npy"),
                "order": str(folder / f"{name}.json"),
                "answers": str(folder / f"{name}.answers.parquet"),
                "summary": str(folder / "summary.parquet"),
            },
            output={
                "bins": folder / f"{name}.parquet",
                "resampling": folder / f"{name}.npz",
                **{other: folder / f"{name}.{other}.parquet" for other in gather_bins.OTHERS},
            },
            params={
                "confidence": 0.95,
                "multiplicity": "bh",
                "smallest_effect": 0,
                "splits": 20,
                "seed": 42,
            },
            wildcards={"benchmark": name},
        )
    )


def test_the_stage_runs_from_sketches_to_contrasts(world):
    folder, owner, rows, targets = world
    for name in CELLS:
        estimate(folder, name)
    gather_bins.main(
        rule_call(
            "gather_bins",
            input={
                "bins": [str(folder / f"{name}.parquet") for name in CELLS],
                **{
                    other: [str(folder / f"{name}.{other}.parquet") for name in CELLS]
                    for other in gather_bins.OTHERS
                },
            },
            output={
                "table": folder / "all.parquet",
                **{other: folder / f"{other}.parquet" for other in gather_bins.OTHERS},
            },
            params={"benchmarks": list(CELLS)},
        )
    )
    compare_maps.main(
        rule_call(
            "compare_maps",
            input={
                "bins": str(folder / "all.parquet"),
                "resampling": [str(folder / f"{name}.npz") for name in CELLS],
                "summary": str(folder / "summary.parquet"),
            },
            output={name: folder / f"{name}.parquet" for name in compare_maps.TABLES},
            params={
                "cells": CELLS,
                "contrasts": None,
                "confidence": 0.95,
                "permutations": 99,
                "bootstraps": 99,
                "splits": 20,
                "tasks": {name: [name] for name in CELLS},
                "seed": 42,
            },
        )
    )
    table = read_table(folder / "all.parquet", "influence/bin_influence")
    assert table.height == 2 * 576
    for name, queries in targets.items():
        scores = rows.astype(float) @ queries.T.astype(float)
        found = table.filter(benchmark=name).sort("topic", "format")[:BINS_FILLED]
        for index in range(BINS_FILLED):
            mean = scores[owner == index].mean()
            assert found["influence"][index] == pytest.approx(mean, abs=1e-7)
            norm = np.linalg.norm(rows[owner == index].mean(axis=0))
            assert found["coherence"][index] == pytest.approx(norm, abs=1e-6)
        assert (found["n_sites"] == 4).all() and (found["se"] > 0).all()
    check_others(folder, table)
    contrasts = read_table(folder / "contrasts.parquet", "influence/contrasts")
    assert contrasts["contrast"].unique().to_list() == ["reasoning"]
    assert contrasts["confounded"].all()
    z = {name: table.filter(benchmark=name)["z"].to_numpy() for name in CELLS}
    by_bin = contrasts.filter(axis="bin").sort("topic", "format")["value"].to_numpy()
    np.testing.assert_allclose(by_bin, z["social_reasoning"] - z["stem_reasoning"], rtol=1e-9)
    pairs = read_table(folder / "correlations.parquet", "influence/correlations")
    assert pairs.height == 1 and pairs["pearson"][0] is not None


def check_others(folder, table):
    halves, sides, tasks = (
        read_table(folder / f"{name}.parquet", f"influence/{name}") for name in gather_bins.OTHERS
    )
    assert halves.select("benchmark", "over").rows() == [
        (name, over) for name in sorted(CELLS) for over in ("documents", "questions")
    ]
    assert halves["n_bins"].unique().to_list() == [BINS_FILLED]
    assert (sides["n_correct"] == 6).all() and (sides["n_incorrect"] == 4).all()
    # The two sides, and the only task, are the benchmark's own map.
    mean = (6 * sides["influence_correct"] + 4 * sides["influence_incorrect"]) / 10
    for other in (mean, tasks["influence"]):
        np.testing.assert_allclose(other.to_numpy(), table["influence"].to_numpy(), rtol=1e-9)


def test_question_without_an_answer_is_refused_by_name(world):
    folder, *_ = world
    path = folder / "stem_reasoning.answers.parquet"
    write_table(pl.read_parquet(path)[1:], path, "benchmarks/answers")
    with pytest.raises(IntegrityError, match="no answer to question 'stem_reasoning-0'"):
        estimate(folder, "stem_reasoning")


def test_a_missing_shard_is_refused_by_name(world):
    folder, *_ = world
    with pytest.raises(IntegrityError, match="s0000"):
        estimate(folder, "stem_reasoning", shards=("s0000",))
    assert not (folder / "stem_reasoning.parquet").exists()


def test_queries_of_another_preconditioner_are_refused(world):
    folder, *_ = world
    write_queries(folder, "stem_reasoning", MANIFEST | {"preconditioner": "other"})
    with pytest.raises(IntegrityError, match="preconditioner"):
        estimate(folder, "stem_reasoning")


def test_a_damaged_resampling_file_is_refused(world):
    folder, *_ = world
    estimate(folder, "stem_reasoning")
    path = folder / "stem_reasoning.npz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(IntegrityError, match="is damaged"):
        compare_maps.load(path)


def write_shards(folder, owner, rows):
    """Documents, kept rows and a preconditioner of two layers, in the order of the sketches."""
    fold, fresh = np.tile(np.arange(PER_BIN) % 4, BINS_FILLED), np.arange(len(owner))
    documents = pl.DataFrame(
        {
            "doc_id": [f"d{i:03}" for i in fresh],
            "topic": [BINS[i][0] for i in owner],
            "format": [BINS[i][1] for i in owner],
            "fold": fold,
            "input_ids": [[1, 2]] * len(owner),
            "n_tokens": 10 + fresh % 7,
            "n_tokens_full": 10 + fresh % 7,
        }
    )
    for shard, part in {"s0000": slice(0, 20), "s0001": slice(20, None)}.items():
        write_table(documents[part], folder / f"{shard}.parquet", "corpus/shards")
        np.save(folder / f"{shard}.npy", rows[part])
    texts = documents.select("doc_id", "topic", "format").with_columns(
        url_domain=pl.Series([f"s{i // 2}" for i in fresh]), text=pl.lit("a text")
    )
    write_table(texts, folder / "texts.parquet", "corpus/documents")
    folds = documents.select("doc_id", "fold").with_columns(
        component=pl.Series(fresh // 2), likeness=pl.Series(fresh)
    )
    write_table(folds, folder / "folds.parquet", "corpus/folds")
    block = WIDTH // 2
    tensors = {f"m{i}": torch.diag(torch.logspace(-1, 1, block)) for i in range(2)}
    save_file(tensors, folder / "moments.safetensors")
    settings = MANIFEST | {"damping": 0.1, "reduction": "mean", "modules": ["m0", "m1"]}
    digest = manifest_of(folder / "moments.safetensors", settings)["preconditioner"]
    (folder / "settings.json").write_text(json.dumps(settings | {"digest": digest}))


def vary(folder, source, benchmarks):
    vary_maps.main(
        rule_call(
            "vary_maps",
            input={"bins": [str(folder / f"{name}.parquet") for name in benchmarks]} | source,
            output={"table": folder / "sensitivity.parquet"},
            params={
                "benchmarks": benchmarks,
                "damping": 0.1,
                "multiplicity": "bh",
            },
        )
    )
    return read_table(folder / "sensitivity.parquet", "influence/sensitivity")


def test_kept_rows_give_the_map_again_and_its_variants(world):
    folder, owner, rows, _ = world
    name = "stem_reasoning"
    estimate(folder, name)
    write_shards(folder, owner, rows)
    shards = ("s0000", "s0001")
    source = {
        "rows": [str(folder / f"{shard}.npy") for shard in shards],
        "shards": [str(folder / f"{shard}.parquet") for shard in shards],
        "documents": [str(folder / "texts.parquet")],
        "queries": [str(folder / f"{name}.npy")],
        "order": [str(folder / f"{name}.json")],
        "moments": str(folder / "moments.safetensors"),
        "settings": str(folder / "settings.json"),
        "resampling": [str(folder / f"{name}.npz")],
        "folds": str(folder / "folds.parquet"),
    }
    made = vary(folder, source, [name])
    found = {row["variant"]: row for row in made.rows(named=True)}
    assert found["the map itself"]["pearson"] == pytest.approx(1)
    assert 0 < found["damping 1"]["pearson"] < 1 and found["damping 1"]["n_docs"] == len(owner)
    assert found["damping 0.1"]["reason"] == "the study's own damping"
    assert found["without largest site"]["n_docs"] == len(owner) - 2 * BINS_FILLED
    assert "no document nearly repeats" in found["without near-duplicates"]["reason"]
    assert found["per token"]["pearson"] > 0.9 and found["length taken out"]["n_bins"] == 6
    assert all((row["reason"] is None) == (row["pearson"] is not None) for row in found.values())
    table = vary(folder, {}, [name])
    assert table["reason"].str.contains("attribution.rows: discard").all()
