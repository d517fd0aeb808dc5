"""The verdict of a study on hand-made tables: passed, failed, missing, not applicable."""

import polars as pl
import pytest

from workflow_scripts.common.files import file_digest
from workflow_scripts.common.provenance import write_sidecar
from workflow_scripts.common.tables import conform, write_table
from workflow_scripts.validation.verdict.applicable import absent_checks, why_no_retraining
from workflow_scripts.validation.verdict.exactness import compare_with_documents
from workflow_scripts.validation.verdict.verdict import Bar, Check, failures, render, verdict_table
from workflow_scripts.validation.verdict.verdict_checks import Findings, all_lines, full_dose_called

CHECKS = {
    "scorers": ["tfidf", "bm25"],
    "untrained": True,
    "shuffled": True,
    "leakage_ngram": 13,
    "projection": True,
}
NOT_RUN = {"lds": "not run"}


def planted_row(benchmark, scorer, against=0.5, **values):
    row = {
        "benchmark": benchmark,
        "scorer": scorer,
        "n_support": 4,
        "n_contradiction": 2,
        "auroc_support": 0.99,
        "auroc_support_low": 0.9,
        "auroc_support_vs_contradiction_low": 0.3,
        "ap_support": 0.9,
        "auroc_support_vs_contradiction": against,
        "contradiction_sign": 1.0,
        "dose_spearman": 0.8,
        "n_unusual": 3,
        "false_discovery_share": 0.0,
        "power": 0.5,
    }
    return row | values


def good_tables():
    """A study of two benchmarks and two bins that meets every bar."""
    names = ["a", "b"]
    planted = [planted_row(name, "trackstar", 1.0) for name in names]
    planted += [planted_row(n, scorer) for n in names for scorer in ("tfidf", "bm25", "untrained")]
    bins = {"topic": ["games", "health"] * 2, "format": ["faq"] * 4}
    benchmark = {"benchmark": ["a", "a", "b", "b"]}
    explained = [
        {"benchmark": n, "scorer": "tfidf", "n_scorers": 1, "r2": 0.2, "r2_adjusted": 0.1,
         "r2_of_reliable": 0.2}
        for n in names
    ]  # fmt: skip
    leaks = [("a", "questions", 3, None), ("a", "documents", 5, 0.9)]
    return {
        "planted": pl.DataFrame(planted),
        "truth": pl.DataFrame(
            benchmark | bins | {"role": ["support", "neutral"] * 2, "dose": [1.0, 0.0] * 2}
        ),
        "map": pl.DataFrame(
            benchmark | bins | {"influence": [0.5, 0.1] * 2, "q_unusual": [0.01, 0.9] * 2}
        ),
        "bin_scores": pl.DataFrame(
            {
                "influence": [0.5, 0.1],
                "mean_score": [0.5 + 1e-8, 0.1],
                "n_docs": [4, 0],
                "n_scores": [4, 0],
            }
        ),
        "shuffled": pl.DataFrame({"q_unusual": [0.05, 0.9, None]}),
        "reliability": pl.DataFrame(
            {"over": ["documents", "questions"], "corrected": [0.81, 0.95]}
        ),
        "projection": pl.DataFrame({"pearson": [0.93, 0.9], "pearson_documents": [0.7, 0.6]}),
        "explained": pl.DataFrame(explained),
        "leakage_maps": pl.DataFrame(
            leaks, schema=["benchmark", "removed", "n_removed", "pearson"], orient="row"
        ),
    }


def judge(tables, absent=NOT_RUN, row_dtype="float32", planted=True):
    lines = all_lines(Findings(tables, absent, row_dtype, planted))
    return conform(verdict_table(lines), "verdict.parquet", "validation/verdict")


def line(verdict, words):
    found = verdict.filter(pl.col("measure").str.contains(words, literal=True))
    assert found.height == 1, found["measure"].to_list()
    return found.row(0, named=True)


