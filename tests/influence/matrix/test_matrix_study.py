"""A study of an existing matrix: its tables hold the published numbers, and nulls for the rest."""

import itertools

import numpy as np
import polars as pl
import pytest

from tests.support import rule_call
from workflow_scripts.benchmarks.definitions import matrix_definitions
from workflow_scripts.common.bin_matrix import Matrix
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS, TOPICS
from workflow_scripts.influence.contrast_draws import exchange_bins, standardise_rows
from workflow_scripts.influence.contrasts.contrasts import contrast_table
from workflow_scripts.influence.maps import compare_maps
from workflow_scripts.influence.matrix import import_matrix
from workflow_scripts.influence.matrix.matrix_bins import matrix_bins
from workflow_scripts.influence.study_maps import StudyMaps

NAMES = ("socialiqa", "mmlu_social_sciences", "arc_challenge", "mmlu_stem")


def cells_of(names):
    """Facts about each column, as the rule file passes them to the comparison."""
    return {
        name: {
            "domain": each.domain,
            "capability": each.capability,
            "answer_form": each.answer_form,
        }
        for name, each in matrix_definitions(list(names)).items()
    }


@pytest.fixture(scope="module")
def finished(published, tmp_path_factory):
    """The published matrix through both rules; a function that reads a table."""
    folder = tmp_path_factory.mktemp("matrix")
    bins = {"table": folder / "bin_influence.parquet"}
    import_matrix.main(rule_call("import_matrix", input={"matrix": str(published)}, output=bins))
    tables = compare_maps.TABLES
    compare_maps.main(
        rule_call(
            "compare_maps",
            input={"bins": str(bins["table"])},
            output={name: folder / f"{name}.parquet" for name in tables},
            params={
                "cells": cells_of(NAMES),
                "contrasts": None,
                "confidence": 0.95,
                "permutations": 999,
                "bootstraps": 999,
                "splits": 99,
                "tasks": None,
                "seed": 42,
            },
        )
    )
    return lambda name: read_table(folder / f"{name}.parquet", f"influence/{name}")


def test_published_correlations_and_what_one_bin_does_to_them(finished):
    table = finished("correlations")
    social = table.filter(benchmark_a="socialiqa")
    pairs = dict(zip(social["benchmark_b"], social["pearson"], strict=True))
    assert pairs["mmlu_social_sciences"] == pytest.approx(0.057, abs=0.01)
    assert pairs["arc_challenge"] == pytest.approx(0.215, abs=0.01)
    assert pairs["mmlu_stem"] == pytest.approx(0.086, abs=0.01)
    assert social["loo_high"].min() == pytest.approx(0.34, abs=0.01)
    assert social["loo_high"].max() == pytest.approx(0.37, abs=0.01)
    assert set(zip(social["loo_topic"], social["loo_format"], strict=True)) == {
        ("literature", "customer_support")
    }
    others = table.filter(pl.col("benchmark_a") != "socialiqa")["pearson"]
    assert others.len() == 3 and others.min() > 0.75 and others.max() < 0.87
    assert table["corrected"].null_count() == 6


def test_published_contrasts_of_topics(finished):
    topics = finished("contrasts").filter(axis="topic")
    largest = topics.sort(pl.col("value").abs(), descending=True)
    reasoning = largest.filter(contrast="reasoning").row(0, named=True)
    knowledge = largest.filter(contrast="knowledge").row(0, named=True)
    assert reasoning["topic"] == "literature"
    assert reasoning["value"] == pytest.approx(0.905, abs=0.01)
    assert abs(knowledge["value"]) == pytest.approx(0.63, abs=0.01)


def test_what_needs_documents_or_questions_is_null_and_the_rest_is_not(finished):
    bins = finished("bin_influence")
    assert bins.height == 4 * 576
    assert bins["n_docs"].sum() == 4 * 5_678_621
    known = {"benchmark", "topic", "format", "n_docs", "influence", "z", "robust_z", "rank"}
    for name in bins.columns:
        assert bins[name].null_count() == (0 if name in known else bins.height), name
    assert np.abs(bins["z"] - bins["influence"]).max() < 1e-3  # the matrix holds z already
    contrasts = finished("contrasts")
    assert contrasts["ci_low"].null_count() == contrasts.height
    tested = contrasts.filter(pl.col("p_value").is_not_null())["axis"].unique().sort()
    assert tested.to_list() == ["format", "topic"]
    assert contrasts["contrast"].unique().sort().to_list() == [
        "difference",
        "knowledge",
        "reasoning",
    ]


