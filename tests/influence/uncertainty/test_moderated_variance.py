"""Moderated variances: recovery of the prior, its limits, and its resistance to copies."""

import numpy as np
import pytest
from scipy import special

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.moderated_variance import (
    Prior,
    fit_prior,
    inverse_trigamma,
    moderate,
    too_small,
)


@pytest.mark.parametrize("value", [1e-6, 0.01, 0.7, 5.0, 1e4])
def test_inverse_trigamma_inverts(value):
    assert special.polygamma(1, inverse_trigamma(value)) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize("df0", [4.0, 12.0])
def test_the_prior_of_simulated_variances_is_recovered(df0):
    rng = stream(1, "prior", df0)
    df = rng.choice([3.0, 7.0], size=20000)
    true = 2.5 * df0 / rng.chisquare(df0, size=len(df))
    prior = fit_prior(true * rng.chisquare(df) / df, df)
    assert prior.variance == pytest.approx(2.5, rel=0.05)
    assert prior.df == pytest.approx(df0, rel=0.1)


def test_equal_true_variances_are_pooled():
    rng = stream(2, "equal")
    df = np.full(576, 7.0)
    prior = fit_prior(3 * rng.chisquare(df) / df, df)
    assert prior.df > 50
    posterior, degrees = moderate(np.array([1.0, 9.0]), np.array([7.0, 7.0]), prior)
    assert np.ptp(posterior) < 2
    assert (degrees <= 14).all()  # never more than all bins pooled


def test_moderation_by_hand():
    posterior, degrees = moderate(np.array([1.0, 4.0]), np.array([7.0, 3.0]), Prior(2.0, 5.0))
    np.testing.assert_allclose(posterior, [(10 + 7) / 12, (10 + 12) / 8])
    np.testing.assert_allclose(degrees, [10, 8])  # 12 is capped at 7 + 3


def test_a_few_bins_of_copies_do_not_undo_the_fit():
    rng = stream(3, "copies")
    df = np.full(576, 7.0)
    variances = rng.chisquare(df) / df
    clean = fit_prior(variances, df)
    variances[:5] = [0, 0, 1e-30, 1e-20, 1e-12]
    with_copies = fit_prior(variances, df)
    assert clean.df > 50
    assert with_copies.df > 7
    assert with_copies.variance == pytest.approx(clean.variance, rel=0.1)


def test_too_few_bins_are_left_alone():
    variances, df = np.array([1.0, 2.0]), np.array([7.0, 7.0])
    prior = fit_prior(variances, df)
    assert prior.df == 0
    np.testing.assert_array_equal(moderate(variances, df, prior)[0], variances)
    assert fit_prior(np.zeros(10), np.full(10, 7.0)).df == 0


def test_copies_are_told_from_bins_that_happen_to_vary_little():
    rng = stream(4, "too small")
    df = np.full(20000, 7.0)
    for df0 in (3.0, np.inf):
        true = df0 / rng.chisquare(df0, size=len(df)) if np.isfinite(df0) else 1.0
        variances = true * rng.chisquare(df) / df
        found = too_small(variances, df, Prior(1.0, df0))
        assert found.mean() == pytest.approx(0.01, abs=0.003)
        assert too_small(np.full(3, 1e-9), df[:3], Prior(1.0, df0)).all()
    assert not too_small(np.zeros(3), df[:3], Prior(float("nan"), 0.0)).any()
