"""Simulated studies of forgetting: what is drawn, and that shared questions break a t of topics."""

from dataclasses import replace

import numpy as np
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.simulation import world_forgetting
from workflow_scripts.simulation.tables import QUICK
from workflow_scripts.simulation.world_forgetting import (
    MARGIN,
    QUESTIONS,
    STATISTICS,
    TOPICS,
    WORLDS,
    draw_study,
    rates,
)

COLUMNS = {"world", "statistic", "setting", "maps", "rate", "rate_se", "nominal", "units"}


@pytest.mark.parametrize("together", WORLDS.values())
@pytest.mark.parametrize("mean", [0.0, MARGIN])
def test_a_study_has_the_mean_that_was_asked_for(together, mean):
    rng = stream(1, "studies", together, mean)
    means = []
    for _ in range(300):
        lost, sizes = draw_study(rng, 4, together, mean)
        assert lost.shape == (4, QUESTIONS // (together or 1)) and sizes.sum() == QUESTIONS
        means.append(lost.mean())
    assert np.mean(means) == pytest.approx(mean, abs=4 * np.std(means) / np.sqrt(300))


def test_rates_name_every_world_and_test_and_are_the_same_again():
    rows = rates(replace(QUICK, maps=1))
    assert all(set(row) == COLUMNS for row in rows)
    assert {row["world"] for row in rows} == set(WORLDS)
    # No ranks of two and four topics.
    assert len(rows) == len(WORLDS) * (len(TOPICS) * len(STATISTICS) - 2)
    assert rows == rates(replace(QUICK, maps=1))


@pytest.mark.slow
def test_the_test_over_topics_and_questions_holds_where_one_over_topics_does_not(monkeypatch):
    """As the committed table, in fewer studies and at its fewest and most topics but two."""
    some = (4, 24)
    monkeypatch.setattr(world_forgetting, "TOPICS", some)
    by = {
        (row["world"], row["statistic"], row["setting"]): row
        for row in rates(replace(QUICK, maps=100))
    }
    for world in WORLDS:
        for topics in some:
            row = by[world, STATISTICS[0], f"{topics} topics"]
            assert row["rate"] <= 0.06 + 2 * row["rate_se"]
    alone = by["tasks of ten questions", STATISTICS[3], "24 topics"]
    assert alone["rate"] > 0.5
