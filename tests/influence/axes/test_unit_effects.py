"""Topics and formats among their like: invariants, and rates in worlds that can break them."""

import numpy as np
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.axes.marginals import marginal_table
from workflow_scripts.influence.axes.top_units import top_shares
from workflow_scripts.influence.axes.unit_effects import unit_effects
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.simulation import world_axes

SHAPE = (24, 24)
# Of 100 maps: 8% and two Monte Carlo errors.
MOST = 0.08 + 2 * np.sqrt(0.08 * 0.92 / 100)


@pytest.fixture
def rng():
    return stream(1, "unit effects")


def called(values):
    return adjust(unit_effects(values).p_value) < 0.05


def test_effects_do_not_depend_on_the_other_factor_or_the_level(rng):
    values = rng.standard_normal(SHAPE)
    moved = unit_effects(5 + values + 3 * rng.standard_normal(24))
    np.testing.assert_allclose(moved.effect, unit_effects(values).effect, atol=1e-6)
    # A median polish ends near, not at, the same fit.
    np.testing.assert_allclose(moved.p_value, unit_effects(values).p_value, atol=0.01)
    assert np.median(moved.effect) == pytest.approx(0)


def test_p_does_not_depend_on_the_scale_and_turns_with_the_sign(rng):
    values = rng.standard_normal(SHAPE)
    ours, other = unit_effects(values), unit_effects(-1e-6 * values)
    np.testing.assert_allclose(ours.p_value, other.p_value, rtol=1e-6)
    np.testing.assert_allclose(ours.effect, -1e6 * other.effect, atol=1e-9)


def test_one_bin_however_large_makes_no_topic_unusual(rng):
    values = rng.standard_normal(SHAPE)
    values[3, 4] = 1e6
    assert not called(values).any()
    assert not called(values.T).any()


def test_planted_bins_of_some_topics_do_not_make_the_others_unusual(rng):
    """The mean of a map moves with them, so that 0 is not the neutral value."""
    found = [called(world_axes.planted(rng.standard_normal(SHAPE), 8)) for _ in range(20)]
    assert np.mean([one[:6] for one in found]) > 0.9
    assert np.mean([one[6:] for one in found]) < 0.01


def test_empty_bins_and_units_are_left_out(rng):
    values = rng.standard_normal(SHAPE)
    values[0], values[1, 1:], values[5, 7] = np.nan, np.nan, np.nan
    found = unit_effects(values)
    assert np.isnan(found.effect[0]) and np.isnan(found.p_value[0])
    assert np.isfinite(found.effect[1:]).all() and np.isfinite(found.p_value[1:]).all()


@pytest.mark.parametrize("shape", [(3, 24), (24, 1), (1, 1)])
def test_too_few_units_or_bins_are_not_tested(rng, shape):
    assert np.isnan(unit_effects(rng.standard_normal(shape)).p_value).all()


def test_constant_map_is_not_tested():
    assert np.isnan(unit_effects(np.zeros(SHAPE)).p_value).all()


def test_null_maps_are_rarely_called(rng):
    for world in ("normal bins", "laplace bins", "t3 bins, formats differ by 1"):
        draw, _ = world_axes.unit_worlds()[world]
        assert np.mean([called(draw(rng)).any() for _ in range(100)]) <= MOST


def test_table_has_bands_over_intervals_and_fcr_for_those_called(rng):
    values = world_axes.planted(rng.standard_normal(SHAPE), 8).ravel()
    table = marginal_table(StudyMaps({"a": values}), {"a": np.ones(576)}, 0.95, 1)
    topics = table.filter(axis="topic")
    chosen = topics.filter(topics["q_value"] < 0.05)
    assert chosen.height >= 5
    assert chosen["fcr_low"].null_count() == 0
    assert topics.filter(topics["q_value"] >= 0.05)["fcr_low"].is_null().all()
    width = {
        kind: chosen[f"{kind}_high"] - chosen[f"{kind}_low"] for kind in ("bins", "fcr", "band")
    }
    assert (width["bins"] < width["fcr"]).all() and (width["fcr"] < width["band"]).all()
    assert table["p_top1"].is_null().all()


def test_shares_of_the_top_add_up_and_are_sure_without_error(rng):
    value = rng.standard_normal(24)
    noise = 0.5 * rng.standard_normal((999, 24))
    shares = top_shares(value, noise, (1, 3, 5), rng)
    np.testing.assert_allclose(shares.sum(axis=1), [1, 3, 5])
    assert (np.diff(shares, axis=0) >= 0).all()
    sure = top_shares(value, 1e-9 * noise, (3,), rng)[0]
    np.testing.assert_array_equal(sure > 0.5, np.argsort(np.argsort(-value)) < 3)


def test_units_that_errors_alone_tell_apart_are_alike_in_chance(rng):
    noise = rng.standard_normal((4000, 24))
    share = top_shares(0.1 * rng.standard_normal(24), noise, (1,), rng)[0]
    np.testing.assert_allclose(share, 1 / 24, atol=0.02)
    assert np.isnan(top_shares(np.ones(1), noise[:, :1], (1,), rng)).all()


def test_error_that_all_units_share_does_not_blur_their_order(rng):
    value = np.arange(24.0)
    shared = 100 * rng.standard_normal((999, 1)) + 0.01 * rng.standard_normal((999, 24))
    assert top_shares(value, shared, (1,), rng)[0][-1] == 1
