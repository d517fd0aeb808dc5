"""The headline numbers that a run ends with."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.report.explorer_studies import make_correlations
from tests.validation.conftest import filled_columns
from workflow_scripts.common.files import write_json
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.run.headline import (
    WIDTH,
    accuracy_lines,
    caution_lines,
    end_run,
    headline,
    main,
    map_lines,
    planted_lines,
)
from workflow_scripts.run.headline_maps import agreement_lines

ROOT = Path(__file__).resolve().parents[2]


def test_headline_names_accuracy_regions_truth_and_places(study):
    text = headline(study.folder)
    assert max(map(len, text.splitlines())) <= 100 + len(str(study.folder))
    assert "90%     25%" in text
    best = (
        read_table(study.bins, "influence/bin_influence")
        .filter(benchmark="stem_reasoning")
        .sort("rank", nulls_last=True)
        .row(0, named=True)
    )
    assert f"{display_name(best['topic'])} x {display_name(best['format'])}" in text
    words = " ".join(text.split())
    assert "0.31 sd of the map (1.05 x se): documents 60%, questions 30%, projection 10%" in words
    assert "questions 40%, projection not known, training not known" in words
    assert "TF-IDF (words alone)" in text
    assert "report/figures" in text


def test_a_study_without_planted_truth_has_a_headline(study, tmp_path):
    for part in ("influence", "benchmarks"):
        (tmp_path / part).symlink_to(study.folder / part)
    assert "Planted" not in headline(tmp_path)


def test_an_unfinished_study_is_one_clear_line(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "does not exist" in error


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("[Mon]\nlocalrule all:\n    input: a\n", "What supports each benchmark most"),
        ("[Mon]\nrule all:\n    input: a\n", "What supports each benchmark most"),
        ("[Mon]\nrule publish:\n    input: all:\n", ""),
    ],
)
def test_a_run_of_the_whole_study_ends_with_the_headline(
    study, tmp_path, capsys, monkeypatch, log, words
):
    (tmp_path / "run.log").write_text(log)
    monkeypatch.delenv("ATLAS_HEADLINE", raising=False)
    end_run(str(study.folder), [str(tmp_path / "run.log")])
    text = capsys.readouterr().out
    assert words in text and bool(text) == bool(words)
    monkeypatch.setenv("ATLAS_HEADLINE", "later")
    end_run(str(study.folder), [str(tmp_path / "run.log")])
    assert not capsys.readouterr().out


def test_undefined_measures_are_called_so():
    areas = dict.fromkeys(("auroc_support_low", "auroc_support_vs_contradiction_low"))
    row = {"scorer": "trackstar", "auroc_support": 0.5, "auroc_support_vs_contradiction": None}
    planted = pl.DataFrame(
        [row | areas | {"dose_spearman": None}],
        schema_overrides={"auroc_support_vs_contradiction": float, "dose_spearman": float},
    )
    line = next(line for line in planted_lines(planted) if "study's map" in line)
    assert line.split()[-2:] == ["n/a", "n/a"]


def test_the_headline_needs_no_engine(study):
    """It ends every demo, so it must not take the seconds that importing torch costs."""
    code = (
        "import sys; from pathlib import Path; from workflow_scripts.run.headline import "
        "headline; headline(Path(sys.argv[1])); "
        "assert not {'torch', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(study.folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


def test_a_map_without_standard_errors_is_said_to_be_untested(study):
    bins = read_table(study.bins, "influence/bin_influence").filter(benchmark="stem_reasoning")
    matrix = bins.with_columns(q_unusual=pl.lit(None, dtype=pl.Float64))
    first = map_lines(matrix)[0]
    assert first.endswith("bins; none has a standard error, so none is tested")


def test_a_constant_map_names_no_bin_as_its_strongest(study):
    bins = read_table(study.bins, "influence/bin_influence").filter(benchmark="stem_reasoning")
    lines = map_lines(bins.with_columns(influence=pl.lit(0.5), z=pl.lit(None, dtype=pl.Float64)))
    assert [line.strip() for line in lines[1:]] == [
        "all bins are equal: none supports more than another"
    ]


def test_cautions_of_the_study_stand_at_the_head_of_the_headline(study, tmp_path):
    path = tmp_path / "report" / "cautions.json"
    assert caution_lines(tmp_path) == []
    write_json(path, [{"text": "Mind the gap. " * 20}, {"text": "Short."}])
    lines = caution_lines(tmp_path)
    assert len(lines) > 3 and lines[-1] == "- Short."
    assert max(map(len, lines)) <= WIDTH
    assert "Read with caution" not in headline(study.folder)


def test_agreement_leads_with_cross_half_and_a_matrix_with_pearson():
    table = make_correlations()
    row = table.row(0, named=True)
    line = agreement_lines(table)[0]
    assert len(line) <= 96
    lead, pearson = f"{row['cross_half']:+.3f} (", f"Pearson {row['pearson']:+.3f}"
    assert line.index(lead) < line.index(pearson)
    unknown = table.with_columns(cross_half=pl.lit(None, pl.Float64))
    assert f"{row['pearson']:+.3f}  (" in agreement_lines(unknown)[0]
    assert "Pearson" not in agreement_lines(unknown)[0]


def test_accuracy_stands_beside_chance(tmp_path):
    for name, right in (("known", 10), ("guessed", 8)):
        place = tmp_path / "benchmarks" / name
        ids = pl.DataFrame({"query_id": [f"q{i:02d}" for i in range(20)]})
        answers = ids.with_columns(correct=pl.Series([i < right for i in range(20)]))
        queries = ids.with_columns(choices=pl.lit(["a", "b", "c", "d"]))
        for table, frame in (("answers", answers), ("queries", queries)):
            frame = filled_columns(f"benchmarks/{table}", frame)
            write_table(frame, place / f"{table}.parquet", f"benchmarks/{table}")
    lines = accuracy_lines(tmp_path, ["known", "guessed"])
    assert [line.split() for line in lines[1:]] == [
        ["known", "20", "50%", "25%"],
        ["guessed", "20", "40%", "25%"],
    ]


def test_the_headline_says_what_is_primary_and_whether_it_was_changed():
    from workflow_scripts.run.headline import primary_lines

    row = {
        "target": "a", "contrast": "targeted-random", "measure": "accuracy", "dose": 1.0,
        "primary": True, "registered": "before",
    }  # fmt: skip
    other = row | {"primary": False, "registered": "exploratory"}
    assert "named before the first evaluation" in primary_lines(pl.DataFrame([row, other]))[0]
    late = primary_lines(pl.DataFrame([row | {"registered": "after"}]))
    assert "CHANGED AFTER the first evaluation of a" in late[0]
    assert "Primary: none" in primary_lines(pl.DataFrame([other]))[0]


def test_the_headline_gives_the_dose_response_of_every_arm_at_the_dose_of_the_figure():
    from workflow_scripts.run.headline import response_lines

    row = {
        "target": "a", "evaluated": "a", "topic": "all", "arm": "targeted", "dose": 1.0,
        "spearman": 0.8, "ci_low": 0.7, "ci_high": 0.9,
    }  # fmt: skip
    low = row | {"arm": "low", "spearman": 0.1, "ci_low": None, "ci_high": None}
    others = [row | {"topic": "art", "spearman": 0.3}, row | {"dose": 2.0, "spearman": 0.5}]
    lines = response_lines(pl.DataFrame([row, low, *others]), 1.0)
    assert lines[-1] == "a: targeted +0.80 (+0.70 to +0.90); low +0.10"
