"""Correlations of maps: brute force, noise taken out, and the published numbers."""

import time

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tests.influence.simulation import grouped
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.agreement.correlations import (
    correlation_table,
    leave_one_out,
    noise_corrected,
)
from workflow_scripts.influence.agreement.cross_half import cross_halves
from workflow_scripts.influence.agreement.grid_jackknife import fisher, moments_of, standardised
from workflow_scripts.influence.bins.reliability import document_halves, fold_sums
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.influence.uncertainty.resampling import from_components
from workflow_scripts.influence.uncertainty.variance_components import components
from workflow_scripts.simulation.world_agreement import draw_pair


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


def study(parts):
    return StudyMaps({name: part.influence for name, part in parts.items()}, parts)


def made_of(owner, fold, **scores):
    return {
        name: from_components(components(grouped(owner, fold, values)))
        for name, values in scores.items()
    }


def test_pilot_of_four_documents_a_bin_pearson_says_alike_and_cross_half_says_no():
    """Two maps with nothing in common but their documents, as in a real study of 569 bins."""
    maps = study(draw_pair(stream(5, "pilot"), 0.0, 4, 0.95, spread=0.05))
    row = correlation_table(maps, 199, 1).row(0, named=True)
    assert row["pearson"] > 0.8 and row["loo_low"] > 0.8 and row["spearman"] > 0.8
    assert abs(row["cross_half"]) < 0.1 and abs(row["cross_half_spearman"]) < 0.1
    assert row["ci_low"] < 0 < row["ci_high"]
    assert row["p_value"] > 0.05
    assert row["corrected"] is None
    plain = correlation_table(StudyMaps(maps.influence), 199, 1).row(0, named=True)
    assert plain["p_value"] == 1 / 200  # what the same maps say as a matrix


def test_shared_document_noise_is_not_called_agreement():
    """Pearson's r relabelled calls 80 to 100% of such pairs."""
    rng = stream(6, "shared noise")
    rows = [
        correlation_table(study(draw_pair(rng, 0.0, 4, 0.8)), 99, number, 20).row(0, named=True)
        for number in range(40)
    ]
    assert np.mean([row["pearson"] for row in rows]) > 0.3
    assert abs(np.mean([row["cross_half"] for row in rows])) < 0.03
    assert sum(row["p_value"] <= 0.05 for row in rows) <= 7  # 2 expected; 8 have a chance of 0.1%
    assert sum(row["ci_low"] <= 0 <= row["ci_high"] for row in rows) >= 33


def test_agreement_is_found_through_the_noise_that_hides_it():
    row = correlation_table(study(draw_pair(stream(7, "agree"), 0.8, 8, 0.0)), 199, 1)
    row = row.row(0, named=True)
    assert row["p_value"] == 1 / 200 and row["ci_low"] > 0
    assert row["cross_half"] < row["pearson"] < row["corrected"]
    assert row["cross_half"] / row["ceiling"] == pytest.approx(row["corrected"], abs=0.1)


def test_cross_half_agrees_with_brute_force():
    """Folds of unequal size, missing bins, one bin that cannot be split."""
    rng = stream(8, "brute")
    bins = np.sort(rng.permutation(576)[:12])
    owner = np.concatenate([np.repeat(each, 9) for each in bins] + [[3 + bins.max()] * 2])
    owner = np.where(owner > 575, next(b for b in range(576) if b not in bins), owner)
    fold = np.r_[np.tile([0, 0, 1, 1, 1, 2, 3, 3, 4], 12), [0, 0]]
    a, b = rng.standard_normal((2, len(owner), 5)) + rng.standard_normal((2, 576, 1))[:, owner]
    parts = made_of(owner, fold, a=a, b=b)
    found = cross_halves(parts, 30, 4)
    assert found.bins.tolist() == bins.tolist()
    tables = [
        fold_sums(part.group_bins, part.group_folds, part.group_counts, part.group_means)
        for part in parts.values()
    ]
    split = (tables[0][1] > 0).sum(axis=1) > 1
    values = [[], []]
    for one, other in zip(
        *(
            document_halves(sums[split], weights[split], 30, stream(4, "cross halves"))
            for sums, weights in tables
        ),
        strict=True,
    ):
        for x, y in ((one[0], other[1]), (one[1], other[0])):
            values[0] += [np.corrcoef(u, v)[0, 1] for u, v in zip(x, y, strict=True)]
            values[1] += [stats.spearmanr(u, v).statistic for u, v in zip(x, y, strict=True)]
    assert found.pearson[0, 1] == pytest.approx(np.mean(values[0]), rel=1e-9)
    assert found.spearman[0, 1] == pytest.approx(np.mean(values[1]), rel=1e-9)
    z, _ = fisher(found.moments(0, 1))
    assert np.tanh(z) == pytest.approx(found.pearson[0, 1], rel=1e-9)


