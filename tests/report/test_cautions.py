"""Cautions: one list from what the study has, and every picture shows those about it."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from matplotlib.text import Text

from tests.report.conftest import make_bins
from tests.support import rule_call
from tests.validation.conftest import filled_columns
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.report import caution_rules, collect_cautions
from workflow_scripts.report.cautions import KINDS, WARNING, caution, concerning, in_order, own
from workflow_scripts.report.figures.capability_map import BenchmarkFacts, draw_map
from workflow_scripts.report.figures.grid import colour_scale, grid
from workflow_scripts.report.style import add_foot, style

NAMES = {"guessed": "Guessed", "known": "Known"}
ONE_SITE, ALIKE, LONE = 5, 9, 20


def put(folder, name, table, frame):
    path = folder / f"{name}.parquet"
    write_table(filled_columns(table, frame), path, table)
    return str(path)


def make_bin_table():
    """Two maps of 576 bins; the bin of one site stands out from the second one."""
    rows = pl.DataFrame(BINS, schema=["topic", "format"], orient="row").with_row_index("bin")
    q = pl.when(pl.col("bin") == ONE_SITE).then(0.01).otherwise(0.9)
    frames = [
        rows.select(
            "topic",
            "format",
            benchmark=pl.lit(name),
            n_docs=pl.lit(8),
            rank=pl.col("bin").cast(pl.Int64) + 100,
            q_unusual=q if name == "known" else pl.lit(0.9),
        )
        for name in NAMES
    ]
    return pl.concat(frames)


def make_summary():
    rows = pl.DataFrame(BINS, schema=["topic", "format"], orient="row").with_row_index("bin")

    def share(bins):
        return pl.when(pl.col("bin").is_in(bins)).then(0.75).otherwise(0.1)

    return rows.select(
        "topic",
        "format",
        n_sampled=pl.when(pl.col("bin") == LONE).then(1).otherwise(8),
        largest_site_share=share([ONE_SITE, LONE]),
        near_duplicate_share=share([ALIKE]),
        share_truncated=share([1, 2, 3]),
    )


def make_reliability():
    rows = [
        ("guessed", "documents", 0.31, None),
        ("guessed", "questions", 0.9, None),
        ("known", "documents", 0.5, None),
        ("known", "questions", None, "fewer than two questions"),
    ]
    schema = ["benchmark", "over", "corrected", "reason"]
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Inputs of the rule: of 20 questions with four choices 8 right are guessed, 10 are not."""
    folder = tmp_path_factory.mktemp("cautions")
    ids = pl.DataFrame({"query_id": [f"q{i:02d}" for i in range(20)]})
    source = {"answers": [], "queries": [], "results": []}
    for name, right in (("guessed", 8), ("known", 10)):
        answers = ids.with_columns(correct=pl.Series(np.arange(20) < right))
        queries = ids.with_columns(choices=pl.lit(["a", "b", "c", "d"]))
        source["answers"].append(put(folder, f"a_{name}", "benchmarks/answers", answers))
        source["queries"].append(put(folder, f"q_{name}", "benchmarks/queries", queries))
        path = str(folder / f"{name}.json")
        write_json(path, {"n_questions": 20, "questions_cut": 3 * (name == "known")})
        source["results"].append(path)
    source["bins"] = put(folder, "bins", "influence/bin_influence", make_bin_table())
    source["summary"] = put(folder, "summary", "corpus/bin_summary", make_summary())
    source["reliability"] = put(folder, "rel", "influence/reliability", make_reliability())
    source["contract"], source["check"] = str(folder / "contract.json"), str(folder / "check.json")
    malformed = {"empty_text": {"count": 7}, "unknown_topic": {"count": 2}}
    write_json(source["contract"], {"rows_read": 1000, "malformed": malformed})
    write_json(source["check"], {"tokens": {"bos_token": 1, "eos_token": 2, "in_front": []}})
    return folder, source


def collected(folder, source, titles=NAMES):
    path = folder / "report" / "cautions.json"
    params = {"benchmarks": list(titles), "titles": list(titles.values())}
    call = rule_call(
        "collect_cautions", input=source, output={"cautions": str(path)}, params=params
    )
    collect_cautions.main(call)
    return read_json(path)


