"""The status of a study, of runs that really run, fail and are killed."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from workflow_scripts.common.config.load import load_study
from workflow_scripts.run.run_log import is_alive, latest_run, read_run
from workflow_scripts.run.status import main, measured_seconds, render, study_status

# Rules of the study's names: one ends, one fails on request, one waits for a file.
SNAKEFILE = """
rule all:
    input: "results/planted/c", "results/planted/b"
rule plant_world:
    output: "results/planted/a"
    log: "results/planted/logs/plant_world.log"
    benchmark: "results/planted/timings/plant_world/all.tsv"
    shell: "echo planted > {log}; touch {output}"
rule tokenize_shard:
    input: "results/planted/a"
    output: "results/planted/{shard}"
    wildcard_constraints: shard="b"
    log: "results/planted/logs/{shard}.log"
    benchmark: "results/planted/timings/tokenize_shard/{shard}.tsv"
    shell: "echo 'broken here' > {log}; test ! -e fail; touch {output}"
rule train_model:
    input: "results/planted/a"
    output: "results/planted/c"
    log: "results/planted/logs/train_model.log"
    benchmark: "results/planted/timings/train_model.tsv"
    shell:
        "echo '3/8 steps, 2 s left' > {log}; "
        "while ! test -e go; do sleep 0.05; done; touch {output}"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(folder):
    """Snakemake on its way, until the job that waits has begun and the other has ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--keep-going"],
        cwd=folder,
        env=os.environ | {"PYTEST_CURRENT_TEST": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while True:
        run = latest_run("results/planted")
        states = {job.rule: job.state for job in run.jobs.values()} if run else {}
        if states.get("tokenize_shard") in ("done", "failed") and "train_model" in states:
            return process
        assert process.poll() is None and time.monotonic() < deadline, states
        time.sleep(0.05)


def settled(folder):
    """Times of all files, once Snakemake has written down what has ended."""
    before, files = None, {}
    while files != before:
        before = files
        time.sleep(0.3)
        files = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    return files


def by_rule(status):
    return {each.rule: each for each in status.rules}


def test_a_running_study_is_seen_and_not_disturbed(folder, capsys):
    (folder / "fail").touch()
    process = start(folder)
    try:
        files = settled(folder)
        status = study_status(load_study())
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == files
        rules = by_rule(status)
        assert status.alive is True
        assert (rules["plant_world"].done, rules["plant_world"].to_do) == (1, 0)
        assert rules["train_model"].running == 1
        # Of the two shards that the config asks for this run has one, which failed.
        assert (rules["tokenize_shard"].failed, rules["tokenize_shard"].to_do) == (1, 1)
        assert rules["estimate_bins"].to_do == 4
        text = render(status)
        assert "Study planted: running for" in text
        assert "3/8 steps, 2 s left" in text
        assert "results/planted/logs/b.log: broken here" in text
        assert main([]) == 0 and "train_model" in capsys.readouterr().out
    finally:
        (folder / "go").touch()
        assert process.wait(timeout=60) == 1  # the failure, and nothing else
    assert (folder / "results/planted/c").exists()
    status = study_status(load_study())
    assert status.alive is False
    assert "not running; the last run ended with 1 failed" in render(status)
    assert by_rule(status)["train_model"].done == 1


def test_a_killed_run_is_said_to_be_killed_and_its_jobs_are_to_do(folder):
    process = start(folder)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    status = study_status(load_study())
    assert status.alive is False
    assert "was killed" in render(status)
    train = by_rule(status)["train_model"]
    assert (train.done, train.running, train.to_do) == (0, 0, 1)


def test_a_study_that_never_ran_has_everything_to_do(folder):
    status = study_status(load_study())
    assert "no run of it is on record" in render(status)
    assert status.total("done") == 0
    plan = sum(each.to_do for each in status.rules)
    assert plan > 50 and all(each.left > 0 for each in status.rules)


LOG = """  Host: elsewhere
Job stats:
job             count
------------  -------
train_model         1
tokenize_shard      2
all                 1
total               4

[Wed Nov 25 20:09:41 2026]
rule tokenize_shard:
    log: results/x/logs/s0000.log
    jobid: 4
    wildcards: shard=s0000
[Wed Nov 25 20:09:51 2026]
Error in rule tokenize_shard:
    jobid: 4
    log: results/x/logs/s0000.log (check log file(s) for error details)
[Wed Nov 25 20:10:01 2026]
rule tokenize_shard:
    log: results/x/logs/s0000.log
    jobid: 4
    wildcards: shard=s0000
[Wed Nov 25 20:10:11 2026]
Finished jobid: 4 (Rule: tokenize_shard)
[Wed Nov 25 20:10:21 2026]
rule tokeni"""


def test_a_job_that_succeeds_when_tried_again_is_done_and_a_cut_log_is_read():
    run = read_run(Path("x.log"), LOG)
    assert run.planned == {"train_model": 1, "tokenize_shard": 2}
    (job,) = run.jobs.values()
    assert (job.name, job.state, job.log) == (
        "tokenize_shard s0000", "done", "results/x/logs/s0000.log"
    )  # fmt: skip
    assert job.seconds(datetime.now()) == 10


def test_a_run_on_another_host_is_neither_called_alive_nor_dead():
    assert is_alive(read_run(Path("x.log"), LOG)) is None


def test_runs_of_other_studies_are_passed_over(tmp_path):
    (tmp_path / "2026-01-01T000000.snakemake.log").write_text(LOG)
    (tmp_path / "2026-01-02T000000.snakemake.log").write_text(LOG.replace("results/x", "results/y"))
    assert latest_run("results/x", tmp_path).path.name.startswith("2026-01-01")
    assert latest_run("results/z", tmp_path) is None


def test_an_old_timing_of_a_job_that_runs_again_does_not_count_as_done(folder):
    place = folder / "results/planted/timings"
    for name in ("tokenize_shard/s0000", "tokenize_shard/s0001", "train_model"):
        path = place / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("s\th:m:s\n20.0\t0:00:20\n")
    assert measured_seconds(place)["tokenize_shard"] == [20.0, 20.0]
    logs = folder / ".snakemake/log"
    logs.mkdir(parents=True)
    (logs / "1.snakemake.log").write_text(LOG.replace("results/x", "results/planted"))
    status = study_status(load_study(), datetime(2026, 11, 25, 20, 10, 30))
    rules = by_rule(status)
    # Two shards to make in this run, one made; the model is still to be trained again.
    assert (rules["tokenize_shard"].done, rules["tokenize_shard"].to_do) == (1, 1)
    assert (rules["train_model"].done, rules["train_model"].to_do) == (0, 1)
    assert rules["tokenize_shard"].left == 20
