"""Intervals and p-values of errors with several sources."""

import numpy as np
import pytest
from scipy import stats

from tests.influence.simulation import simulate
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.error_law import ErrorLaw
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.variance_components import components

DEGREES = np.array([1, 2, 7, 50, 300.0])
VALUES = np.array([0.1, 3, 10, 5, -20.0])


def test_one_source_is_students_t():
    law = ErrorLaw.of((np.full(5, 4.0), DEGREES), (0.0, 7))
    np.testing.assert_allclose(law.p_value(VALUES), 2 * stats.t.sf(np.abs(VALUES) / 2, DEGREES))
    np.testing.assert_allclose(law.half_width(1.5), 2 * stats.t.isf(stats.norm.sf(1.5), DEGREES))


def test_the_p_value_is_where_the_interval_touches():
    law = ErrorLaw.of((np.full(5, 2.0), DEGREES), (0.5, 3), (1.0, 213))
    p = law.p_value(VALUES)
    np.testing.assert_allclose(law.half_width(stats.norm.isf(p / 2)), np.abs(VALUES), rtol=1e-6)


def test_a_table_of_p_values_agrees_with_the_exact_ones():
    law = ErrorLaw.of((np.full(5, 2.0), DEGREES), (0.5, 3), (1.0, 213))
    np.testing.assert_allclose(law.p_values(VALUES[None])[0], law.p_value(VALUES), rtol=0.01)


def test_what_has_no_error_is_not_tested():
    law = ErrorLaw.of((np.array([0.0, np.nan, 1.0]), 3.0), (0.0, 7))
    assert np.isnan(law.p_value(np.ones(3))).tolist() == [True, True, False]
    assert np.isnan(law.p_values(np.ones((2, 3)))).tolist() == [[True, True, False]] * 2
    assert law.half_width(2.0)[0] == 0


def test_a_value_beyond_all_tails_has_p_near_0():
    assert ErrorLaw.of((np.ones(1), 500.0)).p_value(np.array([1e9]))[0] < 1e-85


@pytest.mark.parametrize("documents", [2, 3])
def test_few_documents_do_not_reject_ordinary_bins(documents):
    """At two documents 5.0%, at three 4.3% (60 maps each); by Satterthwaite 11.5 and 6.6%."""
    rng = stream(1, "few", documents)
    low = []
    for _ in range(20):
        groups, _ = simulate(rng, folds=np.arange(documents), queries=40, query_sd=0.3)
        low.append(estimate(components(groups)).p_value < 0.05)
    assert 0.035 < np.mean(low) < 0.06


def test_few_degrees_do_not_turn_small_values_into_certainty():
    """Quantiles of 1.28 degrees overflowed at the last score, and p came out as 0."""
    law = ErrorLaw.of((np.array([0.6, 0.1]), np.array([1.279, 1.01])), (1e-4, 39), (0.0, 213))
    assert (law.p_value(np.array([0.5, 0.8])) > 0.03).all()