def test_every_kind_is_found_once_with_what_it_concerns(study):
    cautions = collected(*study)
    found = [(one["kind"], one["severity"], one["concerns"]["benchmarks"]) for one in cautions]
    assert found == [
        ("near_chance", "warning", ["guessed"]),
        ("unreliable_map", "warning", ["guessed"]),
        ("questions_cut", "warning", ["known"]),
        ("special_tokens", "warning", None),
        ("one_site", "warning", ["known"]),
        ("reliability_unknown", "note", ["known"]),
        ("left_out_rows", "note", None),
        ("left_out_rows", "note", None),
        ("one_site", "note", None),
        ("near_duplicates", "note", None),
        ("documents_cut", "note", None),
    ]
    assert set(KINDS) == {kind for kind, _, _ in found}
    assert not any("\n" in one["text"] for one in cautions)
    words = "\n".join(one["text"] for one in cautions)
    for part in (
        "40% of 20 questions correctly, which cannot be told from chance (25%)",
        "halves of the documents hardly agree (reliability 0.31 of 1)",
        "Pearson's r with other maps, which score the same documents, is then mostly shared noise",
        "3 of 20 questions (15%)",
        "7 rows of the corpus left out: empty text, 0.7% of all",
        # A bin of a single document has one site, and is no caution.
        "1 bin of 576: more than half of the documents come from one site",
        "75% of its 8 documents come from one site",
        "3 bins of 576: more than half of the documents were cut",
    ):
        assert part in words, part
    place = next(one["concerns"] for one in cautions if one["kind"] == "one_site")
    assert (place["topic"], place["format"]) == BINS[ONE_SITE]


def test_the_list_does_not_depend_on_the_order_in_which_things_were_found(study):
    cautions = collected(*study)
    assert in_order(cautions) == cautions == collected(*study)


def test_a_study_of_a_matrix_has_a_list_too(study, tmp_path):
    assert collected(tmp_path, {"bins": study[1]["bins"]}) == []


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ({"bos_token": 1, "eos_token": 2, "in_front": [{"id": 1, "token": "<s>"}]}, []),
        ({"bos_token": 0, "eos_token": 0, "in_front": []}, []),
        ({"bos_token": None, "eos_token": 2, "in_front": []}, []),
        ({"bos_token": 1, "eos_token": 2, "in_front": []}, ["(id 1) and puts none"]),
        ({"left_out_behind": [{"id": 2, "token": "</s>"}]}, ["ends every text with </s>"]),
        ({}, []),
    ],
)
def test_tokens_at_the_ends_of_a_text_are_a_caution_where_they_may_be_missed(tokens, words):
    found = caution_rules.special_tokens({"tokens": tokens})
    assert len(found) == len(words)
    assert all(word in one["text"] for word, one in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("row", "severity", "concerns", "words"),
    [
        (
            {"reason": "unknown_topic", "label": "games", "rows": 3, "share_of_label": 0.5,
             "share_of_all": 0.001, "caution": True},
            "warning", {"topic": "games"}, "(Games): unknown topic, 0.1% of all, 50% of Games",
        ),
        (
            {"reason": "empty_text", "label": None, "rows": 1200, "share_of_all": 0.2},
            "note", {}, "1,200 rows of the corpus left out: empty text, 20% of all",
        ),
        (
            {"reason": "x", "label": "gaming", "rows": 1, "caution": "In words."},
            "warning", {}, "In words.",
        ),
    ],
)  # fmt: skip
def test_rows_left_out_are_named_by_reason_and_label(row, severity, concerns, words):
    (one,) = caution_rules.left_out_rows({"left_out": [row]})
    assert one["severity"] == severity and words in one["text"]
    assert one["concerns"] == {"benchmarks": None} | concerns


def test_what_concerns_all_concerns_each_and_what_names_one_concerns_it_alone():
    cautions = [
        caution("left_out_rows", WARNING, "all"),
        caution("near_chance", WARNING, "a", ["a"]),
        caution("one_site", WARNING, "b", ["a", "b"]),
    ]
    assert [one["text"] for one in concerning(cautions, ["b"])] == ["all", "b"]
    assert [one["text"] for one in own(cautions, ["b"])] == ["b"]
    assert [one["text"] for one in concerning(cautions, ["c"])] == ["all"]


@pytest.mark.parametrize("filled", [range(576), range(64), range(5), [7]])
def test_cautions_stand_below_all_that_is_drawn_and_inside_the_picture(filled):
    bins = make_bins(filled).filter(benchmark="social_reasoning")
    with style():
        facts = BenchmarkFacts("Social reasoning", 20, 0.3, 0.25)
        figure = draw_map(bins, facts, colour_scale(grid(bins, "z")), guessed=True)
        above = [*figure.axes, *figure.texts, *figure.legends]
        box = add_foot(figure, ["A long caution about this map. " * 15, "Another one."] * 6)
        figure.draw_without_rendering()
        foot = figure.texts[len([one for one in above if isinstance(one, Text)]) :]
        lowest = min(one.get_tightbbox().y0 for one in above if one.get_tightbbox() is not None)
        extents = [text.get_window_extent() for text in foot]
    assert "cannot be told from chance, 25%" in "".join(text.get_text() for text in figure.texts)
    assert foot[0].get_text() == "Read with caution"
    assert foot[-1].get_text().endswith("4 more cautions stand in report/cautions.json")
    assert max(extent.y1 for extent in extents) < lowest
    assert all(a.y0 >= b.y1 - 1 for a, b in pairwise(extents))
    assert min(extent.y0 for extent in extents) > box.y0 * figure.dpi
    assert max(extent.x1 for extent in extents) < box.x1 * figure.dpi
