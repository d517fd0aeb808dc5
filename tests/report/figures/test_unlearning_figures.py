"""Figures of unlearning: curves by hand, and drawings of studies with little in them."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tests.support import Named, rule_call
from tests.unlearning.made_up import TESTS, asked_of, effect, effects_frame, random_effects
from workflow_scripts.common.files import write_json
from workflow_scripts.common.tables import polars_schema, write_table
from workflow_scripts.report.figures import plot_unlearning
from workflow_scripts.report.figures.unlearning_tables import (
    damage_matrix,
    margin_curves,
    paired_effects,
)
from workflow_scripts.unlearning.arms import ARMS
from workflow_scripts.unlearning.effects.arm_tests import test_table

TITLES = {"x": "First benchmark", "y": "Second benchmark"}
FIGURES = ("curves", "pairs", "matrix", "response")
KINDS = ("png", "svg", "csv")
make_table = test_table
del test_table  # pytest would take it for a test


def tests_of(effects, settings):
    return make_table(effects, asked_of(effects), settings)


tests_of.__test__ = False


def history(*arms):
    """Rows of history: (arm, [(step, rise, margin), ...])."""
    rows = [
        {
            "arm": arm, "step": step, "forget_loss": 1 + rise, "forget_rise": rise,
            "retain_rise": None, "retain_batch_rise": 0.0, "margin": margin, "dose": None,
        }
        for arm, points in arms
        for step, rise, margin in points
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=polars_schema("unlearning/history"), orient="row")


def curve(histories, collapsed=frozenset(), max_rise=1.0):
    return margin_curves(histories, set(collapsed), max_rise, 0.95)


def at(table, rise, **key):
    rows = table.filter((pl.col("forget_rise") - rise).abs() < 1e-9, **key)
    return rows.row(0, named=True)


def test_margin_lost_is_interpolated_between_measurements():
    """Margin 2 at the start, 1 at a rise of 0.5, 0 at 1; nothing measured at 0.3."""
    points = [(0, 0.0, 2.0), (1, 0.3, None), (2, 0.5, 1.0), (3, 1.0, 0.0)]
    table = curve({("x", "t", 1): history(("targeted", points))})
    for rise, lost in ((0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.75, 1.5), (1.0, 2.0)):
        assert at(table, rise)["damage_margin"] == pytest.approx(lost)
    assert table["ci_low"].null_count() == table.height  # one topic has no interval


def test_a_curve_ends_where_its_run_did():
    table = curve({("x", "t", 1): history(("targeted", [(0, 0.0, 2.0), (2, 0.5, 1.0)]))})
    assert table["forget_rise"].max() == pytest.approx(0.5)


def test_seeds_are_averaged_within_topics_and_topics_then():
    """t0: seeds lose 1 and 3, mean 2; t1: 6. Mean over topics 4, not that over runs."""

    def run(lost):
        return history(("random", [(0, 0.0, 0.0), (1, 1.0, -lost)]))

    table = curve({("x", "t0", 1): run(1), ("x", "t0", 2): run(3), ("x", "t1", 1): run(6)})
    row = at(table, 1.0, arm="random")
    assert (row["n_topics"], row["damage_margin"]) == (2, pytest.approx(4))
    interval = stats.ttest_1samp([2, 6], 0).confidence_interval(0.95)
    assert row["ci_low"] == pytest.approx(interval.low)
    assert row["ci_high"] == pytest.approx(interval.high)


def test_collapsed_arms_are_left_out_of_the_curves():
    def run(lost):
        rows = [(0, 0.0, 0.0), (1, 1.0, -lost)]
        return history(("targeted", rows), ("random", rows))

    histories = {("x", "t0", 1): run(1), ("x", "t1", 1): run(9)}
    table = curve(histories, {("x", "t1", 1, "targeted")})
    assert at(table, 1.0, arm="targeted")["damage_margin"] == pytest.approx(1)
    assert at(table, 1.0, arm="random")["damage_margin"] == pytest.approx(5)


def test_a_step_back_does_not_fold_the_curve():
    """The rise falls from 0.6 to 0.4: what was reached stays 0.6."""
    points = [(0, 0.0, 0.0), (1, 0.6, -1.0), (2, 0.4, -1.0), (3, 1.0, -2.0)]
    table = curve({("x", "t", 1): history(("targeted", points))})
    lost = table["damage_margin"].to_numpy()
    assert (np.diff(lost) >= -1e-12).all()


def test_pairs_and_matrix_are_the_numbers_of_the_effects():
    effects = random_effects(["t0", "t1"], seeds=(1,))
    pairs = paired_effects(effects, 1.0)
    assert pairs.height == 4 and pairs["matched"].all()
    row = pairs.filter(target="x", topic="t1").row(0, named=True)
    for arm in ("targeted", "random", "bottom"):
        own = effects.filter(target="x", evaluated="x", topic="t1", arm=arm, dose=1.0)
        assert row[arm] == own["damage_accuracy"][0]
    matrix = damage_matrix(tests_of(effects, TESTS), 1.0)
    assert matrix.height == 8
    cell = matrix.filter(target="x", evaluated="y", arm="targeted").row(0, named=True)
    rows = effects.filter(target="x", evaluated="y", arm="targeted", dose=1.0)
    assert cell["median"] == pytest.approx(rows["damage_accuracy"].median())


class Outputs(Named):
    """Outputs that are found by name, as Snakemake's are."""

    def __getitem__(self, name):
        return vars(self)[name]


