"""Contrasts: by hand, as published, calibrated, and for other sets of benchmarks."""

import itertools
import logging

import numpy as np
import polars as pl
import pytest

from tests.influence.simulation import grouped
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.influence.contrast_draws import null_p, standardise_rows
from workflow_scripts.influence.contrasts.contrast_plan import plan_contrasts
from workflow_scripts.influence.contrasts.contrasts import axes, contrast_table
from workflow_scripts.influence.contrasts.largest_contrasts import extremes_table
from workflow_scripts.influence.study_maps import StudyMaps, redrawn
from workflow_scripts.influence.uncertainty.resampling import from_components, load, save
from workflow_scripts.influence.uncertainty.variance_components import components

CELLS = {
    f"{domain}_{capability}": {"domain": domain, "capability": capability, "answer_form": "text"}
    for domain, capability in itertools.product(("social", "stem"), ("reasoning", "knowledge"))
}
DRAWS = {"confidence": 0.95, "permutations": 199, "bootstraps": 199, "seed": 1}


def study(rng, *, cells=CELLS, bins=576, folds=8, queries=40, truth=None, cell_sd=1.0, own_sd=0.7):
    """Maps of several benchmarks over the same documents; returns them and the true means.

    Args:
        rng: generator.
        cells: the benchmarks.
        bins: number of bins with documents, the first ones.
        folds: documents of a bin, each its own fold.
        queries: of each benchmark.
        truth: benchmark -> (bins,) true means; drawn where absent.
        cell_sd: deviation in each document x query cell.
        own_sd: deviation of a document's effect on one benchmark alone.
    """
    owner, fold = np.repeat(np.arange(bins), folds), np.tile(np.arange(folds), bins)
    shared = 0.7 * rng.standard_normal(len(owner))
    maps, means = {}, {}
    for name in cells:
        means[name] = 2 * rng.standard_normal(bins) if truth is None else truth[name]
        document = shared + own_sd * rng.standard_normal(len(owner))
        by_query = 2 * rng.standard_normal((bins, queries)) + 0.5 * rng.standard_normal(queries)
        scores = (means[name][owner] + document)[:, None] + by_query[owner]
        scores += cell_sd * rng.standard_normal(scores.shape)
        maps[name] = from_components(components(grouped(owner, fold, scores)))
    return maps, means


def table_of(maps, cells, *, bootstraps, **draws):
    """The contrasts of redrawable maps."""
    return contrast_table(redrawn(maps, bootstraps, draws["seed"]), cells, **draws)


def test_values_are_differences_of_z_averaged_over_topics_and_formats(tmp_path):
    maps, _ = study(stream(1, "values"))
    table = table_of(maps, CELLS, **DRAWS)
    write_table(table, tmp_path / "contrasts.parquet", "influence/contrasts")
    z = {
        name: (m.influence - m.influence.mean()) / m.influence.std(ddof=1)
        for name, m in maps.items()
    }
    reasoning = z["social_reasoning"] - z["stem_reasoning"]
    difference = reasoning - z["social_knowledge"] + z["stem_knowledge"]
    square = {"reasoning": reasoning.reshape(24, 24), "difference": difference.reshape(24, 24)}
    for name, values in square.items():
        for axis, expected in (
            ("bin", values),
            ("topic", values.mean(1)),
            ("format", values.mean(0)),
        ):
            rows = table.filter(contrast=name, axis=axis)
            np.testing.assert_allclose(rows["value"], expected.ravel())
    assert table.filter(axis="topic")["topic"].unique().sort().to_list() == list(TOPICS)
    assert table.filter(axis="topic")["format"].is_null().all()
    assert table.filter(axis="format")["format"].unique().sort().to_list() == list(FORMATS)
    assert not table["confounded"].any()


def test_same_seed_same_table_and_the_order_of_benchmarks_does_not_change_values():
    maps, _ = study(stream(2, "seed"))
    a = table_of(maps, CELLS, **DRAWS)
    assert a.equals(table_of(maps, CELLS, **DRAWS))
    turned = dict(reversed(maps.items()))
    keys = ["contrast", "axis", "topic", "format"]
    b = table_of(turned, CELLS, **DRAWS).sort(keys)
    np.testing.assert_allclose(a.sort(keys)["value"], b["value"])


def test_bins_without_documents_are_null_and_topics_average_the_others():
    maps, _ = study(stream(3, "sparse"), bins=30)
    table = table_of(maps, CELLS, **DRAWS).filter(contrast="reasoning")
    by_bin = table.filter(axis="bin")
    assert by_bin.height == 576 and by_bin["value"].is_null().sum() == 546
    by_topic = table.filter(axis="topic")
    assert by_topic["value"].is_null().to_list() == [False, False] + [True] * 22
    first, second = by_bin["value"][:24].mean(), by_bin["value"][24:30].mean()
    np.testing.assert_allclose(by_topic["value"][:2], [first, second])
    assert by_topic["p_value"].null_count() == 22


