"""Split halves from sums are those of explicit documents; the corrected value is what it says."""

from dataclasses import replace

import numpy as np
import pytest

from tests.influence.made_up import grouped, world
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.influence.bins import reliability as module
from workflow_scripts.influence.bins.reliability import (
    document_halves,
    fold_sums,
    question_halves,
    reliability,
    row_correlations,
    step_up,
)
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components


def table(groups, splits=50, seed=7):
    return reliability(groups, components(groups).query_means, splits, 0.95, seed)


def test_halves_of_folds_are_means_over_the_documents_of_those_folds():
    """Every half map of every split is found among all ways to halve the folds by hand."""
    owner, fold, scores = world(bins=5, folds=4)
    groups = grouped(owner, fold, scores)
    sums, weights = fold_sums(groups.bins, groups.folds, groups.counts, groups.means.mean(axis=1))
    by_document = scores.mean(axis=1)
    ways = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    seen = set()
    for first, second in document_halves(sums, weights, 60, stream(1, "halves")):
        for index in range(5):
            mine = owner == index
            for a, b in zip(first[:, index], second[:, index], strict=True):
                inside = [
                    way
                    for way in ways
                    if np.isclose(by_document[mine & np.isin(fold, way)].mean(), a)
                ]
                assert len(inside) == 1
                rest = by_document[mine & ~np.isin(fold, inside[0])].mean()
                assert b == pytest.approx(rest, rel=1e-12)
                seen.add(inside[0])
    assert seen == set(ways)


def test_odd_number_of_folds_gives_the_larger_half_to_either_side():
    weights = np.array([[1.0, 1, 1, 0]])
    first, _ = next(document_halves(np.array([[0.0, 0, 3, 0]]), weights, 60, stream(2, "odd")))
    # Values 0, 0, 3: alone, the first half is 0 or 3; in twos 0 or 1.5.
    assert set(np.round(first.ravel(), 9)) == {0.0, 3.0, 1.5}


def test_halves_of_questions_are_shared_by_all_bins_and_average_to_the_whole():
    means = stream(3, "means").standard_normal((7, 10))
    alone = np.arange(10)
    first, second = next(question_halves(means, alone, 20, stream(3, "halves")))
    np.testing.assert_allclose((first + second) / 2, np.tile(means.mean(axis=1), (20, 1)))
    # Bin 0 and a copy of it get the same half.
    copies = np.concatenate([means, means[:1]])
    first, _ = next(question_halves(copies, alone, 20, stream(3, "halves")))
    np.testing.assert_allclose(first[:, 0], first[:, -1], rtol=1e-12)


def test_questions_of_a_task_stay_together_when_they_are_dealt():
    """Each question's mean is its own power of two, so that a half's sum tells its questions."""
    clusters = np.array([7, 7, 2, 2, 2, 5])
    means = 2.0 ** np.arange(6)[None]
    first, second = next(question_halves(means, clusters, 40, stream(9, "clusters")))
    wholes = {float(means[0, clusters == number].mean()) for number in (7, 2, 5)}
    assert set(first.ravel()) == wholes
    rest = {float(means[0, clusters != number].mean()) for number in (7, 2, 5)}
    assert set(second.ravel()) == rest


def test_task_noise_lowers_reliability_over_questions_only_where_tasks_are_dealt():
    rng = stream(10, "tasks")
    owner, fold = np.repeat(np.arange(300), 4), np.tile(np.arange(4), 300)
    clusters = np.repeat(np.arange(8), 10)
    by_task = rng.standard_normal((300, 8))[:, clusters]
    groups = grouped(owner, fold, by_task[owner] + 0.1 * rng.standard_normal((1200, 80)))
    apart = table(groups).row(1, named=True)
    together = table(replace(groups, clusters=clusters)).row(1, named=True)
    assert apart["corrected"] > 0.8 and abs(together["corrected"]) < 0.2
    one = table(replace(groups, clusters=np.zeros(80, dtype=int))).row(1, named=True)
    assert one["reason"] == "all questions come together" and one["n_left_out"] == 300