def responses(effects):
    """A table of dose responses of these adapters; null where one collapsed."""
    keys = ["target", "evaluated", "topic", "arm", "seed", "dose"]
    rng = np.random.default_rng(3)
    table = effects.select(*keys, "collapsed").with_columns(
        spearman=pl.Series(rng.uniform(-0.5, 0.9, effects.height)), n_topics=1
    )
    table = table.with_columns(spearman=pl.when(~pl.col("collapsed")).then("spearman"))
    own = table.filter(pl.col("target") != "control").drop_nulls("spearman")
    mean = own.group_by("target", "evaluated", "arm", "dose").agg(pl.col("spearman").mean())
    mean = mean.with_columns(topic=pl.lit("all"), ci_low=-0.1, ci_high=0.8, other_topics=0.1)
    both = pl.concat([table.drop("collapsed"), mean], how="diagonal")
    schema = polars_schema("unlearning/dose_response")
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in schema.items() if n not in both.columns]
    return both.with_columns(*absent, n_topics=pl.lit(1)).with_columns(reason=pl.lit(""))


def draw(folder, effects, out, collapsed=(), targets=("x", "y")):
    """Write a study of these effects and run the rule."""
    folder.mkdir(parents=True, exist_ok=True)
    write_table(effects, folder / "effects.parquet", "unlearning/effects")
    write_table(tests_of(effects, TESTS), folder / "tests.parquet", "unlearning/tests")
    write_table(responses(effects), folder / "dose_response.parquet", "unlearning/dose_response")
    write_json(folder / "cautions.json", [])
    runs = effects.filter(pl.col("target") != "control").select("target", "topic", "seed")
    paths = []
    for target, topic, seed in runs.unique().sort("target", "topic", "seed").rows():
        place = folder / "unlearning" / target / topic / f"seed{seed}"
        points = [(0, 0.0, 0.5), (1, 0.5, 0.3), (2, 1.0, -0.2 * seed)]
        arms = ("targeted", "random", "bottom")
        write_table(
            history(*((arm, points) for arm in arms)),
            place / "history.parquet",
            "unlearning/history",
        )
        states = {arm: {"state": "collapsed" if arm in collapsed else "reached"} for arm in arms}
        write_json(
            place / "run.json", {"topic": topic, "seed": seed, "balance": {}, "arms": states}
        )
        paths.append(str(place / "run.json"))
    call = rule_call(
        "plot_unlearning",
        input={
            "effects": str(folder / "effects.parquet"),
            "tests": str(folder / "tests.parquet"),
            "dose_response": str(folder / "dose_response.parquet"),
            "cautions": str(folder / "cautions.json"),
            "runs": paths,
            "histories": [path.replace("run.json", "history.parquet") for path in paths],
        },
        params={
            "benchmarks": list(TITLES),
            "titles": list(TITLES.values()),
            "targets": list(targets),
            "doses": [0.5, 1.0],
            "confidence": 0.95,
        },
    )
    call.output = Outputs(
        **{f"{name}_{kind}": str(out / f"{name}.{kind}") for name in FIGURES for kind in KINDS}
    )
    plot_unlearning.main(call)
    assert len(list(out.iterdir())) == 12
    assert all(path.stat().st_size > 5_000 for path in out.glob("*.[ps][nv]g"))
    return out


def test_figures_are_the_same_bytes_on_a_second_run(tmp_path):
    effects = random_effects([f"t{i}" for i in range(3)])
    first, second = (draw(tmp_path / "study", effects, tmp_path / n) for n in "ab")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_tables_beside_the_figures_hold_what_is_drawn(tmp_path):
    effects = random_effects(["t0", "t1"])
    out = draw(tmp_path / "study", effects, tmp_path / "out")
    assert pl.read_csv(out / "pairs.csv").height == 8
    curves = pl.read_csv(out / "curves.csv")
    # Seeds end at a margin of -0.2 and -0.4: 0.8 lost on average.
    assert at(curves, 1.0, target="x", arm="bottom")["damage_margin"] == pytest.approx(0.8)