def test_two_benchmarks_of_a_cell_are_averaged_as_z():
    cells = CELLS | {"more_social": CELLS["social_reasoning"] | {"answer_form": "letter"}}
    plans = {plan.name: plan for plan in plan_contrasts(cells)}
    assert plans["reasoning"].weights == {
        "social_reasoning": 0.5,
        "more_social": 0.5,
        "stem_reasoning": -1.0,
    }
    assert plans["reasoning"].confounded and plans["difference"].confounded
    assert not plans["knowledge"].confounded
    assert plans["difference"].weights["stem_knowledge"] == 1.0
    maps, _ = study(stream(4, "five"), cells=cells)
    table = table_of(maps, cells, **DRAWS)
    assert table.filter(contrast="reasoning")["confounded"].all()


def test_a_missing_cell_leaves_its_contrasts_out_and_says_so(caplog):
    cells = {name: cell for name, cell in CELLS.items() if name != "stem_knowledge"}
    maps, _ = study(stream(5, "three"), cells=cells)
    with caplog.at_level(logging.INFO, logger="atlas"):
        table = table_of(maps, cells, **DRAWS)
    assert table["contrast"].unique().to_list() == ["reasoning"]
    assert "no contrast knowledge: no stem knowledge benchmark" in caplog.text
    assert "no contrast difference" in caplog.text


def test_without_any_contrast_the_table_is_empty_and_valid(tmp_path):
    cells = {"other": {"domain": "history", "capability": "knowledge", "answer_form": "text"}}
    maps, _ = study(stream(6, "one"), cells=cells)
    table = table_of(maps, cells, **DRAWS)
    write_table(table, tmp_path / "contrasts.parquet", "influence/contrasts")
    assert table.height == 0


def test_null_p_by_hand():
    null = np.array([[1.0, 4.0], [-2.0, 2.0], [1.0, -2.0]])
    p_max, p_unit = null_p(np.array([2.0, 9.0]), null)
    # Draws over their root mean squares: 1, 2, 1 over sqrt 2 and 4, 2, 2 over sqrt 8: the same,
    # so that the largest of each draw is 4, 4, 2 over sqrt 8.
    np.testing.assert_allclose(p_max, [3 / 4, 1 / 4])
    np.testing.assert_allclose(p_unit, [3 / 7, 1 / 7])
    p_max, p_unit = null_p(np.array([1.0, 1.0]), np.array([[0.0, np.nan]]))
    assert np.isnan(p_max).all() and np.isnan(p_unit).all()


def test_a_planted_difference_between_domains_is_found_where_it_is():
    truth = {name: np.zeros(576) for name in CELLS}
    truth["social_reasoning"][:24] = 6.0  # all bins of the first topic
    maps, _ = study(stream(8, "planted"), truth=truth, folds=4, own_sd=0.0)
    table = table_of(maps, CELLS, **DRAWS)
    top = table.filter(contrast="reasoning", axis="topic").sort("p_value", "value")
    assert top["topic"][0] == TOPICS[0] and top["p_value"][0] == pytest.approx(1 / 200)
    assert top["ci_low"].drop_nulls().max() > 0
    knowledge = table.filter(contrast="knowledge", axis="topic")
    assert knowledge["p_value"].min() > 0.05
    difference = table.filter(contrast="difference", axis="topic").sort("p_value", "value")
    assert difference["topic"][0] == TOPICS[0] and difference["q_value"][0] < 0.01


def test_without_a_difference_the_largest_of_an_axis_is_seldom_significant():
    """The same true maps: 3 contrast axes x 25 studies, at 5% expected 3.75; 10 have 0.4%."""
    rng = stream(9, "null")
    hits = 0
    for _ in range(25):
        same = 2 * rng.standard_normal(576)
        maps, _ = study(rng, truth=dict.fromkeys(CELLS, same), folds=4, own_sd=0.0, queries=40)
        table = table_of(maps, CELLS, **(DRAWS | {"permutations": 99, "bootstraps": 99}))
        for axis in ("bin", "topic", "format"):
            hits += table.filter(contrast="reasoning", axis=axis)["p_value"].min() <= 0.05
    assert hits < 10


