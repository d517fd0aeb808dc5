"""Damage by hand: its sign, its pairing by question, and what was not reached."""

import polars as pl
import pytest

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.unlearning.effects.asked import Asked, add_evaluation
from workflow_scripts.unlearning.effects.crossed import crossed_evaluation, crossed_record
from workflow_scripts.unlearning.effects.damage import chance_of, damages, effect_rows, planned_rows

QUESTIONS = ["q1", "q2", "q3", "q4"]


def answers(arm, seed, dose, correct, margins, questions=QUESTIONS):
    return pl.DataFrame(
        {
            "arm": arm,
            "seed": seed,
            "dose": float(dose),
            "query_id": questions,
            "correct": [bool(value) for value in correct],
            "margin": [float(value) for value in margins],
        }
    )


BASE = answers("base", 0, 0, [1, 1, 1, 0], [1, 2, 3, -1])
WORSE = answers("targeted", 5, 0.5, [1, 0, 0, 0], [0, -1, -2, -3])
BETTER = answers("random", 5, 0.5, [1, 1, 1, 1], [1, 2, 3, 1])


def ended(state, *doses):
    rows = [
        {"dose": dose, "step": 3 + i, "forget_rise": dose + 0.01, "retain_rise": 0.02, "margin": 0}
        for i, dose in enumerate(doses)
    ]
    return {"state": state, "reason": "", "doses": rows}


def record(seed=5, **arms):
    return {
        "topic": "t",
        "seed": seed,
        "balance": {"random": {"matched": False}, "bottom": {"matched": True}},
        "arms": arms,
    }


def test_damage_is_base_minus_unlearned():
    """Accuracy 3/4 to 1/4 is damage 0.5; margins fall by 1, 3, 5, 2, on average 2.75."""
    row = damages(pl.concat([BASE, WORSE]), "file").row(0, named=True)
    assert (row["arm"], row["seed"], row["dose"]) == ("targeted", 5, 0.5)
    assert row["damage_accuracy"] == 0.5
    assert row["damage_margin"] == 2.75
    assert row["n_questions"] == 4


def test_an_improvement_is_negative_damage():
    row = damages(pl.concat([BASE, BETTER]), "file").row(0, named=True)
    assert row["damage_accuracy"] == -0.25
    assert row["damage_margin"] == -0.5


def test_questions_are_paired_by_id_and_not_by_place():
    turned = pl.concat([WORSE.reverse(), BASE.sample(fraction=1.0, shuffle=True, seed=1)])
    assert damages(turned, "file")["damage_margin"].to_list() == [2.75]


def test_the_base_model_alone_gives_no_damage():
    assert damages(BASE, "file").is_empty()


@pytest.mark.parametrize(
    "other",
    [
        answers("targeted", 5, 0.5, [1, 0, 0], [0, 0, 0], QUESTIONS[:3]),
        answers("targeted", 5, 0.5, [1, 0, 0, 1, 1], [0] * 5, [*QUESTIONS, "q5"]),
        answers("targeted", 5, 0.5, [1, 0, 0, 1], [0] * 4, ["q1", "q2", "q3", "q9"]),
    ],
    ids=["fewer", "more", "others"],
)
def test_other_questions_than_the_base_models_are_refused_by_file(other):
    with pytest.raises(IntegrityError) as caught:
        damages(pl.concat([BASE, other]), "some/file.parquet")
    message = str(caught.value)
    assert "some/file.parquet" in message and "'targeted'" in message and "\n" not in message


def test_unreached_doses_are_null_rows_and_only_a_collapse_is_called_one():
    rows = planned_rows(
        record(
            targeted=ended("reached", 0.5, 1.0),
            random=ended("unreached", 0.5),
            bottom=ended("collapsed", 0.5),
        ),
        [0.5, 1.0],
    )
    assert rows.height == 6
    by_key = {(row["arm"], row["dose"]): row for row in rows.iter_rows(named=True)}
    assert by_key["targeted", 1.0]["steps"] == 4
    assert by_key["targeted", 1.0]["forget_rise"] == 1.01
    for arm, collapsed in (("random", False), ("bottom", True)):
        assert by_key[arm, 0.5]["collapsed"] is False
        assert by_key[arm, 0.5]["steps"] == 3
        late = by_key[arm, 1.0]
        assert late["collapsed"] is collapsed
        assert [late[name] for name in ("forget_rise", "retain_rise", "steps")] == [None] * 3
    assert rows.group_by("arm").agg(pl.col("matched").first()).sort("arm")["matched"].to_list() == [
        True,
        False,
        None,
    ]


def test_a_run_that_broke_at_once_is_shown_as_collapsed_at_every_dose():
    rows = planned_rows(record(targeted=ended("collapsed")), [0.5, 1.0])
    assert rows["collapsed"].to_list() == [True, True]
    assert rows["steps"].null_count() == 2


def test_doses_that_are_whole_numbers_in_the_config_are_found():
    rows = planned_rows(record(targeted=ended("reached", 1)), [1])
    assert rows["dose"].dtype == pl.Float64 and rows["steps"].to_list() == [3]


def test_effect_rows_are_the_declared_table_with_nulls_where_nothing_was_reached(tmp_path):
    runs = [
        record(targeted=ended("reached", 0.5), random=ended("reached", 0.5)),
        record(6, targeted=ended("collapsed"), random=ended("unreached")),
    ]
    rows = effect_rows("x", "y", pl.concat([BASE, WORSE, BETTER]), runs, [0.5], 0.25, "file")
    write_table(rows, tmp_path / "effects.parquet", "unlearning/effects")
    table = read_table(tmp_path / "effects.parquet", "unlearning/effects")
    assert table.select("arm", "seed", "damage_accuracy", "collapsed", "n_questions").rows() == [
        ("random", 5, -0.25, False, 4),
        ("random", 6, None, False, None),
        ("targeted", 5, 0.5, False, 4),
        ("targeted", 6, None, True, None),
    ]
    assert set(table["target"]) == {"x"} and set(table["evaluated"]) == {"y"}


