"""Variants of a map: documents left out, weighted, with length taken out; many questions."""

import numpy as np
import polars as pl
import pytest
import torch

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.bin_table import bin_influence
from workflow_scripts.influence.bins.composition import Makeup
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.influence.variants import sensitivity as choices
from workflow_scripts.influence.variants import vary_maps

N, D, Q = 120, 8, 10


@pytest.fixture
def documents():
    """Twelve bins of ten documents in four folds, sites of one to three."""
    at = np.repeat(np.arange(12), 10)
    return pl.DataFrame(
        {
            "doc_id": [f"d{i:03}" for i in range(N)],
            "topic": [BINS[i][0] for i in at],
            "format": [BINS[i][1] for i in at],
            "fold": np.tile(np.arange(10) % 4, 12),
            "n_tokens": 20 + 7 * (np.arange(N) % 13),
            "url_domain": [f"s{b}-{i}" for b in range(12) for i in (0, 0, 0, 1, 1, 2, 3, 4, 5, 6)],
        }
    )


@pytest.fixture
def rows():
    rng = stream(1, "sensitivity rows")
    return [
        torch.from_numpy(rng.standard_normal((count, D)).astype(np.float32)) for count in (N, Q)
    ]


def totals(documents, rows, queries, weight, block):
    groups = choices.Groups(documents)
    found = np.zeros((len(groups.keys), len(queries)), np.float32)
    over_all = np.zeros((1, len(queries)), np.float32)
    for first in range(0, N, block):
        place = slice(first, min(first + block, N))
        groups.add([found, over_all], place, [weight, weight], rows[place], queries)
    return groups, found, over_all


@pytest.mark.parametrize("block", [7, N])
def test_sums_over_groups_are_exact_whatever_the_blocks(documents, rows, block):
    weight = np.arange(N, dtype=float)
    groups, found, over_all = totals(documents, *rows, weight, block)
    scores = weight[:, None] * (rows[0] @ rows[1].T).numpy()
    expected = np.stack([scores[groups.owner == g].sum(axis=0) for g in range(len(groups.keys))])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(over_all[0], scores.sum(axis=0), rtol=1e-4, atol=1e-2)


def test_rows_of_a_big_group_are_added_up_before_they_are_multiplied(documents, rows):
    few = documents.with_columns(topic=pl.lit(BINS[0][0]), format=pl.lit(BINS[0][1]))
    groups, found, _ = totals(few, *rows, np.ones(N), N)
    assert len(groups.keys) == 4
    scores = (rows[0] @ rows[1].T).numpy()
    first = scores[groups.owner == 0].sum(axis=0)
    np.testing.assert_allclose(found[0], first, rtol=1e-4, atol=1e-3)


def test_largest_site_is_left_out_in_every_bin_and_single_documents_are_none(documents):
    kept = choices.outside_largest_site(documents)
    np.testing.assert_array_equal(np.flatnonzero(~kept) % 10, np.tile([0, 1, 2], 12))
    alone = documents.with_columns(url_domain=pl.col("doc_id"))
    assert choices.outside_largest_site(alone).all()
    unknown = documents.with_columns(url_domain=pl.lit(None, pl.String))
    assert choices.outside_largest_site(unknown).all()


def test_of_sites_of_equal_size_the_first_by_name_is_left_out(documents):
    pairs = documents.with_columns(url_domain=pl.Series(["b", "a", "b", "a", *"cdefgh"] * 12))
    kept = choices.outside_largest_site(pairs)
    np.testing.assert_array_equal(np.flatnonzero(~kept)[:2], [1, 3])