def test_intervals_cover_the_true_contrast():
    """Over 25 studies: bins 94%, topics 95%, formats 95%; difference 93, 95, 95%."""
    rng = stream(10, "coverage")
    held = {(name, axis): [] for name in ("reasoning", "difference") for axis in ("bin", "topic")}
    matrices = {axis.name: axis.matrix for axis in axes(np.ones(576, bool))}
    for _ in range(10):
        maps, means = study(rng)
        z = {
            name: (means[name] - means[name].mean()) / maps[name].influence.std(ddof=1)
            for name in CELLS
        }
        table = table_of(maps, CELLS, **(DRAWS | {"permutations": 99}))
        reasoning = z["social_reasoning"] - z["stem_reasoning"]
        difference = reasoning - z["social_knowledge"] + z["stem_knowledge"]
        for (name, axis), inside in held.items():
            value = matrices[axis] @ (reasoning if name == "reasoning" else difference)
            rows = table.filter(contrast=name, axis=axis)
            low, high = rows["ci_low"].to_numpy(), rows["ci_high"].to_numpy()
            inside.append((low <= value) & (value <= high))
    for inside in held.values():
        assert 0.91 < np.mean(inside) < 0.98


def test_a_bin_with_one_fold_has_a_contrast_but_no_interval_and_no_p():
    rng = stream(11, "thin")
    owner, fold = np.repeat(np.arange(40), 4), np.tile(np.arange(4), 40)
    fold[owner == 3] = 0
    maps = {
        name: from_components(components(grouped(owner, fold, rng.standard_normal((160, 20)))))
        for name in CELLS
    }
    rows = table_of(maps, CELLS, **DRAWS).filter(contrast="reasoning")
    thin = rows.filter(axis="bin").row(3, named=True)
    assert thin["value"] is not None
    assert thin["p_value"] is None and thin["q_value"] is None and thin["ci_low"] is None
    topics = rows.filter(axis="topic")
    assert topics["ci_low"][0] is None and topics["ci_low"][1] is not None
    assert rows.filter(axis="bin")["ci_low"].null_count() == 576 - 39


def test_contrasts_of_single_documents_have_no_intervals_and_no_p():
    rng = stream(14, "single")
    maps = {
        name: from_components(
            components(grouped(np.arange(30), np.zeros(30, int), rng.standard_normal((30, 20))))
        )
        for name in CELLS
    }
    rows = table_of(maps, CELLS, **DRAWS).filter(axis="bin")
    for column in ("ci_low", "p_value", "q_value"):
        assert rows[column].null_count() == rows.height


def test_documents_that_differ_between_domains_make_no_contrast_of_bins_without_one():
    """Every document leans to one domain, no bin does; exchanged questions alone call them all."""
    rng, folds, called = stream(15, "leaning"), 12, []
    owner, fold = np.repeat(np.arange(200), folds), np.tile(np.arange(folds), 200)
    for _ in range(10):
        level, lean = 2 * rng.standard_normal(200)[owner], rng.standard_normal(len(owner))
        maps = {}
        for name, cell in CELLS.items():
            side = lean if cell["domain"] == "social" else -lean
            scores = (level + side)[:, None] + 0.5 * rng.standard_normal((len(owner), 40))
            maps[name] = from_components(components(grouped(owner, fold, scores)), own=True)
        rows = table_of(maps, CELLS, **DRAWS).filter(contrast="reasoning")
        called += [
            (rows.filter(axis=axis)[column].drop_nulls() < 0.05).any()
            for axis, column in itertools.product(("bin", "topic"), ("p_value", "q_value"))
        ]
    assert np.mean(called) < 0.15


def test_redrawn_noise_has_the_variance_of_the_bin_table():
    rng = stream(12, "redrawn")
    maps, _ = study(rng, bins=40)
    part = maps["social_reasoning"]
    normals = rng.standard_normal((6000, 576, 8))
    noise = part.noise(normals, np.ones((6000, 576)), rng)[:, :40]
    expected = np.maximum(
        part.v_fold + part.v_query - part.v_interaction, np.maximum(part.v_fold, part.v_query)
    )[:40]
    np.testing.assert_allclose(noise.var(axis=0), expected, rtol=0.12)


def test_the_resampling_file_gives_back_what_was_saved(tmp_path):
    maps, _ = study(stream(13, "file"), bins=10, queries=5)
    save(tmp_path / "map.npz", maps["stem_knowledge"])
    back = load(tmp_path / "map.npz")
    for name, value in vars(maps["stem_knowledge"]).items():
        np.testing.assert_array_equal(getattr(back, name), value)


