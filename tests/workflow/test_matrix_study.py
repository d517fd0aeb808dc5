"""The published matrix by one command: every table and figure that it allows, without a model."""

import subprocess
import sys
import time

import polars as pl
import pytest

from tests.influence.conftest import published  # noqa: F401
from tests.workflow.clone import Clone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(published, tmp_path_factory):  # noqa: F811
    """Folder of the results of ``make matrix``, what it printed, and its seconds."""
    clone = Clone(tmp_path_factory.mktemp("matrix") / "atlas")
    environment = f"VENV={sys.prefix}"
    installed = ["-o", f"{sys.prefix}/.installed"]
    start = time.monotonic()
    done = subprocess.run(
        ["make", "matrix", f"FILE={published}", environment, *installed],
        cwd=clone.folder,
        env=clone.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return clone.folder / "results" / "matrix", done.stdout, time.monotonic() - start


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
