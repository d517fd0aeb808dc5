"""Correlations of maps: brute force, noise taken out, and the published numbers."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tests.influence.simulation import grouped
from workflow_scripts.common.streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.components import components
from workflow_scripts.influence.correlations import (
    correlation_table,
    leave_one_out,
    noise_corrected,
)
from workflow_scripts.influence.resampling import from_components
from workflow_scripts.influence.study_maps import StudyMaps


def test_published_correlations_and_the_one_bin_that_moves_them(published):
    frame = pl.read_csv(published).sort("topic", "format")
    names = ["socialiqa", "mmlu_social_sciences", "arc_challenge", "mmlu_stem"]
    table = correlation_table(StudyMaps({name: frame[name].to_numpy() for name in names}))
    social = table.filter(benchmark_a="socialiqa")
    np.testing.assert_allclose(social["pearson"], [0.057, 0.215, 0.086], atol=0.001)
    np.testing.assert_allclose(social["spearman"], [0.125, 0.095, 0.073], atol=0.001)
    np.testing.assert_allclose(social["loo_high"], [0.367, 0.361, 0.340], atol=0.001)
    assert social["loo_topic"].unique().to_list() == ["literature"]
    assert social["loo_format"].unique().to_list() == ["customer_support"]
    others = table.filter(pl.col("benchmark_a") != "socialiqa")["pearson"]
    np.testing.assert_allclose(others, [0.762, 0.863, 0.772], atol=0.001)


def test_leave_one_out_agrees_with_brute_force():
    x, y = stream(1, "loo").standard_normal((2, 40))
    expected = [np.corrcoef(np.delete(x, i), np.delete(y, i))[0, 1] for i in range(40)]
    np.testing.assert_allclose(leave_one_out(x, y), expected)


def test_bins_that_one_map_lacks_are_left_out(tmp_path):
    a, b = stream(2, "nan").standard_normal((2, 576))
    a[10:], b[:2] = np.nan, np.nan
    b[5] = 50.0
    table = correlation_table(StudyMaps({"a": a, "b": b}))
    write_table(table, tmp_path / "correlations.parquet", "influence/correlations")
    row = table.row(0, named=True)
    assert row["pearson"] == pytest.approx(np.corrcoef(a[2:10], b[2:10])[0, 1])
    assert row["spearman"] == pytest.approx(stats.spearmanr(a[2:10], b[2:10]).statistic)
    assert (row["loo_topic"], row["loo_format"]) == BINS[5]
    assert row["loo_low"] <= row["pearson"] <= row["loo_high"]
    assert row["corrected"] is None


def test_constant_or_tiny_maps_have_no_correlation(tmp_path):
    a, b = np.full(576, np.nan), np.full(576, np.nan)
    a[:3], b[:3] = [1, 2, 3], [1, 1, 1]
    table = correlation_table(StudyMaps({"a": a, "b": b, "c": a}))
    write_table(table, tmp_path / "correlations.parquet", "influence/correlations")
    assert table["pearson"].to_list() == [None, pytest.approx(1.0), None]
    assert table["loo_low"].null_count() == 3
    assert correlation_table(StudyMaps({"a": a})).height == 0


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_noise_that_two_maps_share_is_taken_out(rho):
    """Four documents a bin, shared by both maps: the plain r is off by 0.1, this one is not."""
    rng = stream(3, "corrected", rho)
    owner, fold = np.repeat(np.arange(576), 4), np.tile(np.arange(4), 576)
    plain, corrected = [], []
    for _ in range(6):
        common, shared = rng.standard_normal(576), rng.standard_normal(len(owner))
        parts = []
        for _ in range(2):
            truth = np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.standard_normal(576)
            document = 1.2 * shared + 0.5 * rng.standard_normal(len(owner))
            by_query = 3 * rng.standard_normal((576, 30)) + 5 * rng.standard_normal(30)
            scores = (truth[owner] + document)[:, None] + by_query[owner]
            scores += rng.standard_normal(scores.shape)
            parts.append(from_components(components(grouped(owner, fold, scores))))
        plain.append(np.corrcoef(*(part.influence for part in parts))[0, 1])
        corrected.append(noise_corrected(*parts))
    assert np.mean(corrected) == pytest.approx(rho, abs=0.05)
    if rho == 0:
        assert np.mean(plain) > 0.1


def test_a_map_of_noise_has_no_corrected_correlation():
    rng = stream(4, "noise")
    owner, fold = np.repeat(np.arange(576), 4), np.tile(np.arange(4), 576)
    parts = [
        from_components(components(grouped(owner, fold, rng.standard_normal((len(owner), 20)))))
        for _ in range(2)
    ]
    assert noise_corrected(*parts) is None
