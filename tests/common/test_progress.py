"""Progress of long steps: how far, how fast, how long still."""

import logging

import pytest

from workflow_scripts.common import progress
from workflow_scripts.common.progress import Progress, clock


@pytest.fixture
def told(monkeypatch, caplog):
    """A clock that the test sets, and the lines that were logged."""
    now = {"time": 100.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: now["time"])
    caplog.set_level(logging.INFO, logger="atlas")

    def at(seconds):
        now["time"] = 100.0 + seconds
        return [record.getMessage() for record in caplog.records]

    return at


def test_rate_and_time_left_are_told_once_an_interval_and_at_the_end(told):
    work = Progress(100, "documents", interval=5)
    told(4)
    work.advance(20)
    assert told(4) == []
    told(5)
    work.advance(20)
    assert told(5)[-1] == "40/100 documents, 8.0/s, 8 s left"
    told(6)
    work.advance(60, "all")
    assert told(6)[-1] == "100/100 documents, 16.7/s, 0 s left, all"


def test_what_was_done_before_adds_nothing_to_the_rate(told):
    work = Progress(100, "steps")
    work.skip(50)
    told(10)
    work.advance(20)
    assert told(10)[-1] == "70/100 steps, 2.0/s, 15 s left"


def test_a_slow_unit_is_told_by_the_time_that_one_takes(told):
    work = Progress(4, "files")
    told(90)
    work.advance()
    assert told(90)[-1] == "1/4 files, 1 min 30 s each, 4 min 30 s left"


def test_within_the_first_piece_no_rate_is_made_up(told):
    work = Progress(2, "files")
    told(30)
    work.advance(0, "7 documents")
    assert told(30)[-1] == "0/2 files, after 30 s, 7 documents"


def test_durations_are_readable():
    assert [clock(s) for s in (42, 185, 7620)] == ["42 s", "3 min 05 s", "2 h 07 min"]
