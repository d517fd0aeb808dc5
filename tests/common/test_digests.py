"""Digests of source files: read once, and again when anything of the file has changed."""

import os

import pytest

from workflow_scripts.common import digests
from workflow_scripts.common.digests import SourceDigests
from workflow_scripts.common.files import file_digest


@pytest.fixture
def reads(monkeypatch):
    """Files that were read."""
    seen = []

    def read(path):
        seen.append(str(path))
        return file_digest(path)

    monkeypatch.setattr(digests, "file_digest", read)
    monkeypatch.setattr(digests, "SMALL", 10)
    return seen


def test_an_unchanged_file_is_read_once_over_runs(tmp_path, reads):
    path = tmp_path / "x.jsonl"
    path.write_text("a" * 100)
    first = SourceDigests(tmp_path / "notes").digest(path)
    assert SourceDigests(tmp_path / "notes").digest(path) == first == file_digest(path)
    assert len(reads) == 1


def test_a_touched_file_is_read_again_and_is_the_same(tmp_path, reads):
    path = tmp_path / "x.jsonl"
    path.write_text("a" * 100)
    first = SourceDigests(tmp_path / "notes").digest(path)
    os.utime(path, (1, 1))
    assert SourceDigests(tmp_path / "notes").digest(path) == first
    assert SourceDigests(tmp_path / "notes").digest(path) == first
    assert len(reads) == 2


def test_an_edit_that_keeps_size_and_time_is_seen(tmp_path, reads):
    """As by an editor or a copy that sets the old time."""
    path = tmp_path / "x.jsonl"
    path.write_text("a" * 100)
    stamps = path.stat()
    first = SourceDigests(tmp_path / "notes").digest(path)
    path.write_text("b" * 100)
    os.utime(path, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    assert SourceDigests(tmp_path / "notes").digest(path) != first


def test_a_damaged_note_costs_a_reading(tmp_path, reads):
    path = tmp_path / "x.jsonl"
    path.write_text("a" * 100)
    first = SourceDigests(tmp_path / "notes").digest(path)
    (note,) = (tmp_path / "notes").iterdir()
    note.write_text("{")
    assert SourceDigests(tmp_path / "notes").digest(path) == first
