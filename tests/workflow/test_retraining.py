"""Retraining through Snakemake: outside the study, killed and resumed to the same bytes."""

import os
import signal
import subprocess
import time

import polars as pl
import pytest

from tests.workflow.clone import Clone
from workflow_scripts.common.files import file_digest

CONFIG = ("--configfile", "tests/config/lds.yaml")
MADE = "CONFIG=tests/config/lds.yaml"
TABLES = ["lds", "retraining/outputs", "retraining/halves", "retraining/predictions"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return Clone(tmp_path_factory.mktemp("lds") / "atlas")


def test_retraining_is_no_part_of_the_study_and_grows_by_whole_jobs(clone):
    assert not {job for job in clone.plan(*CONFIG) if "retrain" in job}
    jobs = clone.plan("lds", *CONFIG)
    groups = {job for job in jobs if job.startswith("retrain_subsets")}
    assert groups == {"retrain_subsets g0000", "retrain_subsets g0001"}
    assert {"score_retraining", "plot_retraining", "lds"} <= jobs
    more = clone.plan("lds", *CONFIG, "--config", "validation={retraining: {subsets: 6}}")
    assert {job for job in more - jobs if "retrain" in job} >= {"retrain_subsets g0002"}


@pytest.mark.slow
def test_killed_retraining_goes_on_to_the_same_bytes(clone):
    """Killed with its whole process group inside a training of the second job's first half."""
    assert "Linear datamodeling score" in clone.make("lds", MADE)
    folder = clone.folder / "results" / "lds" / "validation"
    tables = [folder / f"{name}.parquet" for name in TABLES]
    before = [file_digest(path) for path in tables]
    outputs = pl.read_parquet(folder / "retraining/outputs.parquet")
    assert outputs.select("half", "seed").rows() == [(h, s) for h in range(4) for s in (42, 43)]
    halves = pl.read_parquet(folder / "retraining/halves.parquet")
    assert halves.group_by("half").len()["len"].to_list() == [8] * 4
    assert outputs["margin"].n_unique() == 8
    code, text = clone.run("lds", "--dry-run", *CONFIG)
    assert "Nothing to be done" in text

    for path in (*tables, *folder.glob("retraining/*/g0001.parquet")):
        path.unlink()
    state = clone.folder / "results/lds/.state/retrain_subsets/g0001"
    kill_once(clone, lambda: (state / "2-43" / "training.pt").exists())
    assert (state / "2-42" / "outcome.json").exists()
    assert not (folder / "retraining/outputs/g0001.parquet").exists()
    code, text = clone.run("lds", "--rerun-incomplete", *CONFIG)
    assert code == 0, text[-3000:]
    assert [file_digest(path) for path in tables] == before
    log = clone.folder / "results/lds/logs/retrain_subsets/g0001.log"
    assert "resumed at step" in log.read_text()
    assert not state.exists()


def kill_once(clone, there):
    """Start the workflow, kill it with its whole process group once ``there()``, and unlock."""
    process = subprocess.Popen(
        clone.command("lds", *CONFIG),
        cwd=clone.folder,
        env=clone.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not there():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    clone.run("lds", "--unlock", *CONFIG)
