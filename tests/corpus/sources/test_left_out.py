"""Rows left out of the corpus: counted by reason and label, and named where they are many."""

import logging

import pytest

from tests.corpus.sampling.test_sample_bins import run_to_sample
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import read_json
from workflow_scripts.corpus.sources.document_index import (
    LABELS_COUNTED,
    MalformedRows,
    merge_malformed,
)
from workflow_scripts.corpus.sources.left_out import LISTED, left_out_rows, log_left_out
from workflow_scripts.corpus.sources.records import Malformed

FIELDS = ["reason", "label", "rows", "share_of_all", "share_of_label", "caution"]
AVAILABLE = {("health", "faq"): 900, ("games", "faq"): 4}


def entries(rows, malformed, available=AVAILABLE):
    report = {"rows": rows, "malformed": malformed}
    found = left_out_rows(report, available)
    assert all(list(entry) == FIELDS for entry in found)
    return [tuple(entry.values()) for entry in found]


def test_an_unknown_label_loses_all_its_rows_and_is_named():
    """A whole topic of 12 in 72 rows was left out without a word in the log."""
    labels = {"__label__cooking": 12, "helth": 1}
    found = entries(1000, {"unknown_topic": {"count": 13, "labels": labels}})
    assert found == [
        ("unknown_topic", "__label__cooking", 12, 0.012, 1.0, True),
        ("unknown_topic", "helth", 1, 0.001, 1.0, True),
    ]


def test_a_reason_is_a_caution_above_one_in_a_hundred_or_half_of_a_label():
    some = {"count": 10, "labels": {"games": 4, "faq": 10, "health": 6}}
    assert entries(1000, {"one_word_text": some}) == [
        ("one_word_text", None, 10, 0.01, None, False)
    ]
    most = {"count": 10, "labels": {"games": 5, "faq": 10, "health": 5}}
    assert entries(1000, {"one_word_text": most}) == [
        ("one_word_text", None, 10, 0.01, None, False),
        ("one_word_text", "games", 5, 0.005, 5 / 9, True),
    ]
    assert entries(999, {"one_word_text": some})[0][-1] is True


def test_the_most_frequent_unknown_labels_are_listed_and_the_rest_counted():
    labels = {f"label {i:02d}": 100 - i for i in range(LISTED + 5)}
    found = entries(10**6, {"unknown_format": {"count": sum(labels.values()), "labels": labels}})
    assert [entry[1] for entry in found if entry[1]] == list(labels)[:LISTED]
    (rest,) = (entry for entry in found if entry[1] is None)
    assert rest[2:] == (5 * 80 - 10, (5 * 80 - 10) / 10**6, None, False)
    assert sum(entry[2] for entry in found) == sum(labels.values())


def test_texts_taken_for_labels_do_not_fill_the_memory():
    malformed = MalformedRows()
    for i in range(5 * LABELS_COUNTED):
        malformed.add("f", i, Malformed("unknown_topic", "", (f"text {i}",)))
        malformed.add("f", i, Malformed("unknown_topic", "", ("often",)))
    report = merge_malformed([malformed.as_json(), malformed.as_json()])
    assert report["malformed"]["unknown_topic"]["count"] == 20 * LABELS_COUNTED
    assert len(report["malformed"]["unknown_topic"]["labels"]) <= LABELS_COUNTED
    assert report["malformed"]["unknown_topic"]["labels"]["often"] == 10 * LABELS_COUNTED


def test_rows_left_out_are_in_the_log_and_cautions_are_warnings(caplog):
    reasons = {
        "unknown_topic": {"count": 12, "labels": {"helth": 12}},
        "empty_text": {"count": 2, "labels": {}},
    }
    with caplog.at_level(logging.INFO, logger="atlas"):
        log_left_out(left_out_rows({"rows": 1000, "malformed": reasons}, AVAILABLE), 7)
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        (
            "WARNING",
            "caution: unknown_topic 'helth': 12 rows left out, 1.20% of all, 100% of that label",
        ),
        ("INFO", "empty_text: 2 rows left out, 0.20% of all"),
        ("INFO", "7 rows dropped because another row has their id"),
    ]


def test_contract_says_what_was_left_out_by_label(made_up, tmp_path):
    rows = made_up.rows(40)
    rows += [{**rows[0], "id": f"bad-{i}", "topic": "__label__cooking"} for i in range(5)]
    path = made_up.write(tmp_path / "d.jsonl", rows)
    run_to_sample(tmp_path / "r", [path], made_up.table, share=0.2)
    contract = read_json(tmp_path / "r" / "contract.json")
    assert contract["malformed"]["unknown_topic"]["labels"] == {"__label__cooking": 5}
    assert contract["left_out"] == [
        {
            "reason": "unknown_topic",
            "label": "__label__cooking",
            "rows": 5,
            "share_of_all": 5 / 45,
            "share_of_label": 1.0,
            "caution": True,
        }
    ]


def test_too_many_rows_with_unknown_labels_stop_with_their_spelling(made_up, tmp_path):
    rows = [{**row, "topic": "helth"} for row in made_up.rows(3)]
    path = made_up.write(tmp_path / "d.jsonl", rows)
    with pytest.raises(DataError, match=r"unknown_topic 3 \('helth' 3\)\), allowed share 0"):
        run_to_sample(tmp_path / "r", [path], made_up.table)
