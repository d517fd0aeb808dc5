"""Locks of the operating system on files: they end with the process that holds them.

Where a file system has no locks, nothing is held and nothing is found.
"""

import fcntl
import os
import struct
from pathlib import Path
from typing import IO, Any

# struct flock of 64-bit Linux: type, whence, start, length, process.
FLOCK = "hhqqi"
# Names the run that a job was started by, from the run to its jobs.
RUN_VARIABLE = "ATLAS_RUN"


def hold(handle: IO[Any]) -> bool:
    """Lock an open file for this process; say whether that went.

    The lock ends when the process ends or closes the file.
    """
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def holder(path: str | os.PathLike) -> int | None:
    """Id of the process that holds a file locked; None where none does."""
    question = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        with Path(path).open("r+b") as handle:
            answer = struct.unpack(FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, question))
    except OSError:
        return None
    return None if answer[0] == fcntl.F_UNLCK else int(answer[4])


def lock_file(results: str | os.PathLike) -> Path:
    """File that a study's run holds locked; its first line names the run."""
    return Path(results, ".state", "lock")


def is_stray(results: str | os.PathLike) -> bool:
    """True if this job belongs to another run of the study than the one that holds the lock."""
    mine = os.environ.get(RUN_VARIABLE)
    try:
        lines = lock_file(results).read_text().splitlines()
    except OSError:
        return False
    return bool(mine and lines and lines[0] != mine)
