"""Right and wrong questions add up to the map; the error of their difference is honest."""

import numpy as np
import pytest
from scipy import stats

from tests.influence.made_up import grouped, world
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.bins.by_task import by_task
from workflow_scripts.influence.bins.correctness import correctness
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components


def test_sides_weighted_by_their_questions_average_to_the_influence():
    groups = grouped(*world())
    right = stream(1, "right").random(30) < 0.7
    frame = correctness(groups, right)
    filled = frame[:40]
    total = filled["n_correct"] * filled["influence_correct"]
    total += filled["n_incorrect"] * filled["influence_incorrect"]
    np.testing.assert_allclose(total / 30, components(groups).influence[:40], rtol=1e-12)
    assert frame["n_correct"][0] == right.sum()
    np.testing.assert_allclose(
        filled["difference"], filled["influence_correct"] - filled["influence_incorrect"]
    )


def test_difference_is_that_of_explicit_scores_and_its_sign_is_right_less_wrong():
    owner, fold, scores = world(bins=4)
    right = np.arange(30) < 20
    scores[owner == 2] += 3.0 * right
    frame = correctness(grouped(owner, fold, scores), right)
    for index in range(4):
        mine = scores[owner == index]
        expected = mine[:, right].mean() - mine[:, ~right].mean()
        assert frame["difference"][index] == pytest.approx(expected, rel=1e-10)
    assert frame["difference"][2] == pytest.approx(3, abs=0.5)
    assert frame["ci_low"][2] > 0 and frame["q_value"][2] < 0.05


def test_empty_side_is_null_with_its_reason():
    groups = grouped(*world(bins=4))
    frame = correctness(groups, np.ones(30, dtype=bool))
    assert set(frame["reason"][:4]) == {"no question answered wrong"}
    assert set(frame["reason"][4:]) == {"no documents"}
    assert frame["difference"].null_count() == 576
    assert frame["influence_incorrect"].null_count() == 576
    np.testing.assert_allclose(frame["influence_correct"][:4], components(groups).influence[:4])


def test_single_wrong_question_has_a_difference_and_no_interval():
    frame = correctness(grouped(*world(bins=4)), np.arange(30) > 0)
    assert set(frame["reason"][:4]) == {"a single question answered wrong"}
    assert frame["difference"][:4].null_count() == 0
    assert frame["ci_low"].null_count() == 576


def test_bin_with_one_fold_has_a_difference_and_no_interval():
    owner, fold, scores = world(bins=6)
    keep = (owner > 0) | (fold == 0)
    frame = correctness(grouped(owner[keep], fold[keep], scores[keep]), np.arange(30) < 20)
    assert frame["reason"][:2].to_list() == ["one occupied fold", None]
    assert frame["difference"][0] is not None and frame["se"][0] is None


@pytest.mark.parametrize("documents", [0.0, 1.0])
def test_error_of_the_difference_covers_redrawn_questions_and_documents(documents):
    """300 bins without a difference: 95% intervals hold 0 in 92 to 98% of them.

    Each bin has its own effects of documents, which differ between the two sides, and its own
    of questions, so that the bins are independent repetitions.
    """
    rng = stream(2, "coverage", documents)
    bins, folds, questions = 300, 8, 40
    right = np.arange(questions) < 28
    side = rng.standard_normal((bins * folds, 2))[:, right.astype(int)]
    of_question = np.repeat(rng.standard_normal((bins, questions)), folds, axis=0)
    noise = rng.standard_normal((bins * folds, questions))
    groups = GroupMeans(
        np.repeat(np.arange(bins), folds),
        np.tile(np.arange(folds), bins),
        np.ones(bins * folds, dtype=int),
        documents * side + of_question + noise,
    )
    frame = correctness(groups, right)[:bins]
    inside = ((frame["ci_low"] < 0) & (frame["ci_high"] > 0)).mean()
    assert 0.92 <= inside <= 0.985
    assert stats.kstest(frame["p_value"].to_numpy(), "uniform").pvalue > 0.001


def test_tasks_average_to_the_map_weighted_by_their_questions():
    groups = grouped(*world())
    tasks = ["b"] * 4 + ["a"] * 11 + ["c"] * 15
    frame = by_task(groups, tasks)
    assert frame.height == 3 * 576
    counts = dict(frame.select("task", "n_queries").unique().rows())
    assert counts == {"a": 11, "b": 4, "c": 15}
    total = sum(
        counts[task] * frame.filter(task=task)["influence"][:40].to_numpy() for task in counts
    )
    np.testing.assert_allclose(total / 30, components(groups).influence[:40], rtol=1e-12)
    z = frame.filter(task="a")["z"].drop_nulls()
    assert z.mean() == pytest.approx(0, abs=1e-12) and z.std() == pytest.approx(1)


def test_benchmark_of_one_task_has_its_own_map_once_more():
    groups = grouped(*world())
    frame = by_task(groups, ["only"] * 30)
    np.testing.assert_allclose(
        frame["influence"].to_numpy(), components(groups).influence, equal_nan=True
    )
    assert frame["se"][:40].null_count() == 0 and frame["se"][40:].null_count() == 536


def test_task_of_one_question_has_no_error():
    frame = by_task(grouped(*world(bins=4)), ["one"] + ["rest"] * 29)
    assert frame.filter(task="one")["se"].null_count() == 576
    assert frame.filter(task="rest")["se"].null_count() == 572


def test_intervals_hold_for_bins_whose_documents_differ_more():
    """From the moderated variance those of such bins held the truth in 90% or fewer."""
    rng = stream(31, "correctness coverage")
    right = np.arange(40) < 20
    held = []
    for _ in range(4):
        spread = np.where(np.arange(576) % 10 == 0, 4.0, 1.0)
        by_side = spread[:, None] * rng.standard_normal((576, 8))  # (bin, document)
        means = by_side[:, :, None] * np.where(right, 0.5, -0.5) + rng.standard_normal((576, 8, 40))
        groups = GroupMeans(
            np.repeat(np.arange(576), 8),
            np.tile(np.arange(8), 576),
            np.ones(4608, int),
            means.reshape(4608, 40),
        )
        frame = correctness(groups, right)
        inside = (frame["ci_low"] <= 0) & (frame["ci_high"] >= 0)
        held.append(inside.to_numpy()[spread > 1])
    assert 0.91 < np.mean(held) < 0.985