def test_a_study_that_meets_every_bar_passes_and_each_number_names_its_table():
    verdict = judge(good_tables())
    assert failures(verdict) == []
    assert verdict.filter(state="passed").height == 17
    assert verdict["source"].str.len_chars().min() > 0
    assert verdict.filter(pl.col("low").is_null() & pl.col("high").is_null())[
        "state"
    ].unique().to_list() == ["told"]
    assert line(verdict, "full dose")["value"] == 1.0
    assert line(verdict, "of the map that tfidf")["value"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("table", "column", "value", "words"),
    [
        ("planted", "auroc_support", 0.94, "support above all other bins"),
        ("planted", "auroc_support_vs_contradiction", 0.9, "support above contradiction, AUROC"),
        ("planted", "contradiction_sign", 0.9, "contradiction below the mean"),
        ("planted", "false_discovery_share", 0.3, "false among the bins called"),
        ("map", "q_unusual", 0.2, "full dose"),
        ("bin_scores", "mean_score", 0.3, "largest difference"),
        ("bin_scores", "n_scores", 3, "documents are not all there"),
        ("shuffled", "q_unusual", 0.04, "shuffled over bins"),
        ("reliability", "corrected", 0.79, "other documents"),
        ("projection", "pearson", 0.89, "projection, Pearson of the maps"),
    ],
)
def test_one_value_beyond_its_bar_fails_its_line_and_no_other(table, column, value, words):
    """The first row alone is changed: where the lowest counts, no benchmark hides in a mean."""
    tables = good_tables()
    first = pl.int_range(pl.len()) == 0
    changed = pl.when(first).then(pl.lit(value)).otherwise(pl.col(column))
    tables[table] = tables[table].with_columns(changed.alias(column))
    verdict = judge(tables)
    assert line(verdict.filter(state="failed"), words)["value"] is not None
    (sentence,) = failures(verdict)
    assert words in sentence
    assert "(bar: at" in sentence


def test_scorers_of_words_that_tell_support_from_contradiction_fail_on_either_side():
    tables = good_tables()
    against = pl.col("auroc_support_vs_contradiction")
    for scorer, value, which in (("tfidf", 0.44, "lowest"), ("bm25", 0.56, "highest")):
        one = (pl.col("scorer") == scorer) & (pl.col("benchmark") == "a")
        column = pl.when(one).then(value).otherwise(against)
        planted = tables["planted"].with_columns(auroc_support_vs_contradiction=column)
        (sentence,) = failures(judge(tables | {"planted": planted}))
        assert sentence.startswith(f"{scorer}: ")
        assert which in sentence


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("planted", "dose_spearman", "order of doses"),
        ("planted", "auroc_support", "support above all other bins"),
        ("reliability", "corrected", "other documents"),
        ("projection", "pearson", "projection, Pearson of the maps"),
    ],
)
def test_a_missing_value_fails_its_bar_even_where_other_benchmarks_have_one(table, column, words):
    tables = good_tables()
    first = pl.int_range(pl.len()) == 0
    missing = pl.when(~first).then(pl.col(column))
    tables[table] = tables[table].with_columns(missing.alias(column))
    failed = judge(tables).filter(state="failed")
    assert failed["measure"].str.contains(words, literal=True).all()
    assert failed.height >= 1
    assert failed["value"].null_count() == failed.height == failed["reason"].drop_nulls().len()


def test_a_map_that_calls_no_bin_makes_no_false_discovery_but_finds_no_support():
    tables = good_tables()
    tables["planted"] = tables["planted"].with_columns(
        false_discovery_share=pl.lit(None, dtype=pl.Float64)
    )
    tables["map"] = tables["map"].with_columns(q_unusual=pl.lit(0.5))
    verdict = judge(tables)
    assert line(verdict, "false among the bins called")["value"] == 0
    (sentence,) = failures(verdict)
    assert "full dose" in sentence


def test_a_study_of_own_text_says_not_applicable_for_each_check_of_planted_truth():
    tables = good_tables()
    whole = judge(tables)
    truth = whole.filter(pl.col("source").str.contains("planted|truth"))["measure"].to_list()
    for name in ("planted", "truth"):
        del tables[name]
    absent = NOT_RUN | absent_checks(False, CHECKS, "keep")
    verdict = judge(tables, absent, planted=False)
    skipped = verdict.filter(state="not applicable", reason=absent["planted"])
    assert skipped["measure"].to_list() == truth
    assert len(truth) == 15
    assert verdict["measure"].to_list() == whole["measure"].to_list()
    # Its reliability has no bar: what it can reach depends on how many documents there are.
    assert line(verdict, "other documents")["state"] == "told"
    assert "not planted" in render(verdict)
    assert "16 not applicable to this study" in render(verdict)