def test_every_arm_that_was_run_is_drawn(tmp_path):
    effects = random_effects(["t0", "t1"], arms=ARMS)
    out = draw(tmp_path / "study", effects, tmp_path / "out")
    assert set(ARMS) < set(pl.read_csv(out / "pairs.csv").columns)


def test_figures_leave_out_a_dose_at_which_arms_lie_at_chance(tmp_path):
    """Topics cannot differ there: the matrix holds the lower dose."""
    effects = random_effects(["t0", "t1", "t2"]).with_columns(at_floor=pl.col("dose") == 1.0)
    out = draw(tmp_path / "study", effects, tmp_path / "out")
    matrix = pl.read_csv(out / "matrix.csv")
    low = damage_matrix(tests_of(effects, TESTS), 0.5)
    assert sorted(matrix["median"]) == pytest.approx(sorted(low["median"]), abs=1e-5)


def test_cross_fitted_runs_are_told_beside_the_pairs(tmp_path):
    rows = [
        effect("x", topic, f"crossed_{arm}", 1, damage, dose=dose)
        for topic in ("t0", "t1")
        for arm, damage in (("targeted", 0.3), ("random", 0.1))
        for dose in (0.5, 1.0)
    ]
    effects = pl.concat([random_effects(["t0", "t1"]), effects_frame(rows)])
    out = draw(tmp_path / "study", effects, tmp_path / "out")
    assert "crossed_targeted" not in pl.read_csv(out / "pairs.csv").columns
    assert "cross-fitted" in (out / "pairs.svg").read_text()


def test_one_topic_and_one_seed_are_drawn(tmp_path):
    draw(tmp_path / "study", random_effects(["t0"], seeds=(1,)), tmp_path / "out")


def test_unmatched_pairs_alone_are_drawn(tmp_path):
    effects = random_effects(["t0", "t1"]).with_columns(
        matched=pl.when(arm="random").then(False).otherwise("matched")
    )
    draw(tmp_path / "study", effects, tmp_path / "out")


def lost(effects, condition):
    """These effects with the rows of ``condition`` collapsed."""
    gone = [
        pl.when(condition).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("damage_accuracy", "damage_margin", "forget_rise", "retain_rise", "steps")
    ]
    return effects.with_columns(*gone, collapsed=condition)


def test_single_collapsed_runs_leave_gaps_and_no_error(tmp_path):
    effects = random_effects(["t0", "t1", "t2"])
    broken = lost(effects, (pl.col("topic") == "t1") & (pl.col("arm") == "random"))
    draw(tmp_path / "study", broken, tmp_path / "out")


def test_an_arm_that_collapsed_everywhere_leaves_its_place_empty(tmp_path):
    broken = lost(random_effects(["t0", "t1"]), pl.col("arm") == "bottom")
    draw(tmp_path / "study", broken, tmp_path / "out", collapsed=("bottom",))


def test_a_target_without_any_run_at_the_largest_dose_is_drawn_empty(tmp_path):
    effects = random_effects(["t0", "t1"])
    broken = lost(effects, (pl.col("target") == "y") & (pl.col("dose") == 1.0))
    draw(tmp_path / "study", broken, tmp_path / "out")


def test_a_study_whose_runs_all_collapsed_is_drawn_empty(tmp_path):
    broken = lost(random_effects(["t0", "t1"]), pl.lit(True))
    draw(tmp_path / "study", broken, tmp_path / "out", collapsed=("targeted", "random", "bottom"))


def test_the_control_is_drawn_beside_the_arms(tmp_path):
    control = effects_frame(
        [
            effect("control", "control", "control", seed, 0.1, evaluated=name, dose=dose)
            for seed in (1, 2)
            for name in TITLES
            for dose in (0.5, 1.0)
        ]
    )
    effects = pl.concat([random_effects(["t0", "t1"]), control])
    out = draw(tmp_path / "study", effects, tmp_path / "out")
    assert set(pl.read_csv(out / "matrix.csv")["target"]) == {"x", "y"}


def test_benchmarks_that_were_only_evaluated_get_no_row(tmp_path):
    effects = random_effects(["t0", "t1"]).filter(target="x")
    out = draw(tmp_path / "study", effects, tmp_path / "out", targets=("x",))
    matrix = pl.read_csv(out / "matrix.csv")
    assert set(matrix["target"]) == {"x"} and set(matrix["evaluated"]) == {"x", "y"}