def test_published_topic_contrasts_are_reproduced(published):
    """From the published z maps: literature 0.905 in reasoning, software development -0.632."""
    frame = pl.read_csv(published).sort("topic", "format")
    assert list(zip(frame["topic"], frame["format"], strict=True)) == list(BINS)
    matrix = axes(np.ones(576, bool))[1].matrix
    names = ("socialiqa", "arc_challenge", "mmlu_social_sciences", "mmlu_stem")
    z = standardise_rows(frame.select(names).to_numpy().T)
    reasoning, knowledge = matrix @ (z[0] - z[1]), matrix @ (z[2] - z[3])
    assert reasoning[TOPICS.index("literature")] == pytest.approx(0.905, abs=0.001)
    assert knowledge[TOPICS.index("software_development")] == pytest.approx(-0.632, abs=0.001)


def test_three_benchmarks_and_one_configured_contrast(tmp_path):
    cells = dict.fromkeys(("qa", "recall", "essay"), CELLS["social_reasoning"])
    wanted = [{"name": "form", "plus": ["qa", "recall"], "minus": ["essay"]}]
    maps, _ = study(stream(16, "configured"), cells=cells)
    redrawable = redrawn(maps, 99, 1)
    table = contrast_table(redrawable, cells, 0.95, 99, 1, wanted)
    write_table(table, tmp_path / "contrasts.parquet", "influence/contrasts")
    assert table["contrast"].unique().to_list() == ["form"] and table.height == 576 + 48
    z = redrawable.z(cells, np.ones(576, bool))
    by_bin = table.filter(axis="bin")["value"]
    np.testing.assert_allclose(by_bin, (z[0] + z[1]) / 2 - z[2])
    extremes = extremes_table(redrawable, cells, 0.95, 99, 1, wanted)
    write_table(extremes, tmp_path / "extremes.parquet", "influence/contrast_extremes")
    assert extremes.height == 3 and extremes["ratio"].null_count() == 3
    assert contrast_table(redrawable, cells, 0.95, 99, 1).height == 0
    assert contrast_table(redrawable, CELLS, 0.95, 99, 1, []).height == 0


def test_the_default_contrasts_are_the_configured_ones_of_the_same_sides():
    maps, _ = study(stream(17, "same"))
    wanted = [
        {"name": "reasoning", "plus": ["social_reasoning"], "minus": ["stem_reasoning"]},
        {"name": "knowledge", "plus": ["social_knowledge"], "minus": ["stem_knowledge"]},
        {"name": "difference", "plus": ["reasoning"], "minus": ["knowledge"]},
    ]
    plans, listed = plan_contrasts(CELLS), plan_contrasts(CELLS, wanted)
    assert [(p.weights, p.pairs) for p in plans] == [(p.weights, p.pairs) for p in listed]
    drawn = redrawn(maps, 99, 1)
    own = contrast_table(drawn, CELLS, 0.95, 99, 1)
    assert own.equals(contrast_table(drawn, CELLS, 0.95, 99, 1, wanted))


def test_one_bin_left_out_is_the_contrast_of_a_study_without_it():
    rng = stream(18, "left out")
    influence = {name: rng.standard_normal(576) for name in CELLS}
    influence["social_reasoning"][3] = 40.0
    rows = contrast_table(StudyMaps(influence), CELLS, 0.95, 99, 1).filter(contrast="reasoning")
    row = rows.filter(axis="topic").row(0, named=True)
    assert (row["loo_topic"], row["loo_format"]) == BINS[3]
    less = {name: np.where(np.arange(576) == 3, np.nan, v) for name, v in influence.items()}
    without = contrast_table(StudyMaps(less), CELLS, 0.95, 99, 1)
    value = without.filter(contrast="reasoning", axis="topic")["value"][0]
    assert row["loo_low"] == pytest.approx(value) and row["value"] - value > 0.5
    assert rows.filter(axis="bin")["loo_low"].null_count() == 576


def test_one_large_bin_does_not_move_the_scale_of_the_robust_contrast():
    rng = stream(19, "robust")
    influence = {name: rng.standard_normal(576) for name in CELLS}
    calm = contrast_table(StudyMaps(influence), CELLS, 0.95, 99, 1)
    wild = {name: values.copy() for name, values in influence.items()}
    wild["social_reasoning"][3] = 400.0
    moved = contrast_table(StudyMaps(wild), CELLS, 0.95, 99, 1)
    at = {"contrast": "reasoning", "axis": "format", "format": FORMATS[5]}
    robust = [table.filter(**at)["robust_value"][0] for table in (calm, moved)]
    plain = [table.filter(**at)["value"][0] for table in (calm, moved)]
    assert robust[0] == pytest.approx(robust[1], abs=0.01)
    assert abs(plain[0] - plain[1]) > 0.03
