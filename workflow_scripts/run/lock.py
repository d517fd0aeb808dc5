"""One run of a study at a time, and nothing left over from one that was killed.

A run holds a lock of the operating system on a file of the study, so that its end, however it
comes, is the lock's end. Every job holds one on its log, by which a job that outlived its run is
found and stopped before another makes the same files.
"""

import fcntl
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psutil

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.locks import RUN_VARIABLE, holder, lock_file

# Jobs that are asked to end do so at once; longer waits are for disks.
TERMINATE_SECONDS = 10


class StrayJobError(AtlasError):
    """A job of an earlier run still writes the study's files and cannot be stopped from here."""


@contextmanager
def study_lock(results: str) -> Iterator[None]:
    """Hold the study's lock; ends the process with one line where another run holds it.

    Args:
        results: folder of the study's results.
    """
    place = lock_file(results)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"not started: {_other_run(place)}\n")
            sys.exit(1)
        except OSError:
            pass  # a file system without locks
        now = datetime.now()
        os.environ[RUN_VARIABLE] = f"{socket.gethostname()} {os.getpid()} {now.isoformat()}"
        handle.truncate(0)
        words = shlex.join(["snakemake", *sys.argv[1:]])
        about = f"process {os.getpid()} on {socket.gethostname()} since {now:%d %b %H:%M}: {words}"
        handle.write(f"{os.environ[RUN_VARIABLE]}\n{about}\n")
        handle.flush()
        yield


def _other_run(place: Path) -> str:
    lines = place.read_text().splitlines()
    about = f" ({lines[1]})" if len(lines) > 1 else ""
    return (
        f"another run of this study is going on{about}; wait until it has ended or stop it, then "
        "start again"
    )


def stop_stray_jobs(results: str) -> list[str]:
    """Stop jobs that outlived the run that started them, as after ``kill -9`` of Snakemake.

    Args:
        results: folder of the study's results, whose lock this process holds.

    Returns:
        A line for each job that was stopped.

    Raises:
        StrayJobError: a job of another machine holds its log.
    """
    stopped = []
    for log in sorted(Path(results, "logs").rglob("*.log")):
        process = holder(log)
        if process is None:
            continue
        if not _has_open(process, log):
            raise StrayJobError(
                f"{log} is still written by a job of an earlier run on another machine; stop that "
                "job, or wait until it has ended, and start again"
            )
        _stop(process)
        stopped.append(f"stopped a job that an earlier run left behind (process {process}, {log})")
    return stopped


def _has_open(process: int, path: Path) -> bool:
    """True if a process of this machine has the file open."""
    try:
        links = [os.readlink(link) for link in Path(f"/proc/{process}/fd").iterdir()]
    except OSError:
        return False
    return str(path.resolve()) in links


def _stop(process: int) -> None:
    """End a process and those that it started."""
    try:
        parent = psutil.Process(process)
        family = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
    for member in family:
        _signal(member, "terminate")
    _, alive = psutil.wait_procs(family, timeout=TERMINATE_SECONDS)
    for member in alive:
        _signal(member, "kill")
    psutil.wait_procs(alive, timeout=TERMINATE_SECONDS)


def _signal(process: psutil.Process, name: str) -> None:
    with suppress(psutil.NoSuchProcess):
        getattr(process, name)()
