"""One run of a study at a time; jobs that outlived theirs are found and stopped."""

import subprocess
import sys

import pytest

from workflow_scripts.common.locks import RUN_VARIABLE, hold, holder, is_stray, lock_file
from workflow_scripts.run.lock import stop_stray_jobs, study_lock

HOLD = """
import sys, time
from workflow_scripts.run.lock import study_lock
with study_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""
WRITE = """
import sys, time
from workflow_scripts.common.locks import hold
with open(sys.argv[1], "w") as log:
    assert hold(log)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def start():
    """Start Python code with one argument and wait for its word that it holds a lock."""
    started = []

    def run(code, path):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_a_second_run_of_a_study_is_one_line_that_names_the_first(tmp_path, start, capsys):
    first = start(HOLD, tmp_path)
    with pytest.raises(SystemExit), study_lock(str(tmp_path)):
        pass
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("not started: another run of this study is going on (process")
    assert str(first.pid) in lines[0]


def test_another_study_of_the_same_folder_is_free(tmp_path, start):
    start(HOLD, tmp_path / "a")
    with study_lock(str(tmp_path / "b")):
        pass


def test_the_lock_of_a_killed_run_is_gone_with_it(tmp_path, start):
    first = start(HOLD, tmp_path)
    first.kill()
    first.wait()
    with study_lock(str(tmp_path)):
        assert lock_file(tmp_path).read_text().count("\n") == 2


def test_a_job_that_outlived_its_run_is_stopped(tmp_path, start):
    (tmp_path / "logs" / "train").mkdir(parents=True)
    (tmp_path / "logs" / "done.log").write_text("nobody writes here")
    log = tmp_path / "logs" / "train" / "x.log"
    job = start(WRITE, log)
    assert holder(log) == job.pid
    lines = stop_stray_jobs(str(tmp_path))
    assert len(lines) == 1
    assert str(job.pid) in lines[0]
    assert job.wait(timeout=5) is not None
    assert holder(log) is None
    assert stop_stray_jobs(str(tmp_path)) == []


def test_a_job_that_begins_after_its_run_was_killed_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv(RUN_VARIABLE, raising=False)
    with study_lock(str(tmp_path)):
        assert not is_stray(tmp_path)
        monkeypatch.setenv(RUN_VARIABLE, "host 1 yesterday")
        assert is_stray(tmp_path)
    monkeypatch.delenv(RUN_VARIABLE)
    assert not is_stray(tmp_path)


def test_a_held_file_says_so_to_another_process_alone(tmp_path, start):
    path = tmp_path / "log"
    start(WRITE, path)
    with path.open("a") as handle:
        assert not hold(handle)
