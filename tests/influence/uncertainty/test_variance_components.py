"""Variance components against hand-worked numbers, brute force and their own invariances."""

import numpy as np
import pytest

from tests.influence.simulation import from_documents, simulate
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.variance_components import (
    GroupMeans,
    combine,
    components,
)

# One bin, folds of 2 and 1 documents, two queries: X = [[1, 3], [4, 12]], w = (2/3, 1/3).
HAND = GroupMeans(
    np.array([5, 5]), np.array([0, 3]), np.array([2, 1]), np.array([[1.0, 3.0], [4.0, 12.0]])
)


def several(seed=1, bins=6, queries=7):
    """Bins of 1 to 9 documents in 4 folds: documents, and what came of them."""
    rng = stream(seed, "several")
    owner = np.repeat(np.arange(bins), np.arange(bins) + 4)
    fold = rng.integers(0, 4, size=len(owner))
    return owner, fold, rng.standard_normal((len(owner), queries))


def test_hand_worked_bin():
    # Fold means Y = (2, 8), t = 2 * 2/3 + 8 / 3 = 4; T = (2, 6); S2 = 5/9, 1 - S2 = 4/9.
    parts = components(HAND)
    assert parts.n_docs[5] == 3 and parts.n_docs.sum() == 3
    assert parts.influence[5] == pytest.approx(4)
    np.testing.assert_allclose(parts.query_means[5], [2, 6])
    # Without a fold t is 8 or 2, which is 4 and -2 away: (16 + 4) / 2 = 10.
    assert parts.v_fold_raw[5] == pytest.approx(10)
    # Variance of (2, 6) is 8, over 2 queries.
    assert parts.v_query[5] == pytest.approx(4)
    # Residuals: 1 - 2 - 2 + 4 = 1, then -1, -2, 2; b = (2, 1/8), d = 1/2: 2 + 1/2 = 2.5.
    assert parts.v_interaction[5] == pytest.approx(2.5)
    # Two folds have one degree of freedom, however unequal.
    assert parts.df_fold[5] == pytest.approx(1)
    variance, _ = combine(
        parts.v_fold, parts.df_fold, parts.v_query, parts.v_interaction, n_clusters=2
    )
    assert variance[5] == pytest.approx(10 + 4 - 2.5)
    assert np.isnan(np.delete(parts.influence, 5)).all()


def test_equal_folds_give_the_textbook_variances():
    rng = stream(2, "textbook")
    means = rng.standard_normal((5, 9))
    parts = components(GroupMeans(np.zeros(5, int), np.arange(5), np.full(5, 3), means))
    assert parts.v_fold_raw[0] == pytest.approx(means.mean(axis=1).var(ddof=1) / 5)
    assert parts.v_query[0] == pytest.approx(means.mean(axis=0).var(ddof=1) / 9)
    residual = means - means.mean(1, keepdims=True) - means.mean(0) + means.mean()
    mean_square = np.sum(residual**2) / (4 * 8)
    assert parts.v_interaction[0] == pytest.approx(mean_square / (5 * 9))
    assert parts.df_fold[0] == pytest.approx(4)


def test_components_are_a_little_large_with_unequal_folds():
    """Folds of 3, 2, 1, 1, 1 independent documents: the jackknife is 9% above the true parts."""
    folds = [0, 0, 0, 1, 1, 2, 3, 4]
    rng = stream(3, "unbiased")
    groups, _ = simulate(rng, folds=folds, queries=20, query_sd=0.0, interaction_sd=2.0, bins=576)
    parts = components(groups)
    # One document: 1 (its own) + 4 / 20 (cells); 8 documents. 576 bins: error about 5%.
    assert np.nanmean(parts.v_fold_raw) == pytest.approx(1.09 * (1 + 4 / 20) / 8, rel=0.12)
    assert np.nanmean(parts.v_interaction) == pytest.approx(1.09 * 4 / 20 / 8, rel=0.05)
    assert np.nanmean(parts.v_query) == pytest.approx(4 / 20 / 8, rel=0.05)


def test_a_fold_of_one_site_is_one_cluster():
    """With equal folds V_fold is honest although documents of a site are alike."""
    rng = stream(4, "sites")
    folds = np.repeat(np.arange(8), 4)
    groups, _ = simulate(rng, folds=folds, queries=2, query_sd=0, interaction_sd=0, site_sd=1.0)
    assert np.nanmean(components(groups).v_fold_raw) == pytest.approx(1 / 8 + 1 / 32, rel=0.12)


def test_satterthwaite_degrees_match_the_quadratic_form():
    weight = np.array([0.5, 0.3, 0.1, 0.1])
    unit = np.sqrt(weight)
    projection = np.eye(4) - np.outer(unit, unit)
    form = projection @ np.diag(weight) @ projection
    expected = np.trace(form) ** 2 / np.trace(form @ form)
    groups = GroupMeans(
        np.zeros(4, int), np.arange(4), np.array([5, 3, 1, 1]), np.arange(4.0)[:, None]
    )
    assert components(groups).df_fold_own[0] == pytest.approx(expected)
    assert expected < 3


