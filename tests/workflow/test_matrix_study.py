"""The published matrix by one command: every table and figure that it allows, without a model."""

import time

import polars as pl
import pytest

from tests.influence.conftest import published  # noqa: F401
from tests.workflow.clone import Clone
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.matrix.matrix_study import study_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return Clone(tmp_path_factory.mktemp("matrix") / "atlas")


@pytest.fixture(scope="module")
def made(clone, published):  # noqa: F811
    """Folder of the results of ``make matrix``, what it printed, and its seconds."""
    start = time.monotonic()
    printed = clone.make("matrix", f"FILE={published}")
    study = study_of(str(published))
    return clone.folder / "results" / study, printed, time.monotonic() - start


def test_the_published_matrix_takes_under_a_minute(made):
    assert made[2] < 60


def test_published_numbers_are_printed_and_in_the_tables(made):
    folder, printed, _ = made
    lines = [line.split() for line in printed.splitlines()]
    assert ["reasoning", "+0.91", "Literature"] in [line[:3] for line in lines]
    table = pl.read_parquet(folder / "influence" / "correlations.parquet")
    social = table.filter(benchmark_a="socialiqa").sort("benchmark_b")
    assert social["benchmark_b"].to_list() == ["arc_challenge", "mmlu_social_sciences", "mmlu_stem"]
    assert social["pearson"].to_list() == pytest.approx([0.215, 0.057, 0.086], abs=0.01)
    assert social["loo_high"].to_list() == pytest.approx([0.361, 0.368, 0.340], abs=0.01)


def test_every_map_is_drawn_and_the_explorer_is_written(made):
    report = made[0] / "report"
    names = {path.stem for path in (report / "figures").glob("*.svg")}
    maps = {"map_socialiqa", "map_mmlu_social_sciences", "map_arc_challenge", "map_mmlu_stem"}
    assert maps | {"contrasts", "correlations"} <= names
    assert (report / "explorer.html").stat().st_size > 100_000


def test_the_report_is_written_and_the_closing_lines_name_it(made, clone):
    folder, printed, _ = made
    report = folder / "report" / "report.html"
    name = f"results/{folder.name}/report/report.html"
    assert printed.splitlines()[-1].split() == ["report", name]
    assert "map_socialiqa.svg" in report.read_text(encoding="utf-8")


def test_a_changed_matrix_of_an_odd_name_leaves_nothing_of_the_first(made, clone, tmp_path):
    """Blanks, quotes and brackets in its path; a study of its own beside the other's."""
    matrix = tmp_path / "It's my [best] matrix (2), v1.csv"
    kept = (made[0] / "influence" / "bin_influence.parquet").read_bytes()
    for benchmarks in ("first,constant", "mine,constant"):
        rows = [f"{topic},{form},{place % 7},1" for place, (topic, form) in enumerate(BINS)]
        matrix.write_text("\n".join([f"topic,format,{benchmarks}", *rows]))
        printed = clone.make("matrix", f"FILE={matrix}", "STUDY=mine")
    figures = clone.folder / "results" / "mine" / "report" / "figures"
    names = {path.name.partition(".")[0] for path in figures.iterdir()}
    assert names == {"map_mine", "map_constant", "marginals", "correlations"}
    lines = printed.splitlines()
    said = "  constant: 576 bins; none has a standard error, so none is tested"
    assert lines[lines.index(said) + 1].strip().startswith("all bins are equal")
    assert (made[0] / "influence" / "bin_influence.parquet").read_bytes() == kept
    report = figures.parent / "report.html"
    report.unlink()
    clone.make("report", "STUDY=mine")
    assert "map_mine.svg" in report.read_text(encoding="utf-8")
