"""Rates of topics, controls and intervals: their rows, the same again, worlds as described."""

import math

import numpy as np
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.simulation import world_axes
from workflow_scripts.simulation.tables import QUICK

KEYS = ["world", "statistic", "setting", "maps", "rate", "rate_se", "nominal", "units"]


def test_rates_are_rows_with_their_errors_and_the_same_again():
    rows = world_axes.rates(QUICK)
    assert all(list(row) == KEYS for row in rows)
    names = [(row["world"], row["statistic"], row["setting"], row["units"]) for row in rows]
    assert len(set(names)) == len(names)
    assert all(row["maps"] > 0 or math.isnan(row["rate"]) for row in rows)
    first = list(world_axes.interval_rates(QUICK))
    assert first == list(world_axes.interval_rates(QUICK))


@pytest.mark.parametrize("law", world_axes.SPREADS)
def test_spreads_have_mean_0_and_variance_1(law):
    values = world_axes.spread(law, stream(1, law), (400_000,))
    assert values.mean() == pytest.approx(0, abs=0.01)
    assert values.std() == pytest.approx(1, abs=0.1)


def test_the_one_bin_holds_its_share_of_the_variance():
    values = np.mean([world_axes.one_bin(stream(1, "one", i)) ** 2 for i in range(50)], axis=0)
    assert values[3, 4] / values.sum() == pytest.approx(world_axes.ONE_BIN, abs=0.01)
