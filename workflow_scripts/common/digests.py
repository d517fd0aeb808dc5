"""Digests of source files, kept with the study so that an unchanged file is read once.

A source file (documents, questions, a matrix) has no record beside it: it is the user's. Its
digest is noted under ``<results>/.state/digests/`` together with what the file system says of the
file; while that stays as it is, the file is not read again. Anything else, such as a touch, a copy
or a download of the same bytes, costs one reading and changes nothing.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from workflow_scripts.common.files import file_digest, read_json, write_json

# Below this size reading costs less than looking a note up (1 ms for 1 MiB).
SMALL = 2**20


def digests_folder(results: str | os.PathLike) -> Path:
    """Folder of a study's notes."""
    return Path(results, ".state", "digests")


class SourceDigests:
    """Digests of files that carry no record of their own.

    Args:
        folder: where notes are kept; None keeps none, and every file is read.
    """

    def __init__(self, folder: str | os.PathLike | None):
        """Know where notes are."""
        self.folder = Path(folder) if folder else None

    def digest(self, path: str | os.PathLike) -> str:
        """SHA-256 of a file's bytes, in hex."""
        path = os.path.abspath(path)
        before = _identity(path)
        if self.folder is None or before["size"] <= SMALL:
            return file_digest(path)
        place = self.folder / f"{hashlib.sha256(path.encode()).hexdigest()[:24]}.json"
        note = _read_note(place)
        if note is not None and {key: note.get(key) for key in before} == before:
            return str(note["sha256"])
        digest = file_digest(path)
        if _identity(path) == before:
            _write_note(place, before | {"path": path, "sha256": digest})
        return digest


def _identity(path: str) -> dict[str, int]:
    """Size and times of a file; the time of its last change of state cannot be set by hand."""
    found = os.stat(path)
    return {
        "size": found.st_size,
        "modified": found.st_mtime_ns,
        "changed": found.st_ctime_ns,
        "inode": found.st_ino,
    }


def _read_note(place: Path) -> dict | None:
    """Read a note; None if it is missing or unreadable, and the file is read instead."""
    try:
        note = read_json(place)
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) and "sha256" in note else None


def _write_note(place: Path, note: dict) -> None:
    # A study on a disk that cannot be written can still be looked at.
    with suppress(OSError):
        write_json(place, note)
