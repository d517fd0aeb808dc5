"""The study on real labelled text and published benchmark files, from start to report."""

import polars as pl
import pytest

from tests.workflow.clone import Clone
from workflow_scripts.common.files import read_json

BENCHMARKS = {
    "socialiqa": 300,
    "mmlu_social_sciences": 240,
    "arc_challenge": 294,
    "mmlu_stem": 198,
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory, real_data):
    clone = Clone(tmp_path_factory.mktemp("real") / "atlas")
    words = ("--configfile", "configs/local-text.yaml", "--config", f"data={real_data}")
    code, text = clone.run(*words, timeout=2400)
    assert code == 0, text[-5000:]
    code, text = clone.run(*words, "--report", "results/local-text/report/report.html")
    assert code == 0, text[-3000:]
    return clone.folder / "results" / "local-text"


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_question_of_the_published_files_is_asked(study, benchmark):
    record = read_json(study / "benchmarks" / benchmark / "results.json")
    assert record["n_questions"] == BENCHMARKS[benchmark]
    # A model this small knows nothing of them; the number is reported as it is.
    assert abs(record["accuracy"] - record["chance"]) < 0.15


def test_map_has_twelve_bins_and_null_elsewhere(study):
    table = pl.read_parquet(study / "influence" / "bin_influence.parquet")
    for _, benchmark in table.group_by("benchmark"):
        assert benchmark.height == 576
        assert benchmark.filter(pl.col("n_docs") > 0).height == 12
        assert benchmark["influence"].null_count() == 564
        assert benchmark.drop_nulls("influence")["se"].null_count() == 0


def test_contrasts_are_not_confounded_by_answer_form(study):
    table = pl.read_parquet(study / "influence" / "contrasts.parquet")
    assert set(table["contrast"]) == {"reasoning", "knowledge", "difference"}
    assert not table["confounded"].any()


def test_report_and_figures_are_there(study):
    assert (study / "report" / "report.html").stat().st_size > 100_000
    for benchmark in BENCHMARKS:
        assert (study / "report" / "figures" / f"map_{benchmark}.svg").exists()