def test_bins_that_the_matrix_lacks_are_null_and_hold_no_documents(tmp_path):
    pairs = [("health", "faq"), ("games", "faq"), ("games", "tutorial")]
    values = {
        pair: {"a": float(place), "b": None if place else 1.0} for place, pair in enumerate(pairs)
    }
    table = matrix_bins(Matrix(("a", "b"), values, dict.fromkeys(pairs, 7)))
    write_table(table, tmp_path / "bins.parquet", "influence/bin_influence")
    a = table.filter(benchmark="a", topic="games", format="tutorial").row(0, named=True)
    assert (a["influence"], a["z"], a["robust_z"], a["rank"]) == (
        2.0,
        1.0,
        pytest.approx(1 / 1.4826),
        1,
    )
    absent = table.filter(benchmark="a", topic="health", format="tutorial").row(0, named=True)
    assert absent["n_docs"] == 0 and absent["influence"] is None and absent["rank"] is None
    uncounted = matrix_bins(Matrix(("a",), values, {}))
    write_table(uncounted, tmp_path / "uncounted.parquet", "influence/bin_influence")
    assert uncounted["n_docs"].null_count() == 576


def test_a_column_without_a_definition_takes_part_in_no_contrast():
    cells = cells_of([*NAMES, "chess_puzzles"])
    assert cells["socialiqa"]["domain"] == "social" and cells["chess_puzzles"]["domain"] == ""
    assert matrix_definitions(["chess_puzzles"])["chess_puzzles"].title == "Chess puzzles"
    rng = stream(1, "columns")
    maps = StudyMaps({name: rng.standard_normal(576) for name in cells})
    without = StudyMaps({name: maps.influence[name] for name in NAMES})
    draws = {"confidence": 0.95, "permutations": 99, "seed": 1}
    table = contrast_table(maps, cells, **draws)
    assert table.equals(contrast_table(without, cells_of(NAMES), **draws))


def test_exchanged_bins_agree_with_all_ways_to_exchange_them():
    """Three bins: eight ways, each equally often; sides are standardised again in each."""
    rng = stream(2, "exchanges")
    first, second = standardise_rows(rng.standard_normal((2, 3)))
    first = 0.7 * first  # a side that averages several maps has a smaller spread
    ways = []
    for flips in itertools.product([False, True], repeat=3):
        a, b = np.where(flips, second, first), np.where(flips, first, second)
        z = standardise_rows(np.stack([a, b]))
        ways.append(0.7 * z[0] - z[1])
    draws = exchange_bins([(first, second)], 4000, rng)
    gaps = np.abs(draws[:, None] - np.array(ways)).max(axis=2)
    assert gaps.min(axis=1).max() < 1e-12
    counts = np.bincount(gaps.argmin(axis=1), minlength=8)
    assert counts.min() > 400 and counts.max() < 600


def test_exchanged_bins_find_a_topic_that_differs_and_seldom_one_that_does_not():
    """Maps that share 80% of their variance; at 5%, 60 axes without a contrast have 3 hits."""
    cells = cells_of(NAMES)
    rng = stream(3, "matrix null")
    hits = 0
    for _ in range(30):
        common = 2 * rng.standard_normal(576)
        values = {name: common + rng.standard_normal(576) for name in NAMES}
        table = contrast_table(StudyMaps(values), cells, confidence=0.95, permutations=199, seed=1)
        for axis in ("topic", "format"):
            hits += table.filter(contrast="reasoning", axis=axis)["p_value"].min() <= 0.05
    assert hits <= 8
    values["socialiqa"][:24] += 3.0
    table = contrast_table(StudyMaps(values), cells, confidence=0.95, permutations=199, seed=1)
    for contrast in ("reasoning", "difference"):
        top = (
            table.filter(contrast=contrast, axis="topic")
            .sort("p_value", "topic")
            .row(0, named=True)
        )
        assert top["topic"] == TOPICS[0] and top["p_value"] == pytest.approx(1 / 200)
    assert table.filter(contrast="knowledge", axis="topic")["p_value"].min() > 0.01


def test_a_matrix_takes_configured_contrasts_of_any_columns():
    cells = cells_of(["chess_puzzles", "crosswords", "proofs"])
    wanted = [
        {"name": "games", "plus": ["chess_puzzles", "crosswords"], "minus": ["proofs"]},
        {"name": "play", "plus": ["chess_puzzles"], "minus": ["crosswords"]},
        {"name": "both", "plus": ["games"], "minus": ["play"]},
    ]
    rng = stream(4, "configured matrix")
    maps = StudyMaps({name: rng.standard_normal(576) for name in cells})
    table = contrast_table(maps, cells, 0.95, 99, 1, wanted)
    assert set(table["contrast"]) == {"games", "play", "both"}
    assert table.filter(axis="topic")["p_value"].null_count() == 0
    assert contrast_table(maps, cells, 0.95, 99, 1).height == 0
    # (chess + crosswords) / 2 - proofs - (chess - crosswords)
    z = maps.z(cells, np.ones(576, dtype=bool))
    expected = -0.5 * z[0] + 1.5 * z[1] - z[2]
    found = table.filter(contrast="both", axis="bin")["value"]
    np.testing.assert_allclose(found, expected)


