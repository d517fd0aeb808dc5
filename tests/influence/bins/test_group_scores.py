"""Group means from sketches: exact, whatever the shards, the chunks and the order."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from workflow_scripts.attribution.query_rows import QueryRows
from workflow_scripts.attribution.sketch import (
    VARIANTS,
    Sketch,
    SketchSums,
    load_sketches,
    write_sketch,
)
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.bins import group_scores as groups_module
from workflow_scripts.influence.bins.group_scores import coherence, group_means

MANIFEST = {"model": "m", "preconditioner": "p", "projection": {"projections": 1}, "bergson": "b"}


def unit_rows(count, width, *key):
    rows = stream(1, "unit rows", *key).standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def documents(count=60, width=24):
    rng = stream(2, "documents")
    owner, fold = rng.integers(0, 5, size=count), rng.integers(0, 3, size=count)
    return owner, fold, unit_rows(count, width, "documents")


def sketch_file(path, shard, owner, fold, rows):
    sums = SketchSums(owner, fold, rows.shape[1])
    values = torch.from_numpy(rows)
    sums.add(list(range(len(rows))), dict.fromkeys(VARIANTS, values))
    write_sketch(path, sums, {}, MANIFEST | {"shard": shard})
    return path


def queries(count=11, width=24):
    rows = unit_rows(count, width, "queries")
    return QueryRows(rows, [f"q{i}" for i in range(count)], ["task"] * count, MANIFEST)


def test_group_means_are_means_of_document_scores(tmp_path):
    owner, fold, rows = documents()
    sketch = load_sketches([sketch_file(tmp_path / "a.npz", "s0", owner, fold, rows)])
    found = group_means(sketch, queries())
    scores = rows.astype(float) @ queries().rows.T.astype(float)
    assert found.counts.sum() == 60
    for bin_, fold_, count, mean in zip(
        found.bins, found.folds, found.counts, found.means, strict=True
    ):
        members = (owner == bin_) & (fold == fold_)
        assert count == members.sum()
        np.testing.assert_allclose(mean, scores[members].mean(axis=0), atol=1e-6)


def test_splitting_bins_over_two_shards_changes_nothing(tmp_path):
    owner, fold, rows = documents()
    whole = load_sketches([sketch_file(tmp_path / "a.npz", "s0", owner, fold, rows)])
    parts = [
        sketch_file(tmp_path / f"{i}.npz", f"s{i}", owner[part], fold[part], rows[part])
        for i, part in enumerate((slice(0, 33), slice(33, None)))
    ]
    a, b = (group_means(sketch, queries()) for sketch in (whole, load_sketches(parts)))
    np.testing.assert_array_equal(a.counts, b.counts)
    np.testing.assert_allclose(a.means, b.means, atol=1e-7)
    np.testing.assert_allclose(
        coherence(whole), coherence(load_sketches(parts)), atol=1e-7, equal_nan=True
    )


def test_groups_given_in_pieces_are_merged(tmp_path):
    owner, fold, rows = documents()
    whole = load_sketches([sketch_file(tmp_path / "a.npz", "s0", owner, fold, rows)])
    order = stream(3, "order").permutation(60)
    loose = Sketch(owner[order], fold[order], np.ones(60, int), rows[order], MANIFEST)
    a, b = group_means(whole, queries()), group_means(loose, queries())
    np.testing.assert_array_equal(a.bins, b.bins)
    np.testing.assert_allclose(a.means, b.means, atol=1e-6)
    np.testing.assert_allclose(coherence(whole), coherence(loose), atol=1e-6, equal_nan=True)


def test_chunks_do_not_change_the_means(tmp_path, monkeypatch):
    owner, fold, rows = documents()
    sketch = load_sketches([sketch_file(tmp_path / "a.npz", "s0", owner, fold, rows)])
    whole = group_means(sketch, queries())
    monkeypatch.setattr(groups_module, "GROUP_CHUNK", 4)
    monkeypatch.setattr(groups_module, "QUERY_CHUNK", 3)
    np.testing.assert_allclose(group_means(sketch, queries()).means, whole.means, rtol=1e-13)


def test_coherence_is_one_for_copies_and_small_for_strangers():
    rows = np.concatenate(
        [np.repeat(unit_rows(1, 4000, "one"), 9, axis=0), unit_rows(9, 4000, "nine")]
    )
    owner, fold = np.repeat([2, 7], 9), np.tile(np.arange(3), 6)
    norms = coherence(Sketch(owner, fold, np.ones(18, int), rows, MANIFEST))
    assert norms[2] == pytest.approx(1, abs=1e-6)
    assert norms[7] == pytest.approx(1 / 3, abs=0.05)
    assert np.isnan(norms[0])


def test_rows_of_another_projection_are_refused():
    owner, fold, rows = documents()
    sketch = Sketch(owner, fold, np.ones(60, int), rows, MANIFEST)
    short = replace(queries(), rows=queries().rows[:, :20])
    with pytest.raises(IntegrityError, match="24 entries, query rows 20"):
        group_means(sketch, short)


def test_questions_of_one_passage_are_one_cluster(tmp_path):
    owner, fold, rows = documents()
    sketch = load_sketches([sketch_file(tmp_path / "a.npz", "s0", owner, fold, rows)])
    assert group_means(sketch, queries()).clusters.tolist() == list(range(11))
    passages = ["1"] * 5 + [None, None] + ["2"] * 4
    asked = replace(queries(), passages=passages)
    assert group_means(sketch, asked).clusters.tolist() == [0] * 5 + [1, 2] + [3] * 4