def test_error_is_the_two_way_jackknife_by_hand():
    a, b = stream(9, "jackknife").standard_normal((2, 24, 24)).reshape(2, 576)
    a[:50], b[500:] = np.nan, np.nan
    a, b = standardised(a), standardised(b)
    known = np.isfinite(a) & np.isfinite(b)

    def part(labels):
        kept = [np.arctanh(np.corrcoef(a[k], b[k])[0, 1]) for k in keep(labels)]
        return (len(kept) - 1) / len(kept) * np.sum((np.array(kept) - np.mean(kept)) ** 2)

    def keep(labels):
        return [known & (labels != each) for each in np.unique(labels[known])]

    place = np.arange(576)
    topics, formats, bins = part(place // 24), part(place % 24), part(place)
    z, error = fisher(moments_of(a, b))
    assert z == pytest.approx(np.arctanh(np.corrcoef(a[known], b[known])[0, 1]))
    assert error**2 == pytest.approx(max(topics + formats - bins, topics, formats))


def test_what_cross_half_lacks_is_named():
    owner, fold = np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30)
    scores = stream(11, "lacks").standard_normal((2, 120, 3))
    one_fold = made_of(owner, np.zeros_like(fold), a=scores[0], b=scores[1])
    flat = made_of(owner, fold, a=scores[0], b=np.zeros((120, 3)))
    halves = made_of(owner, fold, a=scores[0]) | made_of(owner[8:], fold[8:], b=scores[1, 8:])
    reasons = {
        "fewer than 3 bins that can be split": one_fold,
        "a half map is constant": flat,
        "the maps score different documents": halves,
    }
    for reason, parts in reasons.items():
        row = correlation_table(study(parts), 99, 1).row(0, named=True)
        assert row["reason"] == reason
        empty = ("cross_half", "cross_half_spearman", "ceiling", "p_value", "ci_low", "n_bins")
        assert all(row[name] is None for name in empty), reason


def test_tasks_that_both_benchmarks_ask_are_counted():
    parts = draw_pair(stream(12, "tasks"), 0.0, 4, 0.0)
    asked = {"a": ["algebra", "law"], "b": ["law", "history"]}
    assert correlation_table(study(parts), tasks=asked)["shared_tasks"].to_list() == [1]
    assert correlation_table(study(parts))["shared_tasks"].to_list() == [None]


def test_order_of_maps_changes_neither_correlation_nor_interval():
    parts = draw_pair(stream(13, "order"), 0.3, 4, 0.5)
    there = correlation_table(study(parts)).row(0, named=True)
    back = correlation_table(study(dict(reversed(parts.items())))).row(0, named=True)
    for name in ("cross_half", "ci_low", "ci_high", "ceiling", "corrected"):
        assert back[name] == pytest.approx(there[name], rel=1e-9)


def test_study_of_four_benchmarks_takes_seconds():
    rng = stream(14, "speed")
    owner, fold = np.repeat(np.arange(576), 16), np.tile(np.arange(16), 576)
    scores = {name: rng.standard_normal((len(owner), 2)) for name in "abcd"}
    maps = study(made_of(owner, fold, **scores))
    began = time.process_time()
    correlation_table(maps, 199, 1, 200)
    assert time.process_time() - began < 4


def test_study_of_few_topics_and_formats_relabels_those_alone():
    """Relabelled among all 24, two maps of 4 x 4 bins would hardly have a bin in common."""
    common, a, b = stream(15, "few").standard_normal((3, 24, 24))
    few = np.full((24, 24), np.nan)
    few[3:7, 10:14] = 0
    maps = {"a": (few + common + 0.1 * a).ravel(), "b": (few + common + 0.1 * b).ravel()}
    row = correlation_table(StudyMaps(maps), 199, 1).row(0, named=True)
    assert row["p_value"] <= 0.01 and row["ci_low"] > 0.5
