"""The correlated maps: rows as the others have them, and worlds that are what they say."""

from dataclasses import replace

import numpy as np
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.simulation import world_agreement as world
from workflow_scripts.simulation.tables import QUICK


def test_rates_have_errors_and_are_the_same_again(monkeypatch):
    monkeypatch.setattr(world, "SETTINGS", world.SETTINGS[-1:])
    monkeypatch.setattr(world, "SHARED", (0.5, 0.8))
    size = replace(QUICK, pairs=4, draws=19, splits=4)
    rows = world.rates(size)
    keys = {"world", "statistic", "setting", "maps", "rate", "rate_se", "nominal", "units"}
    assert len(rows) == 4 and all(set(row) == keys for row in rows)
    assert all(row["maps"] == 4 and 0 <= row["rate"] <= 1 for row in rows)
    assert rows == world.rates(size)


@pytest.mark.parametrize("shape", [world.PLAIN, world.UNUSUAL])
def test_true_maps_have_variance_one_and_nothing_in_common(shape):
    rng = stream(1, shape)
    maps = np.stack([world.own_map(rng, shape) for _ in range(200)])
    assert maps.var(axis=0).mean() == pytest.approx(1, abs=0.1)
    assert np.mean(maps[::2] * maps[1::2]) == pytest.approx(0, abs=0.03)


def test_documents_share_their_noise():
    parts = world.draw_pair(stream(2, "shared"), 0.0, 8, 0.8, spread=0.0)
    a, b = (part.group_means for part in parts.values())
    noise = world.QUESTIONS.interaction_sd**2 / world.QUESTIONS.queries
    assert np.corrcoef(a, b)[0, 1] == pytest.approx(0.8 / (1 + noise), abs=0.05)