def test_order_of_groups_does_not_matter():
    groups = from_documents(*several())
    order = stream(5, "order").permutation(len(groups.bins))
    shuffled = GroupMeans(
        groups.bins[order], groups.folds[order], groups.counts[order], groups.means[order]
    )
    a, b = components(groups), components(shuffled)
    for name in ("influence", "v_fold", "v_query", "v_query_centred", "v_interaction", "n_docs"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_permuting_documents_within_folds_changes_nothing():
    owner, fold, scores = several()
    rng = stream(6, "within folds")
    order = np.arange(len(owner))
    for key in set(zip(owner.tolist(), fold.tolist(), strict=True)):
        rows = np.flatnonzero((owner == key[0]) & (fold == key[1]))
        order[rows] = rng.permutation(rows)
    a = components(from_documents(owner, fold, scores))
    b = components(from_documents(owner, fold, scores[order]))
    np.testing.assert_allclose(a.influence, b.influence, atol=1e-14)
    np.testing.assert_allclose(a.v_fold, b.v_fold, rtol=1e-10)


def test_shift_and_scale_of_scores():
    owner, fold, scores = several()
    a = components(from_documents(owner, fold, scores))
    b = components(from_documents(owner, fold, 3 * scores + 10))
    np.testing.assert_allclose(b.influence, 3 * a.influence + 10)
    for name in ("v_fold", "v_query", "v_query_centred", "v_interaction"):
        np.testing.assert_allclose(getattr(b, name), 9 * getattr(a, name), rtol=1e-8)


def test_query_noise_that_all_bins_share_cancels_in_the_centred_variance():
    owner, fold, scores = several(queries=50)
    shared = 100 * stream(7, "shared").standard_normal(50)
    a = components(from_documents(owner, fold, scores))
    b = components(from_documents(owner, fold, scores + shared))
    np.testing.assert_allclose(b.v_query_centred, a.v_query_centred, rtol=1e-8)
    assert np.nanmin(b.v_query) > 50 * np.nanmax(a.v_query)


def test_queries_in_chunks_agree_with_one_chunk():
    rng = stream(8, "chunks")
    groups, _ = simulate(rng, bins=5, queries=600)
    whole = components(groups)
    means = groups.means.reshape(5, 8, 600)
    theta = means.mean(axis=1)
    np.testing.assert_allclose(whole.query_means[:5], theta, atol=1e-12)
    residual = means - means.mean(2, keepdims=True) - theta[:, None] + theta.mean(1)[:, None, None]
    expected = np.sum(residual**2, axis=(1, 2)) / (7 * 599) / (8 * 600)
    np.testing.assert_allclose(whole.v_interaction[:5], expected)


def test_the_variance_never_falls_below_its_larger_part():
    variance, df = combine(
        np.array([4.0, 1.0]), np.array([7.0, 7.0]), np.array([1.0, 4.0]), np.array([9.0, 9.0]), 101
    )
    np.testing.assert_allclose(variance, [4, 4])
    # Documents alone: the folds' degrees. Queries alone would have 100; here 1^2/7 + 3^2/100.
    assert df[0] == pytest.approx(7)
    assert df[1] == pytest.approx(16 / (1 / 7 + 9 / 100))


def test_one_fold_has_a_mean_but_no_variance():
    parts = components(
        GroupMeans(np.array([3, 4, 4]), np.array([0, 0, 1]), np.full(3, 2), np.ones((3, 2)))
    )
    assert parts.influence[3] == 1 and np.isnan(parts.v_fold[3])
    assert parts.v_fold[4] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bins": np.array([5, 576])}, "outside"),
        ({"counts": np.array([2, 0])}, "without documents"),
        ({"folds": np.array([0, 0])}, "comes twice"),
        ({"means": np.array([[1.0, 2.0], [np.nan, 0.0]])}, "is not finite"),
        ({"means": np.zeros((2, 0))}, "at least one"),
        ({"means": np.zeros((3, 2))}, "lengths"),
    ],
)
def test_impossible_groups_are_refused(change, message):
    fields = {"bins": HAND.bins, "folds": HAND.folds, "counts": HAND.counts, "means": HAND.means}
    with pytest.raises(DataError, match=message):
        GroupMeans(**(fields | change))


def test_an_interval_takes_the_bins_own_variance_but_not_that_of_copies():
    """Bin 0 holds copies, bin 1 is ten times as spread as the others."""
    rng = stream(9, "own")
    scores = rng.standard_normal((576, 8))
    scores[0], scores[1] = 0.3 + 1e-6 * scores[0], 10 * scores[1]
    parts = components(
        GroupMeans(
            np.repeat(np.arange(576), 8),
            np.tile(np.arange(8), 576),
            np.ones(4608, int),
            scores.reshape(-1, 1),
        )
    )
    assert parts.v_fold_own[1] == parts.v_fold_raw[1] > parts.v_fold[1]
    assert parts.df_fold_own[1] == pytest.approx(7)
    assert parts.v_fold_own[0] == parts.v_fold[0] > 0.01
    assert parts.v_fold_raw[0] < 1e-10 and parts.df_fold_own[0] == parts.df_fold[0]
