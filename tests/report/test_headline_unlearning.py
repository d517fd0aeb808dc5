"""Lines of the headline on forgetting."""

import polars as pl
import pytest

from tests.unlearning.made_up import TESTS, asked_of, effect, effects_frame, random_effects
from workflow_scripts.report.headline_unlearning import kept_share, unlearning_lines
from workflow_scripts.unlearning.effects.arm_tests import test_table as make_table
from workflow_scripts.unlearning.effects.registration import with_primary

SELECTION = pl.DataFrame(
    {"target": ["x", "x"], "excess_own": [2.0, 2.0], "excess_other": [1.4, 1.4]}
)


NAMED = {"benchmarks": ["x"], "contrast": "targeted-random", "measure": "accuracy", "dose": 1.0}


def lines_of(effects):
    table = make_table(effects, asked_of(effects), TESTS)
    return unlearning_lines(with_primary(table, NAMED, {}), SELECTION)


def effects(**changes):
    return random_effects(
        ["t0", "t1", "t2"], targets=("x",), arms=("targeted", "random", "low", "similar"), **changes
    )


def crossed():
    return effects_frame(
        [
            effect("x", topic, f"crossed_{arm}", 1, damage, dose=dose)
            for topic in ("t0", "t1")
            for arm, damage in (("targeted", 0.3), ("random", 0.1))
            for dose in (0.5, 1.0)
        ]
    )


def test_every_difference_that_the_study_has_is_told_and_which_is_primary():
    text = "\n".join(lines_of(pl.concat([effects(), crossed()])))
    for words in ("targeted - random  ", "targeted - low", "targeted - similar", "keep 70% of"):
        assert words in text
    assert "the same, cross-fitted (primary)   +20 (no interval: 2 topics)" in text
    assert "bottom" not in text and "targeted - random (primary)" in "\n".join(lines_of(effects()))


def test_a_dose_at_which_arms_lie_at_chance_is_not_the_one_told():
    floor = effects().with_columns(at_floor=pl.col("dose") == 1.0)
    assert "by 0.5 (nats per token; at 1 accuracy lies at chance)" in lines_of(floor)[0]
    everywhere = floor.with_columns(at_floor=True)
    assert any("at chance)" in line for line in lines_of(everywhere)[1:])


def test_what_is_kept_is_that_of_all_topics_and_halves_together():
    assert kept_share(SELECTION) == pytest.approx(0.7)
    assert kept_share(SELECTION.with_columns(excess_own=0.0)) is None