def test_checks_that_are_switched_off_are_said_with_the_key_that_does_it():
    off = {
        "scorers": [],
        "untrained": False,
        "shuffled": False,
        "leakage_ngram": 0,
        "projection": False,
    }
    absent = absent_checks(True, off, "discard")
    kept = ("planted", "truth", "map", "reliability", "explained")
    tables = {name: table for name, table in good_tables().items() if name in kept}
    verdict = judge(tables, NOT_RUN | absent)
    assert failures(verdict) == []
    reasons = " ".join(verdict.filter(state="not applicable")["reason"])
    for key in (
        "validation.scorers",
        "validation.untrained",
        "validation.shuffled",
        "validation.leakage_ngram",
        "validation.projection",
        "attribution.rows",
    ):
        assert key in reasons
    assert absent_checks(True, CHECKS, "keep") == {}
    assert "attribution.rows" in absent_checks(True, CHECKS, "discard")["shuffled"]


def test_a_world_without_contradiction_is_not_held_to_its_bars():
    tables = good_tables()
    tables["planted"] = tables["planted"].with_columns(
        n_contradiction=0,
        auroc_support_vs_contradiction=pl.lit(None, dtype=pl.Float64),
        contradiction_sign=pl.lit(None, dtype=pl.Float64),
    )
    verdict = judge(tables)
    assert failures(verdict) == []
    said = verdict.filter(reason="no bin contradicts a benchmark")
    assert said["state"].unique().to_list() == ["not applicable"]
    assert said.height == 8


def test_full_dose_bins_count_where_they_are_called_above_the_median_alone():
    tables = {
        "truth": pl.DataFrame(
            {
                "benchmark": "a",
                "topic": ["games", "health", "art_and_design", "politics"],
                "format": "faq",
                "role": ["support", "support", "support", "contradiction"],
                "dose": [1.0, 1.0, 0.5, 1.0],
            }
        ),
        "map": pl.DataFrame(
            {
                "benchmark": "a",
                "topic": ["games", "health", "art_and_design", "politics"],
                "format": "faq",
                "influence": [0.9, -0.9, 0.8, 0.1],
                "q_unusual": [0.01, 0.01, 0.01, 0.01],
            }
        ),
    }
    assert full_dose_called(tables) == 0.5  # health is called, but below


def test_retraining_is_judged_against_the_best_scorer_of_texts():
    def row(output, scorer, lds, ahead):
        return {
            "measure": "margin",
            "output": output,
            "sum": "influence",
            "scorer": scorer,
            "lds": lds,
            "ahead": ahead,
            "ceiling": 0.9,
        }

    rows = [
        row("a", "trackstar", 0.7, None),
        row("a", "tfidf", 0.1, 0.6),
        row("a", "bm25", 0.75, -0.05),
        row("a", "cosine", 0.9, -0.2),
        row("a", "truth", 0.95, -0.25),
    ]
    schema = {"ahead": pl.Float64}
    tables = good_tables() | {"lds": pl.DataFrame(rows, schema_overrides=schema)}
    verdict = judge(tables, {})
    (sentence,) = failures(verdict)
    assert sentence.startswith("LDS of the map less that of the best text baseline")
    assert line(verdict, "best text baseline")["value"] == -0.05
    assert line(verdict, "a: LDS of the map")["value"] == 0.7
    tables["lds"] = tables["lds"].filter(pl.col("scorer") != "bm25")
    assert failures(judge(tables, {})) == []
    # An output without a number was left out, and the others passed for it.
    unknown = pl.DataFrame([row("b", "tfidf", 0.1, None)], schema_overrides=schema)
    tables["lds"] = pl.concat([tables["lds"], unknown])
    assert len(failures(judge(tables, {}))) == 1


def test_retraining_counts_only_where_it_was_run_on_the_map_that_is_there(tmp_path):
    own, lds = tmp_path / "map.parquet", tmp_path / "lds.parquet"
    own.write_text("map")
    write_sidecar(own, "gather_bins", {}, {})
    assert "was not trained" in why_no_retraining(None, own)
    assert why_no_retraining(str(lds), own).startswith("not run")
    lds.write_text("lds")
    digest = file_digest(own)
    write_sidecar(lds, "score_retraining", {}, {"trackstar": digest})
    assert why_no_retraining(str(lds), own) is None
    own.write_text("another map")
    write_sidecar(own, "gather_bins", {}, {})
    assert "another map" in why_no_retraining(str(lds), own)