def test_an_adapter_that_was_not_evaluated_is_refused_by_name():
    runs = [record(targeted=ended("reached", 0.5), random=ended("reached", 0.5))]
    with pytest.raises(IntegrityError) as caught:
        effect_rows("x", "y", pl.concat([BASE, WORSE]), runs, [0.5], 0.25, "some/file.parquet")
    message = str(caught.value)
    assert "some/file.parquet lacks the adapter of arm 'random', seed 5, dose 0.5" in message


def test_an_arm_at_chance_is_flagged():
    """100 questions of four choices: two standard errors above 0.25 is 0.337."""
    questions = [f"q{i}" for i in range(100)]
    base = answers("base", 0, 0, [1] * 100, [1] * 100, questions)
    arms = {"targeted": 33, "random": 34, "bottom": 5}
    tables = [base] + [
        answers(arm, 5, 0.5, [i < right for i in range(100)], [0] * 100, questions)
        for arm, right in arms.items()
    ]
    runs = [record(**{arm: ended("reached", 0.5) for arm in arms})]
    rows = effect_rows("x", "x", pl.concat(tables), runs, [0.5], 0.25, "file")
    floors = dict(rows.select("arm", "at_floor").rows())
    assert floors == {"targeted": True, "random": False, "bottom": True}
    assert dict(rows.select("arm", "accuracy").rows())["random"] == pytest.approx(0.34)


def test_chance_is_the_mean_of_one_in_so_many_choices():
    assert chance_of(pl.DataFrame({"choices": [["a", "b"], ["a", "b", "c", "d"]]})) == 0.375


# -------------------------------------------------------------- cross-fitting

HALVES = pl.DataFrame({"query_id": QUESTIONS, "half": ["a", "b", "a", "b"]})


def by_half(dose=0.5, arms=("targeted_a", "targeted_b", "random_a", "random_b")):
    """Evaluations by half, where a question's margin shows which arm answered it."""
    return pl.concat(
        [BASE]
        + [answers(arm, 5, dose, [0, 1, 0, 1], [10 * i] * 4) for i, arm in enumerate(arms, 1)]
    )


def test_every_question_is_answered_by_the_model_that_the_other_half_chose():
    """Documents were chosen by the very questions that were asked afterwards."""
    table = crossed_evaluation(by_half(), HALVES)
    margins = {
        arm: dict(part.select("query_id", "margin").rows())
        for (arm,), part in table.group_by("arm")
    }
    # targeted_a (10) was chosen by q1 and q3, so it answers q2 and q4.
    assert margins["crossed_targeted"] == {"q1": 20, "q2": 10, "q3": 20, "q4": 10}
    assert margins["crossed_random"] == {"q1": 40, "q2": 30, "q3": 40, "q4": 30}
    assert margins["base"] == dict(BASE.select("query_id", "margin").rows())


def test_a_dose_that_one_half_missed_has_no_crossed_answers():
    table = crossed_evaluation(by_half(arms=("targeted_a", "random_a", "random_b")), HALVES)
    assert set(table["arm"]) == {"base", "crossed_random"}


def test_a_crossed_arm_ended_as_the_worse_of_its_halves():
    arms = {
        "targeted_a": ended("reached", 0.5, 1.0), "targeted_b": ended("collapsed", 0.5),
        "random_a": ended("reached", 0.5, 1.0), "random_b": ended("unreached", 0.5),
    }  # fmt: skip
    balance = {"random_a": {"matched": True}, "random_b": {"matched": False}}
    made = crossed_record(record(**arms) | {"balance": balance})
    rows = planned_rows(made, [0.5, 1.0]).sort("arm", "dose")
    assert rows.select("arm", "dose", "collapsed", "matched").rows() == [
        ("crossed_random", 0.5, False, False),
        ("crossed_random", 1.0, False, False),
        ("crossed_targeted", 0.5, False, None),
        ("crossed_targeted", 1.0, True, None),
    ]
    assert rows["steps"].to_list() == [3, None, 3, None]


def test_damage_by_question_has_the_mean_of_the_table():
    asked, queries = Asked(), pl.DataFrame({"query_id": QUESTIONS, "task": "one"})
    queries = queries.with_columns(passage=pl.lit(None, pl.String))
    add_evaluation(asked, "x", "t", "y", pl.concat([WORSE.reverse(), BASE]), queries.reverse())
    accuracy, margin = asked.lost["x", "y", "t", "targeted", 5, 0.5]
    assert accuracy.tolist() == [0, 1, 1, 0] and margin.tolist() == [1, 3, 5, 2]
    tasks = pl.DataFrame({"query_id": [f"q{i}" for i in range(12)], "task": list("abcdef") * 2})
    tasks = tasks.with_columns(passage=pl.lit(None, pl.String))
    base = answers("base", 0, 0, [1] * 12, range(12), tasks["query_id"])
    worse = answers("targeted", 5, 0.5, [0] * 6 + [1] * 6, range(12), tasks["query_id"])
    add_evaluation(asked, "x", "t", "z", pl.concat([base, worse]), tasks)
    assert asked.sizes["z"].tolist() == [2] * 6
    assert asked.lost["x", "z", "t", "targeted", 5, 0.5][0].tolist() == [0.5] * 6
