"""The note of a Slurm run; with a real queue it is tried in tests/slurm/test_faults.py."""

import pytest

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.files import read_json
from workflow_scripts.run import slurm_leftovers
from workflow_scripts.run.slurm_leftovers import begin_run

RUN = "atlas_0fcca597-8e09-48ad-ad17-cc6a7e92697d"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "snakemake.log"
    path.write_text(f"Building DAG of jobs...\nSLURM run ID: {RUN}\nUsing shell: /bin/bash\n")
    return str(path)


def test_run_on_slurm_is_noted_with_the_name_of_its_jobs(tmp_path, log):
    begin_run(str(tmp_path), [log])
    assert read_json(tmp_path / ".state" / "slurm_run.json") == {"name": RUN}


def test_run_on_this_machine_is_not_noted_and_drops_the_note(tmp_path, log, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no squeue: nothing can be left behind here
    begin_run(str(tmp_path), [log])
    (tmp_path / "local.log").write_text("Provided cores: 2\n")
    begin_run(str(tmp_path), [str(tmp_path / "local.log")])
    assert not (tmp_path / ".state" / "slurm_run.json").exists()
    begin_run(str(tmp_path), [])


def test_a_queue_that_never_answers_leaves_a_way_out(tmp_path, log, monkeypatch):
    """A first attempt that sent nothing locked the study where squeue failed."""
    begin_run(str(tmp_path), [log])
    queue = tmp_path / "squeue"
    queue.write_text("#!/bin/sh\necho 'slurm_load_jobs error: Unable to contact' >&2\nexit 1\n")
    queue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    note = tmp_path / ".state" / "slurm_run.json"
    with pytest.raises(slurm_leftovers.LeftoverError) as caught:
        begin_run(str(tmp_path), [])
    message = str(caught.value)
    assert "\n" not in message and "Unable to contact" in message
    assert f"if you are sure that nothing of it is running, delete {note}" in message
    note.write_text("{}")
    with pytest.raises(slurm_leftovers.LeftoverError, match=f"{note} is damaged.* delete {note}"):
        begin_run(str(tmp_path), [])
    note.unlink()
    begin_run(str(tmp_path), [])


def test_run_right_after_scancel_waits_for_jobs_that_are_ending(tmp_path, log, monkeypatch):
    """It was refused because of a job that was cancelled and took a second to end."""
    begin_run(str(tmp_path), [log])
    states = tmp_path / "states"
    states.write_text("7 COMPLETING\n8 COMPLETING\n")
    queue = tmp_path / "squeue"
    # Each call prints the queue and lets one job go.
    queue.write_text(f'#!/bin/sh\n/bin/cat "{states}"\n/bin/sed -i 1d "{states}"\n')
    queue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(slurm_leftovers, "ENDING_POLL", 0.01)
    begin_run(str(tmp_path), [])
    assert not states.read_text()
    begin_run(str(tmp_path), [log])
    states.write_text("7 COMPLETING\n8 PENDING\n")
    with pytest.raises(slurm_leftovers.LeftoverError, match=r"2 Slurm jobs .* \(1 running\)"):
        begin_run(str(tmp_path), [])


def test_results_that_cannot_be_written_are_told_before_the_first_job(tmp_path):
    """A file in the place of the folder: permissions do not stop the tests' user everywhere."""
    (tmp_path / "results").write_text("")
    with pytest.raises(AtlasError, match=r"results/study cannot be written: Not a directory; free"):
        begin_run(str(tmp_path / "results" / "study"), [])
    with pytest.raises(AtlasError, match=r"results cannot be written: File exists; free"):
        begin_run(str(tmp_path / "results"), [])
