"""Slurm jobs that an earlier run left behind, and the refusal to start beside them.

Jobs outlive a Snakemake that was killed. Snakemake neither finds nor stops them, and would send
each of them a second time: two jobs would write the same files, and one that starts late would
delete what the other has finished.
"""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.files import read_json, write_json

# Line that Snakemake's slurm executor writes to its log; all jobs of the run have this name.
RUN_ID = re.compile(r"^SLURM run ID: (\S+)$", re.MULTILINE)
# A cancelled job is COMPLETING until its processes have gone: Slurm's KillWait is 30 s by default.
ENDING_SECONDS, ENDING_POLL = 120, 1


class LeftoverError(AtlasError):
    """Jobs of an earlier run of the study may still write its files."""


class OutputError(AtlasError):
    """The results of the study have no place."""


def begin_run(results: str, logs: list[str]) -> None:
    """Refuse to start while Slurm jobs of an earlier run of the study live; note this run.

    The run is noted in ``<results>/.state/slurm_run.json`` before its first job is sent, so that
    the next run of the study, on Slurm or not, can look for its jobs.

    Args:
        results: folder of the study's results.
        logs: log files of this run of Snakemake.

    Raises:
        LeftoverError: such jobs are in the queue, or the queue cannot be asked.
        OutputError: the folder cannot be written.
    """
    check_writable(results)
    record = Path(results, ".state", "slurm_run.json")
    if record.exists():
        check_gone(noted_name(record), record)
    if current := run_name(logs):
        write_json(record, {"name": current})
    else:
        record.unlink(missing_ok=True)


def check_writable(results: str) -> None:
    """Refuse to start a study whose results cannot be written.

    Raises:
        OutputError: names the folder and what the system says.
    """
    try:
        Path(results).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results):
            pass
    except OSError as error:
        raise OutputError(
            f"the results folder {results} cannot be written: {error.strerror}; free the place, "
            "give yourself the right to write there, or make 'results' a link to another disk"
        ) from None


def run_name(logs: list[str]) -> str | None:
    """Name of all Slurm jobs of this run; none where it sends none."""
    for log in logs:
        if found := RUN_ID.search(Path(log).read_text()):
            return found[1]
    return None


def noted_name(record: Path) -> str:
    """Name of the jobs of the last run.

    Raises:
        LeftoverError: the note is damaged.
    """
    try:
        return read_json(record)["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise LeftoverError(
            f"{record} is damaged ({type(error).__name__}), so the jobs of the last run are not "
            f"known; {_way_out(record)}"
        ) from None


def _way_out(record: Path) -> str:
    return f"if you are sure that nothing of it is running, delete {record} and start again"


def check_gone(name: str, record: Path) -> None:
    """Refuse to go on while jobs of this name are in the queue.

    Jobs that were asked to end and are still ending are waited for. A machine without Slurm's
    ``squeue`` passes: it cannot have sent them.
    """
    if shutil.which("squeue") is None:
        return
    deadline = time.monotonic() + ENDING_SECONDS
    states = job_states(name, record)
    while states and set(states) == {"COMPLETING"} and time.monotonic() < deadline:
        time.sleep(ENDING_POLL)
        states = job_states(name, record)
    if states:
        running = sum(state != "PENDING" for state in states)
        raise LeftoverError(
            f"{len(states)} Slurm jobs of an earlier run of this study are still there "
            f"({running} running); two jobs must not write the same files: stop them with "
            f"'scancel --name {name}', or wait until they have ended, and start again"
        )


def job_states(name: str, record: Path) -> list[str]:
    """State of each job of this name that is in the queue.

    Raises:
        LeftoverError: the queue cannot be asked.
    """
    query = ["squeue", "--noheader", "--name", name, "--format", "%i %T"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=60, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        reason = " ".join((getattr(error, "stderr", None) or str(error)).split())
        raise LeftoverError(
            f"cannot ask Slurm whether jobs of the last run ({name}) are still there: {reason}; "
            f"start again when squeue answers, or {_way_out(record)}"
        ) from error
    return [line.split()[1] for line in done.stdout.splitlines()]
