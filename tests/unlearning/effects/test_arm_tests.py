"""Tests of damage against scipy and hand formulas; who takes part in them."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

from tests.unlearning.made_up import TESTS, asked_of, effect, effects_frame, random_effects
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.unlearning.arms import ARMS
from workflow_scripts.unlearning.effects.arm_tests import test_table, wilcoxon
from workflow_scripts.unlearning.effects.pairs import (
    CONTRASTS,
    OF_MATCHED,
    dose_text,
    paired,
    shown_dose,
    usable,
)
from workflow_scripts.unlearning.effects.power import detectable, spread_of_topic
from workflow_scripts.unlearning.effects.registration import with_primary
from workflow_scripts.unlearning.effects.selectivity import selectivity_table as selectivity_of
from workflow_scripts.unlearning.effects.two_way import estimate, share_floor

EIGHT = [f"t{i}" for i in range(8)]
KEY = {"target": "x", "evaluated": "x", "measure": "accuracy", "dose": 1.0}
FLOOR = share_floor(40)
# test_table is a function of the code under test; pytest would take it for a test.
make_table = test_table
del test_table


NAMED = {
    "benchmarks": ["x", "y"], "contrast": "targeted-random", "measure": "accuracy", "dose": 1.0,
}  # fmt: skip


def tested(effects, settings=TESTS, spread=0.0):
    """The tests of effects in which every question loses the same, but for ``spread``."""
    return make_table(effects, asked_of(effects, spread), settings)


tested.__test__ = False


def selectivity_table(effects, settings=TESTS):
    return selectivity_of(effects, asked_of(effects), settings)


@pytest.fixture(scope="module")
def effects():
    return random_effects(EIGHT, doses=(1.0,))


@pytest.fixture(scope="module")
def table(effects):
    return tested(effects, TESTS)


@pytest.fixture(scope="module")
def one_cell(effects):
    """The two arms of the primary test, on one benchmark."""
    return effects.filter(pl.col("arm") != "bottom", target="x", evaluated="x")


def cell(table, contrast="targeted-random", pairs="all", **key):
    return table.filter(contrast=contrast, pairs=pairs, **(KEY | key)).row(0, named=True)


def topic_means(effects, first="targeted", second="random", evaluated="x", dose=1.0):
    """Mean difference per topic, by hand: (8,) in the order of the topics."""
    rows = effects.filter(target="x", evaluated=evaluated, dose=dose)
    value = {
        (r["topic"], r["arm"], r["seed"]): r["damage_accuracy"] for r in rows.iter_rows(named=True)
    }
    return np.array(
        [np.mean([value[t, first, s] - value[t, second, s] for s in (1, 2)]) for t in EIGHT]
    )


def test_statistics_of_a_margin_whose_questions_all_lose_the_same_are_those_of_topic_means(
    effects, table
):
    means, row = 2 * topic_means(effects), cell(table, measure="margin")
    assert (row["n_topics"], row["n_pairs"], row["note"]) == (8, 16, "")
    assert row["median"] == pytest.approx(np.median(means))
    assert row["mean"] == pytest.approx(means.mean())
    assert row["dz"] == pytest.approx(means.mean() / means.std(ddof=1))
    t_test = stats.ttest_1samp(means, 0)
    assert row["p_t"] == pytest.approx(t_test.pvalue)
    assert (row["se_question"], row["df"]) == (0, pytest.approx(7))
    for name, level in (("mean", 0.95), ("ci90", 0.9)):
        interval = t_test.confidence_interval(level)
        assert row[f"{name}_low"] == pytest.approx(interval.low)
        assert row[f"{name}_high"] == pytest.approx(interval.high)
    assert row["p_wilcoxon"] == pytest.approx(stats.wilcoxon(means).pvalue)
    assert row["ci_low"] <= row["median"] <= row["ci_high"]


def by_hand(means, v_question, confidence=0.95, v_interaction=0.0, questions=40):
    """Mean, its error over topics and questions, degrees of freedom, p and interval."""
    n = len(means)
    v_topic = means.var(ddof=1) / n
    variance = max(v_topic + v_question - v_interaction, v_topic, v_question)
    df = variance**2 / (v_topic**2 / (n - 1) + (variance - v_topic) ** 2 / (questions - 1))
    se = np.sqrt(variance)
    p = 2 * stats.t.sf(abs(means.mean()) / se, df)
    reach = stats.t.ppf((1 + confidence) / 2, df) * se
    return se, df, p, means.mean() - reach, means.mean() + reach


def test_questions_that_all_topics_share_are_in_the_error():
    """They were left out: a difference of the questions moved every topic alike."""
    effects = random_effects(EIGHT, targets=("x",), doses=(1.0,))
    means = topic_means(effects)
    alone, shared = (cell(tested(effects, spread=spread)) for spread in (0.0, 2.0))
    deviation = asked_of(effects, 2.0).lost["x", "x", "t0", "targeted", 1, 1.0]
    v_question = (2 * (deviation[0] - deviation[0].mean())).var(ddof=1) / 40
    for row, v in ((alone, FLOOR), (shared, v_question)):
        se, df, p, low, high = by_hand(means, v)
        assert row["se"] == pytest.approx(se) and row["df"] == pytest.approx(df)
        assert row["se_question"] == pytest.approx(np.sqrt(v))
        assert row["se_topic"] == pytest.approx(means.std(ddof=1) / np.sqrt(8))
        assert row["p_t"] == pytest.approx(p)
        assert (row["mean_low"], row["mean_high"]) == (pytest.approx(low), pytest.approx(high))
    assert shared["p_t"] > alone["p_t"]
    assert shared["ci_high"] - shared["ci_low"] > alone["ci_high"] - alone["ci_low"]
    # Ranks of topics cannot see it, which is why q is made of the other.
    assert shared["p_wilcoxon"] == alone["p_wilcoxon"] and shared["q_bh"] == shared["p_t"]


def test_question_noise_of_single_topics_is_counted_once():
    """V_topic and V_question both hold it; without V_interaction it would count twice."""
    rng = stream(5, "interaction")
    differences = 0.1 + rng.normal(0, 1, size=(400, 50))
    found = estimate(differences, np.ones(50))
    assert found.variance == pytest.approx(1 / (400 * 50), rel=0.25)


def test_few_topics_do_not_borrow_the_degrees_of_freedom_of_the_questions():
    """Two topics that happen to agree said more than eight that do not."""
    of_questions = stream(7, "few").normal(0.1, 0.5, size=50)
    for n, df in ((2, 1), (5, 4), (6, 49)):
        found = estimate(np.tile(of_questions, (n, 1)), np.ones(50))
        assert found.df == pytest.approx(df)


def test_questions_of_a_task_count_as_one_draw():
    """30 questions of 6 tasks that answer as one: the error is that of 6, not of 30."""
    rng = stream(6, "tasks")
    of_task = rng.normal(0, 0.3, size=6)
    topics = rng.normal(0, 0.01, size=(8, 1))
    clustered = estimate(topics + of_task, np.full(6, 5.0))
    single = estimate(topics + np.repeat(of_task, 5), np.ones(30))
    assert clustered.v_question == pytest.approx(of_task.var(ddof=1) / 6)
    assert clustered.v_question > 4 * single.v_question


def test_the_paired_t_is_that_of_the_two_arms(effects, table):
    arms = [topic_means(effects, arm, arm) for arm in ("targeted", "bottom")]
    assert not np.any(arms)  # an arm against itself
    base = effects.filter(target="x", evaluated="x", dose=1.0)
    first, second = (
        base.filter(arm=arm).group_by("topic").agg(pl.mean("damage_accuracy")).sort("topic")
        for arm in ("targeted", "bottom")
    )
    expected = stats.ttest_rel(first["damage_accuracy"], second["damage_accuracy"]).pvalue
    assert cell(table, "targeted-bottom", measure="margin")["p_t"] == pytest.approx(expected)


def test_an_arm_alone_is_its_damage_against_the_base_model(effects, table):
    rows = effects.filter(target="x", evaluated="x", dose=1.0, arm="bottom")
    means = rows.group_by("topic").agg(pl.mean("damage_accuracy"))["damage_accuracy"]
    assert cell(table, "bottom")["median"] == pytest.approx(means.median())
    assert cell(table, "bottom")["mean"] == pytest.approx(means.mean())


def test_signs_turn_with_the_contrast(one_cell, table):
    turned = {"targeted": "random", "random": "targeted"}
    swapped = tested(one_cell.with_columns(pl.col("arm").replace(turned)), TESTS)
    assert cell(swapped)["median"] == pytest.approx(-cell(table)["median"])
    assert cell(swapped)["mean_low"] == pytest.approx(-cell(table)["mean_high"])
    assert cell(table)["median"] > 0  # targeted was given 0.2 more damage


def test_the_margin_is_tested_on_its_own_column(table):
    """Here damage in margin is twice that in accuracy: same ranks, twice the median."""
    margin = cell(table, measure="margin")
    assert margin["median"] == pytest.approx(2 * cell(table)["median"])
    assert margin["p_wilcoxon"] == pytest.approx(cell(table)["p_wilcoxon"])
    assert margin["p_equivalence"] is None and margin["detectable"] is None


def equivalence(means, margin=0.05):
    return estimate(means[:, None] + np.zeros(40), np.ones(40), 1e-12).p_equivalence(margin)


def test_equivalence_is_two_one_sided_t_tests():
    means = stream(3, "equivalence").normal(0.01, 0.04, size=7)
    above = stats.ttest_1samp(means, -0.05, alternative="greater").pvalue
    below = stats.ttest_1samp(means, 0.05, alternative="less").pvalue
    assert equivalence(means) == pytest.approx(max(above, below))


def test_equivalence_agrees_with_its_interval():
    """Schuirmann: p below 0.05 exactly where the 90% interval lies within the margin."""
    rng = stream(3, "equivalence")
    decided = []
    for _ in range(60):
        means = rng.normal(0.01, 0.04, size=7)
        interval = stats.ttest_1samp(means, 0).confidence_interval(0.9)
        inside = interval.low > -0.05 and interval.high < 0.05
        assert (equivalence(means) < 0.05) == inside
        decided.append(inside)
    assert 5 < sum(decided) < 55


def test_a_clear_difference_is_not_equivalent_and_none_is():
    assert equivalence(np.array([0.2, 0.21, 0.19, 0.2])) > 0.99
    assert equivalence(np.array([0.01, -0.01, 0.0, 0.005])) < 0.01


def test_wilcoxon_of_no_difference_at_all_is_one():
    assert wilcoxon(np.zeros(7)) == 1.0
    values = np.array([0.1, -0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert wilcoxon(values) == pytest.approx(stats.wilcoxon(values).pvalue)


@pytest.mark.parametrize(("n", "tested_by_ranks"), [(5, False), (6, True)])
def test_ranks_need_six_topics(n, tested_by_ranks):
    few = random_effects(EIGHT[:n], targets=("x",), doses=(1.0,)).filter(pl.col("arm") != "bottom")
    row = cell(tested(few, TESTS))
    assert row["n_topics"] == n
    assert (row["p_wilcoxon"] is not None) == tested_by_ranks
    assert bool(row["note"]) != tested_by_ranks
    if not tested_by_ranks:
        assert row["note"].startswith("5 topics, fewer than 6")
    assert row["p_t"] is not None and row["q_bh"] is not None


def test_one_topic_has_a_median_and_no_test():
    row = cell(tested(random_effects(EIGHT[:1]), TESTS))
    assert row["median"] is not None
    assert row["note"].startswith("no interval of the median: 1 topic; no test: one topic; 1 topic")
    for name in ("p_t", "p_wilcoxon", "p_equivalence", "dz", "mean_low", "detectable"):
        assert row[name] is None
    assert row["q_bh"] is None


@pytest.mark.parametrize(("n_topics", "has_interval"), [(1, False), (2, False), (3, True)])
def test_fewer_than_three_topics_have_no_interval_of_the_median(tmp_path, n_topics, has_interval):
    """One topic redrawn gave an interval without width."""
    effects = random_effects(EIGHT[:n_topics])
    table, selectivity = tested(effects, TESTS), selectivity_table(effects, TESTS)
    for frame in (table, selectivity):
        for end in ("ci_low", "ci_high"):
            assert frame[end].is_not_null().all() == has_interval
            assert frame[end].is_null().all() != has_interval
    assert ("no interval" in cell(table)["note"]) != has_interval
    write_table(table, tmp_path / "t.parquet", "unlearning/tests")
    write_table(selectivity, tmp_path / "s.parquet", "unlearning/selectivity")


def test_what_is_left_out_is_counted_by_reason():
    """Of 4 topics x 2 seeds: t0 collapsed, one seed of t1 missed the dose, one of t2 unmatched."""
    topic, seed, random = pl.col("topic"), pl.col("seed"), pl.col("arm") == "random"
    collapsed = (topic == "t0") & (pl.col("arm") == "targeted")
    missed = (topic == "t1") & (seed == 1) & random
    gone = [
        pl.when(collapsed | missed).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("damage_accuracy", "damage_margin", "forget_rise", "retain_rise", "steps")
    ]
    unmatched = (topic == "t2") & (seed == 1) & random
    effects = random_effects(EIGHT[:4], doses=(1.0,)).with_columns(
        *gone, collapsed=collapsed, matched=pl.when(unmatched).then(False).otherwise("matched")
    )
    counts = ("n_pairs", "n_topics", "n_collapsed", "n_unreached", "n_unmatched", "n_topics_out")
    table = tested(effects, TESTS)
    matched, whole, alone = (
        cell(table, pairs="matched"), cell(table), cell(table, contrast="targeted")
    )  # fmt: skip
    assert [matched[name] for name in counts] == [4, 3, 2, 1, 1, 1]
    assert "left out: 2 collapsed, 1 unreached, 1 unmatched" in matched["note"]
    assert "no pair left of 1 topic)" in matched["note"]
    assert [whole[name] for name in counts] == [5, 3, 2, 1, 0, 1]
    assert [alone[name] for name in counts] == [6, 3, 2, 0, 0, 1]


def test_a_cell_whose_runs_all_collapsed_is_a_row_that_says_so():
    effects = random_effects(EIGHT[:3], doses=(1.0,)).with_columns(
        damage_accuracy=None, damage_margin=None, collapsed=True
    )
    row = cell(tested(effects, TESTS))
    assert row["median"] is None and (row["n_topics"], row["n_collapsed"]) == (0, 6)
    assert row["note"] == "no pair is left; left out: 6 collapsed (no pair left of 3 topics)"


@pytest.mark.parametrize("damage", [0.25, 0.1, 0.0])
def test_topics_that_all_agree_are_tested_by_the_error_of_the_questions(damage):
    """Interval and p of equivalence were null there, which a check could take for a pass."""
    rows = [effect("x", topic, "targeted", 1, damage) for topic in EIGHT]
    row = cell(tested(effects_frame(rows), TESTS), "targeted")
    assert (row["median"], row["mean"]) == (pytest.approx(damage), pytest.approx(damage))
    se = np.sqrt(2 / 42**2)
    assert row["se"] == pytest.approx(se) and row["df"] == pytest.approx(39)
    assert row["p_t"] == pytest.approx(2 * stats.t.sf(damage / se, 39))
    reach = stats.t.ppf(0.975, 39) * se
    assert row["mean_low"] == pytest.approx(damage - reach)
    assert row["p_equivalence"] == pytest.approx(stats.t.sf((0.05 - damage) / se, 39), abs=1e-3)
    assert row["dz"] is None


@pytest.mark.parametrize("damage", [0.1, 0.0])
def test_a_margin_that_is_the_same_everywhere_has_no_test_and_says_so(damage):
    rows = [effect("x", topic, "targeted", 1, damage) for topic in EIGHT[:3]]
    row = cell(tested(effects_frame(rows), TESTS), "targeted", measure="margin")
    assert row["p_t"] is None and "no test: no spread" in row["note"]


def at_floor(effects, condition):
    return effects.with_columns(at_floor=condition)


def test_a_cell_whose_arms_lie_at_chance_is_flagged_and_another_dose_is_shown():
    """Topics cannot differ there: at the larger dose two of three targeted runs are at chance."""
    low = (pl.col("arm") == "targeted") & (pl.col("dose") == 1.0) & (pl.col("topic") != "t0")
    effects = at_floor(random_effects(EIGHT[:3], targets=("x",)), low)
    table = tested(effects)
    floors = {dose: cell(table, pairs="matched", dose=dose)["at_floor"] for dose in (0.5, 1.0)}
    assert floors == {0.5: False, 1.0: True}
    assert not cell(table, pairs="matched", measure="margin")["at_floor"]
    assert not cell(table, contrast="bottom-random")["at_floor"]
    assert shown_dose(table) == 0.5 and "at 1 accuracy lies at chance" in dose_text(table)
    clear = tested(random_effects(EIGHT[:3], targets=("x",)))
    assert shown_dose(clear) == 1.0 and "chance" not in dose_text(clear)
    assert shown_dose(tested(at_floor(effects, pl.lit(True)))) == 0.5


def test_pairs_left_out_bound_the_mean():
    """Differences 0.1 and 0.3 known; one of four pairs collapsed, one unmatched."""
    rows = [
        effect("x", "t0", "targeted", 1, 0.1), effect("x", "t0", "random", 1, 0.0),
        effect("x", "t1", "targeted", 1, 0.3), effect("x", "t1", "random", 1, 0.0),
        effect("x", "t2", "targeted", 1, None, collapsed=True),
        effect("x", "t2", "random", 1, 0.0),
        effect("x", "t3", "targeted", 1, 0.9), effect("x", "t3", "random", 1, 0.0, matched=False),
    ]  # fmt: skip
    table = tested(effects_frame(rows))
    row = cell(table, pairs="matched")
    assert (row["n_pairs"], row["n_dropped"]) == (2, 2)
    assert row["mean"] == pytest.approx(0.2)
    assert row["bound_low"] == pytest.approx((0.1 + 0.3 + 2 * 0.1) / 4)
    assert row["bound_high"] == pytest.approx((0.1 + 0.3 + 2 * 0.3) / 4)
    whole = cell(tested(effects_frame(rows[:4])), pairs="matched")
    assert whole["bound_low"] == whole["bound_high"] == pytest.approx(whole["mean"])


def crossed_effects(topics, target="x"):
    rows = []
    for topic in topics:
        rows += [
            effect(target, topic, "targeted", 1, 0.4), effect(target, topic, "random", 1, 0.1),
            effect(target, topic, "crossed_targeted", 1, 0.3),
            effect(target, topic, "crossed_random", 1, 0.1),
        ]  # fmt: skip
    return rows


def test_the_cross_fitted_difference_is_primary_where_a_target_has_it():
    rows = crossed_effects(EIGHT[:3]) + crossed_effects(EIGHT[:3], "y")[:2]
    table = with_primary(tested(effects_frame(rows)), NAMED, {})
    primary = table.filter("primary").select("target", "contrast", "pairs", "measure")
    assert sorted(primary.rows()) == [
        ("x", "cross_fitted", "matched", "accuracy"),
        ("y", "targeted-random", "matched", "accuracy"),
    ]
    named = NAMED | {"contrast": "targeted-low"}
    assert "cross_fitted" not in with_primary(table, named, {}).filter("primary")["contrast"]
    assert cell(table, "cross_fitted", "matched")["mean"] == pytest.approx(0.2)
    assert cell(table, pairs="matched")["mean"] == pytest.approx(0.3)


def test_every_arm_is_set_against_the_targeted_documents():
    """Is influence better than a word match at choosing what to forget?"""
    effects = random_effects(EIGHT[:3], targets=("x",), doses=(1.0,), arms=ARMS)
    table = tested(effects)
    for arm in ARMS[1:]:
        means = [topic_means_of(effects, EIGHT[:3], arm)[0] for arm in ("targeted", arm)]
        assert cell(table, f"targeted-{arm}")["mean"] == pytest.approx(means[0] - means[1])
    matched = table.filter(pairs="matched")["contrast"].unique()
    assert set(matched) == {"targeted-random", "targeted-low"}


def topic_means_of(effects, topics, arm):
    own = effects.filter(pl.col("topic").is_in(topics), arm=arm)
    return own["damage_accuracy"].mean(), own.height


def test_the_detectable_difference_is_the_designs_and_not_the_datas(table):
    spread = spread_of_topic(TESTS.spreads, 8, 2, 40)
    expected = detectable(spread, 8, 0.8)
    found = table.filter(measure="accuracy", pairs="all")["detectable"]
    np.testing.assert_allclose(found, expected)


def test_unmatched_pairs_are_in_all_and_not_in_matched():
    """The bad pair has a difference of 9; the others 0.1."""
    rows = []
    for number, topic in enumerate(EIGHT[:3]):
        rows += [
            effect("x", topic, "targeted", 1, 9.1 if number == 2 else 0.1 + 0.01 * number),
            effect("x", topic, "random", 1, 0.0, matched=number != 2),
        ]
    table = tested(effects_frame(rows), TESTS)
    matched, every = cell(table, pairs="matched"), cell(table, pairs="all")
    assert (matched["n_pairs"], every["n_pairs"]) == (2, 3)
    assert matched["mean"] == pytest.approx(0.105)
    assert every["mean"] == pytest.approx((0.1 + 0.11 + 9.1) / 3)
    assert set(table.filter(pairs="matched")["contrast"]) <= set(OF_MATCHED)


def test_a_cell_without_any_matched_pair_stays_and_says_so():
    rows = [
        effect("x", topic, arm, 1, 0.1, matched=False if arm == "random" else None)
        for topic in EIGHT[:3]
        for arm in ("targeted", "random")
    ]
    row = cell(tested(effects_frame(rows), TESTS), pairs="matched")
    assert (row["n_topics"], row["n_pairs"], row["median"]) == (0, 0, None)
    assert row["note"] == "no pair is left; left out: 3 unmatched (no pair left of 3 topics)"


def test_collapsed_and_unreached_runs_are_never_averaged_in():
    """t1's random run collapsed, t2's targeted one ran out of steps: both pairs are gone."""
    good = [
        effect("x", topic, arm, 1, 0.3 if arm == "targeted" else 0.1)
        for topic in ("t0", "t3")
        for arm in ("targeted", "random")
    ]
    broken = [
        effect("x", "t1", "targeted", 1, 7.0),
        effect("x", "t1", "random", 1, None, collapsed=True),
        effect("x", "t2", "targeted", 1, None),
        effect("x", "t2", "random", 1, 5.0),
    ]
    frame = effects_frame(good + broken)
    assert usable(frame).height == 6
    row = cell(tested(frame, TESTS))
    assert (row["n_topics"], row["median"]) == (2, pytest.approx(0.2))
    # A collapsed row is left out even where it has numbers.
    numbers = frame.with_columns(
        damage_accuracy=pl.col("damage_accuracy").fill_null(50.0),
        damage_margin=pl.col("damage_margin").fill_null(50.0),
    ).filter(pl.col("topic") != "t2")
    assert cell(tested(numbers, TESTS))["median"] == pytest.approx(0.2)


def test_arms_are_compared_at_equal_dose_and_seed():
    rows = [
        effect("x", "t", "targeted", 1, 0.5, dose=1.0),
        effect("x", "t", "random", 1, 0.1, dose=0.5),
        effect("x", "t", "random", 2, 0.1, dose=1.0),
    ]
    assert paired(effects_frame(rows), "targeted-random").is_empty()


def test_the_control_is_compared_with_every_topic_of_its_seed():
    rows = [
        effect("x", "t0", "targeted", 1, 0.5),
        effect("x", "t1", "targeted", 1, 0.3),
        effect("x", "t1", "targeted", 2, 0.4),
        effect("control", "control", "control", 1, 0.1, evaluated="x"),
        effect("control", "control", "control", 2, 0.2, evaluated="x"),
        effect("control", "control", "control", 1, 0.9, evaluated="y"),
    ]
    frame = effects_frame(rows)
    both = paired(frame, "targeted-control").sort("topic", "seed")
    np.testing.assert_allclose(both["damage_accuracy"], [0.4, 0.2, 0.2])
    alone = tested(frame, TESTS).filter(contrast="control", measure="accuracy")
    assert set(alone["target"]) == {"control"} and set(alone["evaluated"]) == {"x", "y"}


def test_q_values_adjust_over_targets_with_off_target_cells_apart(effects, table):
    own = pl.col("target") == pl.col("evaluated")
    for family in (own, ~own):
        for contrast in ("targeted-random", "bottom"):
            rows = table.filter(
                family, contrast=contrast, pairs="all", measure="accuracy", dose=1.0
            )
            assert rows.height == 2
            expected = stats.false_discovery_control(rows["p_t"])
            np.testing.assert_allclose(rows["q_bh"], expected)


def test_q_values_use_the_test_over_topics_and_questions_whatever_the_number_of_topics():
    table = tested(random_effects(EIGHT[:4]), TESTS)
    rows = table.filter(
        pl.col("target") == pl.col("evaluated"),
        contrast="targeted-random", pairs="all", measure="accuracy", dose=1.0,
    )  # fmt: skip
    np.testing.assert_allclose(rows["q_bh"], stats.false_discovery_control(rows["p_t"]))


def test_tables_do_not_depend_on_the_order_of_the_rows(effects, one_cell):
    key = ["target", "evaluated", "contrast", "pairs", "measure", "dose"]
    turned = one_cell.sample(fraction=1.0, shuffle=True, seed=4)
    assert_frame_equal(
        tested(turned, TESTS).sort(key), tested(one_cell, TESTS).sort(key), check_exact=True
    )
    turned = effects.sample(fraction=1.0, shuffle=True, seed=4)
    key = ["target", "arm", "measure", "dose"]
    assert_frame_equal(
        selectivity_table(turned, TESTS).sort(key), selectivity_table(effects, TESTS).sort(key)
    )


def test_the_bootstrap_follows_its_seed_and_covers_more_when_asked(one_cell, table):
    other = cell(tested(one_cell, dataclasses.replace(TESTS, seed=2)))
    assert other["ci_low"] != cell(table)["ci_low"]
    assert other["p_t"] == cell(table)["p_t"]
    narrow = cell(tested(one_cell, dataclasses.replace(TESTS, confidence=0.5)))
    wide = cell(tested(one_cell, dataclasses.replace(TESTS, confidence=0.99)))
    assert wide["ci_low"] <= narrow["ci_low"] <= narrow["ci_high"] <= wide["ci_high"]
    assert wide["ci_high"] - wide["ci_low"] > narrow["ci_high"] - narrow["ci_low"]


def test_a_cells_bootstrap_does_not_depend_on_the_other_cells(one_cell, table):
    alone = tested(one_cell, TESTS)
    same = ("median", "ci_low", "ci_high", "p_t", "p_wilcoxon")
    assert [cell(alone)[k] for k in same] == [cell(table)[k] for k in same]


def test_every_contrast_dose_and_pair_of_benchmarks_has_its_rows(table, tmp_path):
    three = {"targeted", "random", "bottom"}
    made = [
        name for name, (first, second) in CONTRASTS.items() if {first, second or first} <= three
    ]
    # Two targets, two evaluated, two measures; targeted-random twice.
    assert table.height == 8 * (len(made) + 1)
    write_table(table, tmp_path / "tests.parquet", "unlearning/tests")
    assert read_table(tmp_path / "tests.parquet", "unlearning/tests").height == table.height


def selectivity_rows(own, off):
    return effects_frame(
        [
            effect("x", topic, "targeted", 1, value, evaluated=evaluated)
            for topic, values in zip(("t0", "t1", "t2"), zip(own, *off, strict=True), strict=True)
            for evaluated, value in zip(("x", "y", "z"), values, strict=True)
        ]
    )


def test_selectivity_is_own_less_mean_off_target_damage(tmp_path):
    """Per topic: 0.4 - mean(0.2, 0), 0.5 - mean(0.1, 0.3), 0.1 - mean(0.1, 0.1)."""
    frame = selectivity_rows([0.4, 0.5, 0.1], [[0.2, 0.1, 0.1], [0.0, 0.3, 0.1]])
    table = selectivity_table(frame, TESTS)
    row = table.filter(measure="accuracy").row(0, named=True)
    assert row["n_topics"] == 3
    assert row["selectivity"] == pytest.approx(np.median([0.3, 0.3, 0.0]))
    assert row["damage_target"] == pytest.approx(0.4)
    assert row["damage_offtarget"] == pytest.approx(0.1)
    assert row["ci_low"] <= row["selectivity"] <= row["ci_high"]
    write_table(table, tmp_path / "s.parquet", "unlearning/selectivity")


def test_an_off_target_improvement_keeps_its_sign():
    """Own damage 0.1 with the others improved by 0.2 each: selectivity 0.3, not -0.1."""
    frame = selectivity_rows([0.1] * 3, [[-0.2] * 3, [-0.2] * 3])
    row = selectivity_table(frame, TESTS).filter(measure="accuracy").row(0, named=True)
    assert row["damage_offtarget"] == pytest.approx(-0.2)
    assert row["selectivity"] == pytest.approx(0.3)


def test_a_study_of_one_benchmark_has_a_selectivity_table_without_rows(tmp_path):
    table = selectivity_table(random_effects(EIGHT[:2], targets=("x",)), TESTS)
    write_table(table, tmp_path / "s.parquet", "unlearning/selectivity")
    assert read_table(tmp_path / "s.parquet", "unlearning/selectivity").is_empty()


def test_a_study_whose_runs_all_collapsed_has_tests_without_numbers(tmp_path):
    rows = [
        effect("x", "t", arm, 1, None, collapsed=True) for arm in ("targeted", "random", "bottom")
    ]
    write_table(tested(effects_frame(rows), TESTS), tmp_path / "t.parquet", "unlearning/tests")
    table = read_table(tmp_path / "t.parquet", "unlearning/tests")
    assert table["median"].is_null().all() and set(table["n_collapsed"]) == {1}
