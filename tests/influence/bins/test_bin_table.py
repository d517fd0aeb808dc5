"""The bin table: columns, nulls, invariances, and what its p-values find."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tests.influence.simulation import grouped, simulate
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS, bin_index
from workflow_scripts.influence.bins.bin_table import (
    GroupMeans,
    bin_influence,
    robust_standardise,
    standardise,
)
from workflow_scripts.influence.bins.composition import Makeup
from workflow_scripts.influence.uncertainty.between_bin_spread import spread_of_bins

SITES = Makeup.of_sites(np.full(576, 3))


def small_map(seed=1, **options):
    """Twelve bins of 8 documents."""
    groups, truth = simulate(stream(seed, "small map"), **({"bins": 12, "queries": 30} | options))
    return groups, truth


def columns(frame, *names):
    return [frame[name].to_numpy().astype(float) for name in names]


def test_the_table_has_the_declared_columns(tmp_path):
    groups, _ = small_map()
    frame = bin_influence(groups, SITES, np.full(576, 0.3))
    write_table(frame, tmp_path / "bins.parquet", "influence/bins")
    back = read_table(tmp_path / "bins.parquet", "influence/bins")
    assert back.height == 576
    assert list(zip(frame["topic"], frame["format"], strict=True)) == list(BINS)


def test_a_bin_without_documents_is_null_not_zero():
    groups, _ = small_map()
    frame = bin_influence(groups, SITES, np.full(576, 0.3))
    empty = frame[12:].drop("topic", "format")
    assert (empty["n_docs"] == 0).all()
    assert empty.drop("n_docs").null_count().row(0) == (564,) * (empty.width - 1)
    # Of bins that are called, of studies that state a smallest effect or have several projections.
    sometimes = ("fcr_low", "fcr_high", "p_effect", "q_effect", "n_components", "se_corpus")
    sometimes += ("se_projection", "se_added")
    filled = frame[:12].drop("n_effective", "dominated", "p_max", *sometimes)
    assert filled.null_count().transpose()["column_0"].sum() == 0


def test_one_occupied_fold_has_a_mean_and_no_error():
    groups, _ = small_map()
    keep = (groups.bins != 4) | (groups.folds == 2)
    thin = GroupMeans(
        groups.bins[keep], groups.folds[keep], groups.counts[keep], groups.means[keep]
    )
    row = bin_influence(thin, SITES, None).row(4, named=True)
    assert row["influence"] == pytest.approx(groups.means[4 * 8 + 2].mean())
    assert row["z"] is not None and row["rank"] is not None
    for name in ("se", "se_centred", "se_moderated", "ci_low", "ci_high", "shrunk"):
        assert row[name] is None
    for name in ("p_value", "p_unusual", "q_unusual", "p_max"):
        assert row[name] is None


def test_a_working_set_of_single_documents_has_a_map_without_errors():
    groups = GroupMeans(np.arange(9), np.zeros(9, int), np.ones(9, int), np.eye(9))
    frame = bin_influence(groups, SITES, None)[:9]
    assert frame["influence"].null_count() == 0 and frame["rank"].null_count() == 0
    assert frame["se"].null_count() == frame["q_unusual"].null_count() == 9


def test_means_z_and_ranks_against_brute_force():
    rng = stream(2, "brute")
    owner = rng.integers(0, 9, size=200)
    scores = rng.standard_normal((200, 5))
    frame = bin_influence(grouped(owner, rng.integers(0, 6, size=200), scores), SITES, None)[:9]
    means = np.array([scores[owner == index].mean() for index in range(9)])
    influence, z, robust, rank = columns(frame, "influence", "z", "robust_z", "rank")
    np.testing.assert_allclose(influence, means)
    np.testing.assert_allclose(z, (means - means.mean()) / means.std(ddof=1))
    deviation = means - np.median(means)
    np.testing.assert_allclose(robust, deviation / np.median(np.abs(deviation)) / 1.4826)
    np.testing.assert_array_equal(rank, stats.rankdata(-means))
    assert frame["n_docs"].sum() == 200


def test_shifting_all_scores_shifts_all_means_and_nothing_else():
    groups, _ = small_map()
    moved = GroupMeans(groups.bins, groups.folds, groups.counts, groups.means + 7)
    a, b = (bin_influence(item, SITES, None)[:12] for item in (groups, moved))
    for name in ("influence", "ci_low", "ci_high"):
        np.testing.assert_allclose(*columns(b.with_columns(pl.col(name) - 7), name), a[name])
    for name in ("se", "se_centred", "z", "robust_z", "rank", "p_value", "p_unusual", "q_unusual"):
        np.testing.assert_allclose(*columns(a, name), *columns(b, name), rtol=1e-7)


def test_confidence_and_multiplicity_are_used():
    groups, _ = small_map(spread=1.0)
    wide = bin_influence(groups, SITES, None, confidence=0.99)[:12]
    narrow = bin_influence(groups, SITES, None, confidence=0.5, multiplicity="by")[:12]
    assert (wide["ci_high"] > narrow["ci_high"]).all()
    assert (wide["ci_low"] < narrow["ci_low"]).all()
    assert (narrow["q_unusual"] >= wide["q_unusual"]).all()
    assert narrow["q_unusual"].sum() > wide["q_unusual"].sum()


def test_intervals_of_called_bins_are_wider_than_their_own_and_others_have_none():
    groups, _ = small_map(spread=0.0)
    moved = groups.means + 30.0 * (groups.bins == 3)[:, None]
    frame = bin_influence(replace(groups, means=moved), SITES, None)[:12]
    called = frame["q_unusual"] < 0.05
    assert called.to_list() == [index == 3 for index in range(12)]
    assert frame["fcr_low"].is_not_null().to_list() == called.to_list()
    row = frame.row(3, named=True)
    assert row["fcr_low"] < row["ci_low"] < row["ci_high"] < row["fcr_high"]


def test_a_smallest_effect_calls_fewer_bins_than_a_distance_of_0():
    groups, _ = small_map(spread=3.0)
    frame = bin_influence(groups, SITES, None)[:12]
    assert frame["p_effect"].is_null().all() and frame["q_effect"].is_null().all()
    tested = bin_influence(groups, SITES, None, smallest_effect=1.0)[:12]
    assert (tested["p_effect"] >= tested["p_value"] - 1e-12).all()
    assert (tested["q_effect"] >= tested["p_effect"]).all()
    inside = tested["robust_z"].abs() < 0.9
    assert (tested["p_effect"].filter(inside) > 0.5).all()


def test_a_single_query_is_taken_as_given():
    groups, _ = small_map(queries=1)
    frame = bin_influence(groups, SITES, None)[:12]
    np.testing.assert_allclose(*columns(frame, "se"), *columns(frame, "se_centred"))
    assert frame["se"].min() > 0


def test_copies_of_one_document_everywhere_are_not_tested():
    groups = GroupMeans(np.repeat([0, 1], 2), np.tile([0, 1], 2), np.ones(4, int), np.ones((4, 3)))
    frame = bin_influence(groups, SITES, None)[:2]
    assert frame["se"].to_list() == [0, 0]
    assert frame["z"].is_null().all() and frame["p_value"].is_null().all()


def test_constant_and_short_maps_have_no_z():
    assert np.isnan(standardise(np.array([2.0, 2.0, np.nan]))).all()
    assert np.isnan(standardise(np.array([2.0, np.nan]))).all()
    assert np.isnan(robust_standardise(np.array([1.0, 1.0, 1.0, 5.0]))).all()


def test_spread_of_bins_is_the_mad_net_of_equal_noise():
    delta = stream(3, "spread").standard_normal(575)
    mad = 1.4826 * np.median(np.abs(delta))
    noise, df = np.full(575, 0.25), np.full(575, 1e9)
    assert spread_of_bins(delta, noise, df) == pytest.approx(mad**2 - 0.25, rel=1e-4)
    assert spread_of_bins(delta, 4 * np.ones(575), df) == 0
    assert spread_of_bins(np.full(3, np.nan), np.full(3, np.nan), np.full(3, np.nan)) == 0


def test_spread_of_bins_ignores_planted_bins_and_uneven_noise():
    rng = stream(4, "uneven")
    noise = rng.choice([0.01, 4.0], size=4000)
    delta = 0.5 * rng.standard_normal(4000) + np.sqrt(noise) * rng.standard_normal(4000)
    delta[:160] += 20
    found = spread_of_bins(delta, noise, np.full(4000, 1e9))
    assert np.sqrt(found) == pytest.approx(0.5, rel=0.2)


def test_p_value_asks_for_the_median_bin_and_p_unusual_for_the_spread():
    """Bins that truly differ a little: nearly all differ from the median, few are unusual."""
    rng = stream(5, "two questions")
    folds = np.tile(np.arange(16), 10)
    groups, _ = simulate(rng, folds=folds, spread=1.0, queries=40)
    frame = bin_influence(groups, SITES, None)
    assert (frame["p_value"] < 0.05).mean() > 0.6
    assert (frame["p_unusual"] < 0.05).mean() < 0.09
    assert frame["q_unusual"].min() > 0.01


def test_bins_are_labelled_by_pair_not_by_order():
    index = bin_index("literature", "customer_support")
    groups = GroupMeans(
        np.array([index, index, 0, 0]), np.array([0, 1, 0, 1]), np.ones(4, int), np.eye(4)
    )
    frame = bin_influence(groups, SITES, None).filter(pl.col("n_docs") > 0)
    assert frame["format"].to_list() == [BINS[0][1], "customer_support"]