def test_documents_scores_are_averaged_bin_by_bin_and_counted(tmp_path):
    scores = pl.DataFrame(
        {
            "doc_id": ["x", "y", "z"],
            "topic": ["games", "games", "health"],
            "format": ["faq", "faq", "faq"],
            "score": [0.1, 0.3, -0.4],
            "score_correct": [None, None, None],
            "score_incorrect": [None, None, None],
            "score_a": [None, None, None],
            "score_b": [None, None, None],
        }
    )
    path = tmp_path / "a.parquet"
    write_table(scores, path, "attribution/scores")
    own = pl.DataFrame(
        {
            "benchmark": ["a"] * 3,
            "topic": ["games", "health", "politics"],
            "format": ["faq"] * 3,
            "n_docs": [2, 2, 0],
            "influence": [0.2, -0.4, None],
        }
    )
    both = compare_with_documents(own, {"a": str(path)}).sort("topic")
    assert both["mean_score"].to_list() == pytest.approx([0.2, -0.4, None])
    assert both["n_scores"].to_list() == [2, 1, 0]
    tables = good_tables() | {"bin_scores": both}
    (sentence,) = failures(judge(tables))
    assert sentence.startswith("bins whose documents are not all there: 1")


def test_float16_rows_have_their_own_bar():
    tables = good_tables()
    tables["bin_scores"] = tables["bin_scores"].with_columns(
        mean_score=pl.Series([0.5 + 2e-6, 0.1])
    )
    assert len(failures(judge(tables))) == 1
    assert failures(judge(tables, row_dtype="float16")) == []


def test_bars_hold_on_the_bar_itself():
    both = Bar(0.4, 0.6)
    assert [both.judge(v) for v in (0.4, 0.6, 0.39, 0.61, None)] == [
        *["passed"] * 2,
        *["failed"] * 3,
    ]
    assert Bar().judge(None) == "told"


def test_printed_verdict_shows_value_bar_source_and_what_failed():
    check = Check("controls", "validation/x.parquet")
    text = render(
        verdict_table(
            [
                check.line("calls", 3, Bar(high=0)),
                check.line("share", 0.51234, Bar(0.4, 0.6)),
                check.skipped("words", Bar(0.9), "the key is off"),
            ]
        )
    )
    calls, share, words = (
        next(row for row in text.splitlines() if row.startswith(name))
        for name in ("calls", "share", "words")
    )
    assert calls.split() == ["calls", "3", "at", "most", "0", "FAILED", "validation/x.parquet"]
    assert share.split()[1:6] == ["0.512", "0.4", "to", "0.6", "ok"]
    assert words.endswith("not applicable  validation/x.parquet; the key is off")
    assert text.endswith(
        "1 passed, 1 failed, 0 told without a bar, 1 not applicable to this study\n"
    )


def test_the_hard_worlds_numbers_are_told_without_the_plain_worlds_bars():
    """A map that finds half fails where the world is plain, and is reported where it is hard."""
    tables = good_tables()
    tables["planted"] = tables["planted"].with_columns(auroc_support=pl.lit(0.5))
    tables["truth"] = tables["truth"].with_columns(dose=pl.lit(0.9))
    plain = judge(tables)
    lines = all_lines(Findings(tables, NOT_RUN, "float32", True, hard=True))
    hard = verdict_table(lines)
    assert len(failures(plain)) == 2 and failures(hard) == []
    assert hard["measure"].to_list() == plain["measure"].to_list()
    found = line(hard, "support above all other bins")
    assert (found["value"], found["state"], found["low"]) == (0.5, "told", None)
    assert found["reason"].startswith("as it comes")
    assert line(hard, "support bins of full dose")["reason"].startswith("no such bin; as it")
    # Lines that hold in any world keep their bar.
    assert line(hard, "largest difference")["state"] == "passed"
    assert line(hard, "documents shuffled over bins")["state"] == "passed"
    assert line(hard, "another random projection, Pearson of the maps")["state"] == "passed"
    halves = line(hard, "other documents, split halves")
    assert halves["state"] == "told" and halves["reason"].startswith("as it comes")
