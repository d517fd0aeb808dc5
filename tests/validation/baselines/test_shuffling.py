"""The shuffled control keeps what it must keep and breaks what it must break."""

import numpy as np

from workflow_scripts.validation.baselines.shuffling import shuffle_bins, sum_rows
from workflow_scripts.validation.maps.scorer_maps import occupied_groups

BINS_OF = np.repeat([3, 40, 41, 500], [5, 9, 2, 20])


def test_shuffled_bins_keep_their_counts_and_move():
    bins, _ = shuffle_bins(BINS_OF, 4, seed=7)
    assert np.bincount(bins).tolist() == np.bincount(BINS_OF).tolist()
    assert (bins != BINS_OF).any()


def test_same_seed_same_shuffle_and_another_seed_another():
    first, again, other = (shuffle_bins(BINS_OF, 4, seed)[0] for seed in (7, 7, 8))
    assert (first == again).all()
    assert (first != other).any()


def test_folds_are_dealt_in_turn_over_the_documents_of_each_bin():
    bins, folds = shuffle_bins(BINS_OF, 4, seed=7)
    for bin_ in np.unique(bins):
        mine = folds[bins == bin_]
        assert mine.tolist() == [place % 4 for place in range(len(mine))]


def test_summed_rows_equal_a_loop_whatever_the_blocks_and_shards():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(36, 5)).astype(np.float32)
    bins, folds = shuffle_bins(BINS_OF, 4, seed=7)
    groups, owner, counts = occupied_groups(bins, folds)
    expected = np.zeros((len(groups), 5))
    for row, group in zip(rows, owner, strict=True):
        expected[group] += row
    assert counts.sum() == 36
    whole = sum_rows([(rows, owner)], len(groups))
    cut = sum_rows([(rows[:10], owner[:10]), (rows[10:], owner[10:])], len(groups), block=4)
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    np.testing.assert_allclose(cut, expected, atol=1e-5)
