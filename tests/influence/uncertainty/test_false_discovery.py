"""q-values against scipy's and by hand."""

import numpy as np
import pytest
from scipy import stats

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.false_discovery import adjust, beyond, fcr_confidence


@pytest.mark.parametrize("method", ["bh", "by"])
def test_agrees_with_scipy(method):
    p = stream(1, "p").random(50) ** 3
    expected = stats.false_discovery_control(p, method=method)
    np.testing.assert_allclose(adjust(p, method), expected)


def test_untested_bins_stay_null_and_do_not_count():
    q = adjust(np.array([0.01, np.nan, 0.04, np.nan]))
    np.testing.assert_allclose(q, [0.02, np.nan, 0.04, np.nan])
    assert np.isnan(adjust(np.array([np.nan]))).all()


def test_an_unknown_method_is_refused():
    with pytest.raises(DataError, match="bh, by"):
        adjust(np.array([0.1]), "bonferroni")


def spread_map(law, rng, planted=0):
    """p-values and signs of 576 bins against a normal of their MAD."""
    values = {"normal": rng.standard_normal, "laplace": lambda n: rng.laplace(size=n)}[law](576)
    values[:planted] += 8
    z = (values - np.median(values)) / (1.4826 * stats.median_abs_deviation(values))
    return 2 * stats.norm.sf(np.abs(z)), z


def test_local_calls_what_is_planted_and_no_tail_of_a_laplace_spread():
    rng = stream(2, "local")
    false = {method: [] for method in ("bh", "local")}
    for _ in range(10):
        p, z = spread_map("laplace", rng)
        for method, counts in false.items():
            counts.append((adjust(p, method, z) < 0.05).sum())
    assert np.mean(false["bh"]) > 5
    assert np.mean(false["local"]) < 0.5
    p, z = spread_map("normal", rng, planted=10)
    q = adjust(p, "local", z)
    assert (q[:10] < 0.05).all() and (q[10:] < 0.05).sum() <= 2


def test_local_does_not_depend_on_centre_and_scale_of_the_ordinary_bins():
    z = 1.6 * stream(3, "local").standard_normal(576) + 0.7
    q = adjust(2 * stats.norm.sf(np.abs(z)), "local", z)
    assert (q < 0.05).sum() <= 1
    assert (adjust(2 * stats.norm.sf(np.abs(z))) < 0.05).sum() > 5


def test_local_with_few_tests_or_none_of_any_size_is_benjamini_hochbergs():
    p = stream(4, "few").random(20) ** 3
    np.testing.assert_array_equal(adjust(p, "local", np.ones(20)), adjust(p))
    flat = np.full(60, 0.5)
    np.testing.assert_array_equal(adjust(flat, "local", np.ones(60)), adjust(flat))


def test_untested_bins_stay_null_under_local():
    p, z = spread_map("normal", stream(5, "local"))
    p[[3, 9]] = np.nan
    q = adjust(p, "local", z)
    assert np.flatnonzero(np.isnan(q)).tolist() == [3, 9]


def test_confidence_of_called_intervals_rises_as_fewer_are_called():
    q = np.where(np.arange(100) < 10, 0.01, 0.5)
    assert fcr_confidence(q, q < 0.05, 0.95) == pytest.approx(1 - 0.05 * 10 / 100)
    assert fcr_confidence(q, np.ones(100, bool), 0.95) == pytest.approx(0.95)
    assert fcr_confidence(q, q < 0, 0.95) == pytest.approx(1 - 0.05 / 100)


def test_smallest_effect_of_0_is_the_test_against_0_and_a_larger_one_calls_less():
    distance = np.array([-4.0, -1.0, 0.0, 0.5, 3.0, np.nan])

    def p_of(x):
        return 2 * stats.norm.sf(np.abs(x))

    np.testing.assert_allclose(beyond(p_of, distance, 0.0), p_of(distance))
    p = beyond(p_of, distance, 1.0)
    assert (p[:5] >= p_of(distance)[:5]).all() and (p[:5] <= 1).all()
    # At the edge of the null a one-sided test of size one half.
    assert p[1] == pytest.approx(0.5 + stats.norm.sf(2))
    np.testing.assert_allclose(
        beyond(p_of, distance, 0.5)[0], stats.norm.sf(3.5) + stats.norm.sf(4.5)
    )
