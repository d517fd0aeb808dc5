"""Family-wise p-values: their error rate, their order, and what they need."""

import dataclasses

import numpy as np
import pytest

from tests.influence.simulation import simulate
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.family_wise import Family, family_wise, null_maps
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components


def p_max(groups, draws=199, seed=1):
    parts = components(groups)
    found = estimate(parts)
    return family_wise(parts, found, Family(seed, draws)), found.p_unusual


def test_a_map_without_unusual_bins_is_called_at_the_nominal_rate():
    """Of 120 maps 6 at 5%; more than 14 have a chance of 0.1%, as has none at all (0.2%)."""
    rng = stream(1, "family-wise")
    smallest = []
    for number in range(120):
        groups, _ = simulate(rng, queries=20, spread=0.2, query_sd=0.5)
        smallest.append(np.nanmin(p_max(groups, 99, number)[0]))
    assert 1 <= np.sum(np.array(smallest) <= 0.05) <= 14
    # Uniform, so the smallest p_max of a map is 0.5 in the median.
    assert 0.35 < np.median(smallest) < 0.65


def test_questions_that_bins_share_move_them_together_in_the_draws():
    """Bins that load alike on few questions are no independent tests, and are not drawn as such."""
    rng = stream(2, "together")
    loading = rng.standard_normal(576)
    shared = np.repeat(loading, 2)[:, None] * rng.standard_normal(6)
    own = 0.02 * rng.standard_normal((1152, 6))
    groups = GroupMeans(
        np.repeat(np.arange(576), 2), np.tile([0, 1], 576), np.ones(1152, int), shared + own
    )
    parts = components(groups)
    found = dataclasses.replace(estimate(parts), tau2=0.0)
    draws = null_maps(parts, found, 300, stream(3, "draws"))
    lowest, *_, second, highest = np.argsort(loading)
    together = np.corrcoef(draws[:, [lowest, second, highest]].T)
    assert together[1, 2] > 0.9
    assert together[0, 2] < -0.9


def test_family_wise_p_keeps_the_order_and_is_at_least_the_single_p():
    groups, _ = simulate(stream(3, "order"), queries=20, spread=0.2)
    groups.means[:40] += 8  # five bins stand out
    found, p = p_max(groups)
    order = np.argsort(p)
    assert (np.diff(found[order]) >= 0).all()
    assert (found >= np.minimum(p, 1)).all()
    assert (found[:5] == 1 / 200).all() and found[5:].min() > 0.01
    np.testing.assert_array_equal(found, p_max(groups)[0])  # the same seed, the same draws


def test_untested_bins_stay_null():
    groups, _ = simulate(stream(4, "null"), bins=12, queries=20)
    keep = (groups.bins != 4) | (groups.folds == 2)
    thin = GroupMeans(*(getattr(groups, n)[keep] for n in ("bins", "folds", "counts", "means")))
    found, p = p_max(thin)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(p))
    assert np.isnan(found[4]) and np.isfinite(found).sum() == 11


@pytest.mark.parametrize("bins", [1, 2])
def test_one_or_two_bins_are_no_trouble(bins):
    groups, _ = simulate(stream(5, "few"), bins=bins, queries=5)
    found, p = p_max(groups)
    assert np.isfinite(found).sum() == np.isfinite(p).sum()
