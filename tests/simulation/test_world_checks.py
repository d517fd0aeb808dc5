"""Rates of the checks: complete, the same again, and near their nominal level."""

import dataclasses

import numpy as np

from workflow_scripts.simulation.tables import QUICK
from workflow_scripts.simulation.world_checks import area_rates, dose_response_rates

KEYS = {"world", "statistic", "setting", "maps", "rate", "rate_se", "nominal", "units"}


def test_rates_are_complete_and_the_same_again():
    size = dataclasses.replace(QUICK, coverage_maps=4)
    rows = [*dose_response_rates(size), *area_rates(size)]
    assert rows == [*dose_response_rates(size), *area_rates(size)]
    assert all(set(row) == KEYS and row["maps"] == 4 for row in rows)
    names = [(row["world"], row["statistic"], row["setting"]) for row in rows]
    assert len(names) == len(set(names))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    size = dataclasses.replace(QUICK, coverage_maps=12)
    for rates in (dose_response_rates, area_rates):
        assert np.mean([row["rate"] for row in rates(size)]) > 0.9
