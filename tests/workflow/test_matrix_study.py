"""The published matrix by one command: every table and figure that it allows, without a model."""

import subprocess
import sys
import time

import polars as pl
import pytest

from tests.influence.conftest import published  # noqa: F401
from tests.workflow.clone import Clone
from workflow_scripts.common.taxonomy import BINS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(published, tmp_path_factory):  # noqa: F811
    """Folder of the results of ``make matrix``, what it printed, and its seconds."""
    clone = Clone(tmp_path_factory.mktemp("matrix") / "atlas")
    start = time.monotonic()
    printed = run(clone.folder, "make", "matrix", f"FILE={published}")
    return clone.folder / "results" / "matrix", printed, time.monotonic() - start


def run(folder, *words):
    """What make prints, with the environment of the tests in place of a new one."""
    done = subprocess.run(
        [*words, f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.installed"],
        cwd=folder,
        env=Clone.environment(None),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


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


def test_the_report_is_written_and_the_closing_lines_name_it(made):
    folder, printed, _ = made
    report = folder / "report" / "report.html"
    assert printed.splitlines()[-1].split() == ["report", "results/matrix/report/report.html"]
    assert "map_socialiqa.svg" in report.read_text(encoding="utf-8")
    report.unlink()
    run(folder.parents[1], "make", "report", "STUDY=matrix")
    assert "map_socialiqa.svg" in report.read_text(encoding="utf-8")


def test_another_matrix_leaves_nothing_of_the_first_among_the_figures(made, tmp_path):
    """The last test of the file: it writes over the study."""
    rows = [f"{topic},{form},{place % 7},1" for place, (topic, form) in enumerate(BINS)]
    matrix = tmp_path / "mine.csv"
    matrix.write_text("\n".join(["topic,format,mine,constant", *rows]))
    printed = run(made[0].parents[1], "make", "matrix", f"FILE={matrix}")
    figures = made[0] / "report" / "figures"
    names = {path.name.partition(".")[0] for path in figures.iterdir()}
    assert names == {"map_mine", "map_constant", "marginals", "correlations"}
    lines = printed.splitlines()
    said = "  constant: 576 bins; none has a standard error, so none is tested"
    assert lines[lines.index(said) + 1].strip().startswith("all bins are equal")