def test_rows_are_correlated_as_numpy_does():
    a, b = stream(4, "rows").standard_normal((2, 6, 9))
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(row_correlations(a, b), expected, rtol=1e-12)


def test_step_up_is_spearman_brown_and_stays_in_range():
    assert step_up(0.5) == pytest.approx(2 / 3)
    assert step_up(0.8) == pytest.approx(8 / 9)
    np.testing.assert_allclose(step_up(np.array([-1.0, -0.5, 0, 1])), [-1, -2 / 3, 0, 1])


def test_corrected_value_is_the_share_of_variance_that_other_documents_would_repeat():
    """Bins of sd 1; a mean over 12 folds of 1 document with noise sd 1.5: 1 / (1 + 2.25 / 12)."""
    rng = stream(6, "share")
    bins, folds = 576, 12
    owner, fold = np.repeat(np.arange(bins), folds), np.tile(np.arange(folds), bins)
    scores = rng.standard_normal(bins)[owner] + 1.5 * rng.standard_normal(bins * folds)
    rows = table(grouped(owner, fold, scores[:, None]), splits=200)
    documents, questions = rows.rows(named=True)
    assert documents["corrected"] == pytest.approx(1 / (1 + 2.25 / 12), abs=0.03)
    assert documents["pearson"] < documents["corrected"]
    assert documents["spearman_corrected"] == pytest.approx(documents["corrected"], abs=0.03)
    assert documents["ci_low"] < documents["corrected"] < documents["ci_high"]
    assert documents["n_units"] == bins * folds
    assert questions["reason"] == "a single question" and questions["corrected"] is None


def test_map_of_noise_is_not_reliable():
    documents, questions = table(grouped(*world(bins=400, signal=0.0))).rows(named=True)
    assert abs(documents["corrected"]) < 0.15
    assert abs(questions["pearson"]) < 0.1


def test_bins_with_one_fold_are_left_out_and_counted():
    owner, fold, scores = world()
    keep = (owner >= 3) | (fold == 0)
    documents, questions = table(grouped(owner[keep], fold[keep], scores[keep])).rows(named=True)
    assert (documents["n_bins"], documents["n_left_out"]) == (37, 3)
    assert (questions["n_bins"], questions["n_left_out"]) == (40, 0)
    assert documents["n_units"] == (owner >= 3).sum()
    assert questions["n_units"] == 30


def test_nothing_is_said_of_two_bins_or_of_a_constant_map(tmp_path):
    few = table(grouped(*world(bins=2)))
    assert few["reason"].to_list() == ["fewer than 3 bins that can be split"] * 2
    owner, fold, scores = world()
    flat = table(grouped(owner, fold, np.zeros_like(scores)))
    assert flat["reason"].to_list() == ["a half map is constant"] * 2
    for rows in (few, flat):
        assert rows["corrected"].null_count() == 2
        named = rows.insert_column(0, rows["over"].alias("benchmark"))
        write_table(named, tmp_path / "x.parquet", "influence/reliability")


def test_order_of_groups_and_size_of_pieces_change_nothing(monkeypatch):
    groups = grouped(*world())
    order = stream(8, "order").permutation(len(groups.bins))
    fields = (groups.bins, groups.folds, groups.counts, groups.means)
    shuffled = GroupMeans(*(part[order] for part in fields))
    whole = table(groups)
    assert table(shuffled).drop("reason").to_numpy()[:, 1:] == pytest.approx(
        whole.drop("reason").to_numpy()[:, 1:], rel=1e-12
    )
    assert table(groups).equals(whole)
    assert not table(groups, seed=8).equals(whole)
    monkeypatch.setattr(module, "SPLIT_CHUNK", 50)
    assert table(groups)["n_splits"].to_list() == [50, 50]
