"""Shrinkage: the fit without the bin, its limits, and what it does to simulated maps."""

import numpy as np
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.shrinkage import (
    SHAPE,
    leave_one_out_fit,
    median,
    median_polish,
    shrink,
)

MANY = np.full(576, 1e6)


def additive(seed=1):
    """A map that is exactly overall + topic + format."""
    rng = stream(seed, "additive")
    return (3.0 + rng.standard_normal(24)[:, None] + rng.standard_normal(24)).ravel()


def test_a_bin_has_no_say_in_its_own_fit():
    values = additive() + stream(2, "noise").standard_normal(576)
    before = leave_one_out_fit(values)
    for index in (0, 100, 575):
        after = []
        for extreme in (1e6, -1e6):
            changed = values.copy()
            changed[index] = extreme
            after.append(leave_one_out_fit(changed))
            assert after[-1][index] == before[index]
        assert (after[0] != after[1]).any()  # but in that of others


def test_an_additive_map_is_its_own_fit():
    values = additive()
    np.testing.assert_allclose(leave_one_out_fit(values), values, atol=1e-6)
    np.testing.assert_allclose(shrink(values, np.ones(576), MANY), values, atol=1e-6)


def test_a_few_wild_bins_do_not_move_the_fit_of_others():
    values = additive()
    wild = values.copy()
    wild[stream(3, "wild").choice(576, size=30, replace=False)] += 50
    ordinary = wild == values
    np.testing.assert_allclose(leave_one_out_fit(wild)[ordinary], values[ordinary], atol=0.05)


def test_infinite_noise_gives_the_fit_and_no_noise_the_influence():
    values = additive() + stream(4, "limits").standard_normal(576)
    np.testing.assert_allclose(
        shrink(values, np.full(576, 1e12), MANY), leave_one_out_fit(values), atol=1e-9
    )
    np.testing.assert_allclose(shrink(values, np.full(576, 1e-12), MANY), values, atol=1e-5)
    np.testing.assert_array_equal(shrink(values, np.zeros(576), MANY), values)


def test_no_bin_moves_further_than_its_standard_error():
    rng = stream(5, "limit")
    values = additive() + 0.1 * rng.standard_normal(576)
    values[7] += 40
    variance = rng.choice([0.01, 0.5], size=576)
    moved = np.abs(shrink(values, variance, MANY) - values)
    assert (moved <= np.sqrt(variance) + 1e-12).all()
    assert moved[7] == pytest.approx(np.sqrt(variance[7]))  # far from its fit: all the way


def test_empty_topics_formats_and_bins_without_error():
    values = (additive() + stream(6, "holes").standard_normal(576)).reshape(SHAPE)
    values[3], values[:, 5] = np.nan, np.nan
    values[8, 1:] = np.nan  # a topic with a single bin
    values = values.ravel()
    variance = np.where(np.isfinite(values), 0.5, np.nan)
    alone, unsure = 8 * 24, 9 * 24
    variance[unsure] = np.nan
    shrunk = shrink(values, variance, MANY)
    assert np.isnan(shrunk[np.isnan(values)]).all() and np.isnan(shrunk[unsure])
    assert np.isfinite(shrunk).sum() == np.isfinite(values).sum() - 1
    # Its topic's effect is unknown and taken as 0: the fit is overall + format.
    overall, _, format_ = median_polish(
        np.where(np.arange(576) == alone, np.nan, values).reshape(1, *SHAPE)
    )
    assert leave_one_out_fit(values)[alone] == pytest.approx(overall[0] + format_[0, 0])


def test_a_map_of_one_or_no_bin_has_nothing_to_shrink_to():
    single = np.full(576, np.nan)
    assert np.isnan(shrink(single, single, single)).all()
    single[4] = 1.0
    assert np.isnan(leave_one_out_fit(single)).all()
    assert np.isnan(shrink(single, np.where(np.isfinite(single), 1.0, np.nan), MANY)).all()


def test_shrunk_means_are_nearer_to_the_truth():
    """Ordinary bins by a factor of three and more, unusual ones no further off than before."""
    rng = stream(7, "risk")
    truth = additive(7) + 0.1 * rng.standard_normal(576)
    unusual = np.arange(576) < 36
    truth[unusual] += 4
    noise = 0.5 * rng.standard_normal((20, 576))
    errors = np.array([shrink(truth + row, np.full(576, 0.25), MANY) - truth for row in noise])
    raw, shrunk = np.square(noise).mean(axis=0), np.square(errors).mean(axis=0)
    assert shrunk[~unusual].mean() < raw[~unusual].mean() / 3
    assert shrunk[unusual].mean() < 2.2 * raw[unusual].mean()


def test_median_without_nan():
    values = np.array([[3.0, 1, np.nan, 2], [np.nan] * 4, [4, 1, 2, 3]])
    np.testing.assert_array_equal(median(values, axis=1), [2, np.nan, 2.5])
    np.testing.assert_array_equal(median(values, axis=0), np.nanmedian(values, axis=0))