def test_length_that_alone_makes_the_scores_is_taken_out(documents, rows):
    groups = choices.Groups(documents)
    length = np.log(documents["n_tokens"].to_numpy())
    level = np.arange(12)[groups.keys[groups.owner, 0]]
    scores = (level + 3 * length)[:, None] * np.ones((1, 2))
    sums = np.zeros((len(groups.keys), 2))
    np.add.at(sums, groups.owner, scores)
    means = groups.means(sums, np.ones(N), np.arange(2))
    fit = choices.LengthFit.of(groups, documents["n_tokens"].to_numpy())
    out = fit.take_out(means, fit.deviation @ scores)
    np.testing.assert_allclose(out.means[:, 0], groups.keys[:, 0] + 3 * length.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("clusters", "batches"),
    [(np.arange(50), 50), (np.arange(1000), 128), (np.repeat(np.arange(10), 100), 130)],
)
def test_mean_over_batches_is_the_mean_over_questions(clusters, batches):
    weight, owner = choices.batches(clusters)
    assert weight.shape == (len(clusters), batches) and len(owner) == batches
    scores = stream(2, "batches").standard_normal(len(clusters))
    assert (scores @ weight).mean() == pytest.approx(scores.mean(), abs=1e-6)
    assert (weight > 0).sum() == len(clusters)


def test_a_few_clusters_stay_clusters_in_batches():
    clusters = np.repeat([0, 1, 2], [500, 300, 200])
    weight, owner = choices.batches(clusters)
    for batch, cluster in enumerate(owner):
        assert set(clusters[weight[:, batch] > 0]) == {cluster}


def test_without_kept_rows_every_variant_has_the_reason_and_no_number(tmp_path):
    out = tmp_path / "sensitivity.parquet"
    table = choices.table({}, dict.fromkeys(choices.names(), vary_maps.NO_ROWS), ["a"])
    write_table(table, out, "influence/sensitivity")
    assert table.height == len(choices.names())
    assert table["reason"].str.contains("attribution.rows: discard").all()
    assert table["pearson"].is_null().all()


def test_later_near_duplicates_are_left_out(documents):
    likeness = np.arange(N)
    likeness[[3, 7]] = likeness[1]
    alike = documents.with_columns(likeness=pl.Series(likeness))
    assert np.flatnonzero(~vary_maps.first_of_near_duplicates(alike)).tolist() == [3, 7]
    order = np.arange(N)[::-1].copy()
    assert vary_maps.first_of_near_duplicates(alike[order]).tolist() == [
        i not in (3, 7) for i in order
    ]
    alone = documents.with_columns(likeness=pl.Series(np.arange(N)))
    assert vary_maps.first_of_near_duplicates(alone).all()


def test_variant_equal_to_the_map_agrees_with_it_fully():
    rng = stream(3, "variant")
    bins = np.repeat(np.arange(100), 4)
    means = 0.1 * rng.standard_normal((400, Q)) + rng.standard_normal(100)[bins][:, None]
    means[bins < 3] += 20
    groups = GroupMeans(bins, np.tile(np.arange(4), 100), np.full(400, 2), means)
    primary = bin_influence(groups, Makeup.of_sites(np.full(576, 4)), None)
    support = np.arange(576) < 3
    found = choices.compare(groups, primary, "bh", support)
    assert found["pearson"] == pytest.approx(1) and found["spearman"] == pytest.approx(1)
    assert found["n_called"] == found["still_called"] == 3
    assert (found["rank_median"], found["rank_worst"], found["auroc"]) == (2, 3, 1)
    turned = choices.compare(
        GroupMeans(bins, groups.folds, groups.counts, -means), primary, "bh", None
    )
    assert turned["pearson"] == pytest.approx(-1) and turned["still_called"] == 0
    assert turned["auroc"] is None


def test_truth_of_a_benchmark_that_was_not_planted_is_not_known():
    truth = pl.DataFrame(
        {"benchmark": ["a"], "topic": [BINS[5][0]], "format": [BINS[5][1]], "role": ["support"]}
    )
    assert np.flatnonzero(vary_maps.support_of(truth, "a")).tolist() == [5]
    assert vary_maps.support_of(truth, "b") is None
    assert vary_maps.support_of(None, "a") is None
