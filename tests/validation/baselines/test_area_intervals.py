"""Intervals of areas over topics, and what is explained of what can be."""

import numpy as np
import polars as pl
import pytest

from workflow_scripts.simulation.world_checks import draw_sides
from workflow_scripts.validation.baselines.area_intervals import (
    area_interval,
    effective_sizes,
    icc,
    precision_interval,
)
from workflow_scripts.validation.baselines.explained import with_reliability
from workflow_scripts.validation.baselines.planted_truth import (
    auroc,
    average_precision,
    planted_metrics,
)


def intervals(values, up, topics):
    area = auroc(values[up], values[~up])
    precision = average_precision(values[up], values[~up])
    return (
        (area, area_interval(area, values, up, topics, 0.95)),
        (precision, precision_interval(precision, values, up, topics, 0.95)),
    )


def test_a_perfect_map_has_an_interval_of_some_width():
    """No bootstrap gives one: every draw is perfect too."""
    for value, (low, high) in intervals(
        *draw_sides(np.random.default_rng(1), 9, 0.2, False, False)
    ):
        assert value == pytest.approx(1.0)
        assert 0.6 < low < 0.97 and high == pytest.approx(1.0)


def test_the_interval_turns_round_with_the_map():
    values, up, topics = draw_sides(np.random.default_rng(2), 1.5, 0.2, False, False)
    area = auroc(values[up], values[~up])
    low, high = area_interval(area, values, up, topics, 0.95)
    turned = area_interval(1 - area, -values, up, topics, 0.95)
    assert low < area < high
    assert turned == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_bins_of_a_topic_that_are_alike_are_fewer_bins():
    rng = np.random.default_rng(3)
    topics = np.repeat(np.arange(24), 24)
    up = topics < 4
    alone = rng.standard_normal(576)
    alike = np.repeat(rng.standard_normal(24), 24) + 0.1 * alone
    assert icc(alone, topics) < 0.05 and icc(alike, topics) > 0.9
    assert effective_sizes(alone, up, topics)[0] > 50
    assert effective_sizes(alike, up, topics)[0] < 6
    assert icc(alone[:5], np.zeros(5)) == 0


def test_planted_measures_carry_their_intervals_and_leave_contradiction_out():
    bins = pl.DataFrame({
        "topic": ["a", "b", "c", "d"] * 3,
        "role": ["support", "support", "contradiction", "contradiction"] + ["neutral"] * 8,
        "dose": [1.0] * 4 + [0.0] * 8,
        "influence": [3.0, 2.0, 2.5, 4.0, *np.linspace(-1, 1, 8)],
        "q_unusual": [1.0] * 12,
    })  # fmt: skip
    found = planted_metrics(bins, 0.9)
    assert found["auroc_support"] == pytest.approx(17 / 20)
    assert found["auroc_support_without_contradiction"] == 1.0
    for name in ("auroc_support", "ap_support", "auroc_support_vs_contradiction"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    nothing = planted_metrics(bins.filter(pl.col("role") != "support"), 0.9)
    assert nothing["auroc_support_low"] is None and nothing["ap_support_high"] is None


def test_what_is_explained_is_held_against_what_can_be():
    explained = pl.DataFrame({"benchmark": ["a", "b"], "r2_adjusted": [0.4, 0.4]})
    reliability = pl.DataFrame({
        "benchmark": ["a", "a", "b", "b"], "over": ["documents", "questions"] * 2,
        "corrected": [0.9, 0.7, 0.9, None],
    })  # fmt: skip
    found = with_reliability(explained, reliability)
    assert found["reliability"].to_list() == [pytest.approx(0.6), None]
    assert found["r2_of_reliable"].to_list() == [pytest.approx(0.4 / 0.6), None]
