"""Delete-one-cluster variances against brute force, and their degrees of freedom."""

import numpy as np
import pytest

from tests.influence.simulation import from_documents
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.jackknife import (
    chi_square_degrees,
    degrees_of_freedom,
    question_deviations,
)
from workflow_scripts.influence.uncertainty.resampling import from_components
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components

START = np.array([0])
WEIGHT = np.array([0.5, 0.3, 0.1, 0.1])
CLUSTERS = np.array([2, 0, 0, 1, 2, 2, 1, 0, 0])


def left_out(weight, values):
    """Jackknife variance of a weighted mean, by leaving out one value after the other."""
    mean = weight @ values
    others = [np.average(np.delete(values, f), weights=np.delete(weight, f)) for f in range(4)]
    return 3 / 4 * np.sum((np.array(others) - mean) ** 2)


def test_the_document_variance_is_that_of_leaving_out_one_fold():
    means = stream(1, "jackknife").standard_normal((4, 9))
    groups = GroupMeans(np.zeros(4, int), np.arange(4), np.array([5, 3, 1, 1]), means)
    parts = components(groups)
    assert parts.v_fold_raw[0] == pytest.approx(left_out(WEIGHT, means.mean(axis=1)))
    assert np.square(parts.group_noise).sum() == pytest.approx(parts.v_fold_raw[0])


@pytest.mark.parametrize("variance", [1 / WEIGHT, np.ones(4)], ids=["independent", "alike"])
def test_chi_square_degrees_are_at_most_those_of_the_quadratic_form(variance):
    centring = np.eye(4) - WEIGHT  # rows: Y_f - t
    covariance = centring @ np.diag(variance) @ centring.T
    form = np.diag((WEIGHT / (1 - WEIGHT)) ** 2) @ covariance
    expected = np.trace(form) ** 2 / np.trace(form @ form)
    found = chi_square_degrees(WEIGHT, START)[0]
    assert found <= expected * (1 + 1e-12)
    if variance[0] == 1:  # the fewer of the two here
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("degrees", [chi_square_degrees, degrees_of_freedom])
def test_equal_folds_have_one_degree_less_than_folds(degrees):
    assert degrees(np.full(7, 1 / 7), START)[0] == pytest.approx(6)
    assert degrees(np.array([0.9, 0.1]), START)[0] == pytest.approx(1)
    assert np.isnan(degrees(np.ones(1), START)[0])


def test_clusters_of_questions_against_brute_force():
    """Question variance and interaction over clusters of 4, 2 and 3 questions."""
    rng = stream(2, "clusters")
    means = rng.standard_normal((4, 9))
    groups = GroupMeans(np.zeros(4, int), np.arange(4), np.array([5, 3, 1, 1]), means, CLUSTERS)
    parts = components(groups)
    x = np.stack([means[:, c == CLUSTERS].mean(axis=1) for c in range(3)], axis=1)
    share = np.bincount(CLUSTERS) / 9
    y, t_c = x @ share, WEIGHT @ x
    b = 3 / 4 * (WEIGHT / (1 - WEIGHT)) ** 2
    d = 2 / 3 * (share / (1 - share)) ** 2
    mean = y @ WEIGHT
    assert parts.v_query[0] == pytest.approx(d @ (t_c - mean) ** 2)
    assert parts.v_interaction[0] == pytest.approx(b @ (x - y[:, None] - t_c + mean) ** 2 @ d)
    assert parts.n_clusters == 3


def test_questions_of_one_cluster_each_give_the_variance_of_their_mean():
    values = stream(3, "own").standard_normal((5, 8))
    order = np.array([3, 1, 0, 2, 7, 6, 5, 4])
    deviations = question_deviations(values, order)
    np.testing.assert_allclose(np.square(deviations).sum(axis=1), values.var(axis=1, ddof=1) / 8)
    assert not question_deviations(values, np.zeros(8, int)).any()


def test_redrawn_questions_have_the_variance_over_tasks():
    """Ten tasks that differ, eight questions each that do not: drawn one by one, 8 x too little."""
    rng = stream(4, "tasks")
    tasks = np.repeat(np.arange(10), 8)
    owner, fold = np.repeat(np.arange(3), 40), np.tile(np.arange(40) % 8, 3)
    scores = rng.standard_normal((120, 80)) + (3 * rng.standard_normal((3, 10)))[owner][:, tasks]
    plain = from_documents(owner, fold, scores)
    groups = GroupMeans(plain.bins, plain.folds, plain.counts, plain.means, tasks)
    parts = components(groups)
    assert (parts.v_query[:3] > 5 * components(plain).v_query[:3]).all()
    drawn = from_components(parts).query_noise(4000, stream(5, "draws"))[:, :3].var(axis=0)
    net = np.maximum(parts.v_query - parts.v_interaction, parts.v_query - parts.v_fold)[:3]
    np.testing.assert_allclose(drawn, net, rtol=0.1)


def test_many_clusters_in_blocks_agree_with_one_block(monkeypatch):
    rng = stream(6, "blocks")
    clusters = np.r_[np.arange(40), rng.integers(0, 40, 60)]
    means = rng.standard_normal((12, 100))
    bins, folds = np.repeat(np.arange(3), 4), np.tile(np.arange(4), 3)
    groups = GroupMeans(bins, folds, rng.integers(1, 5, 12), means, clusters)
    whole = components(groups)
    monkeypatch.setattr("workflow_scripts.influence.uncertainty.variance_components.QUERY_CHUNK", 7)
    parts = components(groups)
    for name in ("influence", "v_fold_raw", "v_query", "v_interaction", "group_means"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-10)