def test_bins_of_the_taxonomy_have_one_order():
    """Contrasts and correlations take bins by place, so the table must come in this order."""
    table = matrix_bins(Matrix(("a",), {pair: {"a": 1.0} for pair in BINS}, {}))
    assert list(zip(table["topic"], table["format"], strict=True)) == list(BINS)
    assert tuple(sorted(BINS)) == BINS


def test_published_map_of_social_reasoning_rests_on_one_bin(finished):
    """One bin holds 44% of the variance; none of the other maps comes near."""
    table = finished("concentration").filter(part="variance")
    rows = {row["benchmark"]: row for row in table.iter_rows(named=True)}
    assert rows["socialiqa"]["top1_share"] == pytest.approx(0.44, abs=0.01)
    top = rows["socialiqa"]["top_topic"], rows["socialiqa"]["top_format"]
    assert top == ("literature", "customer_support")
    assert max(rows[name]["top1_share"] for name in NAMES[1:]) < 0.2


def test_published_matrix_has_shares_marginals_and_mass_without_errors(finished):
    shares = finished("decomposition")
    assert shares.group_by("benchmark").agg(pl.col("share").sum())["share"].to_list() == (
        pytest.approx([1.0] * 4)
    )
    assert shares["net_share"].null_count() == shares.height
    topics = finished("marginals").filter(axis="topic", benchmark="socialiqa")
    assert topics["ci_low"].null_count() == 24
    assert topics["bins_low"].null_count() == 0
    mass = finished("weighted").filter(benchmark="socialiqa")
    assert mass["mass"].sum() == pytest.approx(0, abs=1e-12)
    assert mass["mass_se"].null_count() == 576


def test_published_literature_of_social_reasoning_rests_on_one_bin(finished):
    rows = finished("marginals").filter(benchmark="socialiqa", axis="topic")
    row = rows.filter(topic="literature").row(0, named=True)
    assert row["z"] == pytest.approx(0.58, abs=0.01) and row["loo_low"] < 0
    assert (row["loo_topic"], row["loo_format"]) == ("literature", "customer_support")
    assert row["robust_z"] == pytest.approx(1.17, abs=0.01)
    assert rows["loo_low"].null_count() == 0


def test_published_maps_agree_beyond_what_topics_and_formats_of_their_own_give(finished):
    p = {
        row[:2]: row[2]
        for row in finished("correlations")
        .select("benchmark_a", "benchmark_b", "p_value")
        .iter_rows()
    }
    assert p["mmlu_social_sciences", "mmlu_stem"] == 0.001


def test_matrix_has_pearson_with_an_interval_and_says_that_cross_half_is_unknown(finished):
    table = finished("correlations")
    assert table["cross_half"].null_count() == table.height
    assert set(table["reason"]) == {"an existing matrix has no documents to deal into halves"}
    assert (table["ci_low"] < table["pearson"]).all() and (
        table["pearson"] < table["ci_high"]
    ).all()


def test_ratio_of_the_largest_published_contrasts(finished):
    topics = finished("contrast_extremes").filter(axis="topic")
    found = {row["contrast"]: row for row in topics.iter_rows(named=True)}
    reasoning, knowledge, both = (found[n] for n in ("reasoning", "knowledge", "difference"))
    assert reasoning["value"] == pytest.approx(0.905, abs=0.01)
    assert reasoning["topic"] == "literature"
    assert abs(knowledge["value"]) == pytest.approx(0.63, abs=0.01)
    assert both["ratio"] == pytest.approx(reasoning["value"] / abs(knowledge["value"]))
    assert reasoning["ratio"] is None and knowledge["p_value"] is None
    # No more than exchanged labels give: one map has a wild bin, which every exchange keeps.
    assert both["null_low"] < both["ratio"] < both["null_high"]
    assert both["p_value"] > 0.05
    assert both["ci_low"] is None
    assert finished("contrast_extremes").filter(axis="bin")["p_value"].null_count() == 3


def test_the_published_contrast_of_literature_rests_on_one_bin_and_on_the_scale(finished):
    """+.91 is +.18 without literature x customer support, and then another topic leads."""
    row = finished("contrasts").filter(contrast="reasoning", axis="topic", topic="literature")
    row = row.row(0, named=True)
    assert row["loo_low"] == pytest.approx(0.18, abs=0.01)
    assert (row["loo_topic"], row["loo_format"]) == ("literature", "customer_support")
    largest = finished("contrast_extremes").filter(contrast="reasoning", axis="topic")
    largest = largest.row(0, named=True)
    assert largest["without"] == pytest.approx(row["loo_low"])
    assert largest["without_format"] == "customer_support"
    assert largest["trimmed_topic"] == "education_and_jobs"
    assert abs(largest["trimmed_value"]) > abs(largest["without"])
    # By robust z the literature of all bins still leads, for its one bin is as large there.
    assert row["robust_value"] == pytest.approx(1.42, abs=0.01)
