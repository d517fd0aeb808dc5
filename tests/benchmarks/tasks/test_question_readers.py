"""Readers: columns of the hub datasets from upstream files, mistakes named by file and row."""

import json

import pytest

from workflow_scripts.benchmarks.tasks.question_readers import (
    read_arc,
    read_jsonl,
    read_mmlu,
    read_socialiqa,
)
from workflow_scripts.common.errors import DataError

SOCIAL = {"context": "c", "question": "q", "answerA": "a", "answerB": "b", "answerC": "d"}


@pytest.fixture
def put(tmp_path):
    """Write a file and give its path."""

    def write(name, *lines):
        path = tmp_path / name
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("".join(f"{text}\n" for text in texts))
        return str(path)

    return write


def arc(key="B", labels="ABC"):
    choices = [{"text": f"t{label}", "label": label} for label in labels]
    return {"id": "x", "question": {"stem": "why?", "choices": choices}, "answerKey": key}


def test_real_socialiqa_has_300_labelled_questions(real_data):
    folder = real_data / "socialiqa"
    rows = read_socialiqa([str(folder / "dev.jsonl"), str(folder / "dev-labels.lst")])
    assert len(rows) == 300
    first = rows[0][1]
    assert list(first) == ["context", "question", "answerA", "answerB", "answerC", "label"]
    assert first["label"] == "3"
    assert {row["label"] for _, row in rows} == {"1", "2", "3"}


def test_real_arc_has_294_questions_of_three_to_five_choices(real_data):
    rows = read_arc([str(real_data / "arc_challenge" / "ARC-Challenge-Dev.jsonl")])
    assert len(rows) == 294
    assert {len(row["choices"]["text"]) for _, row in rows} <= {3, 4, 5}
    assert all(row["answerKey"] in row["choices"]["label"] for _, row in rows)


def test_real_mmlu_has_11_questions_a_stem_and_20_a_social_subject(real_data):
    counts = {}
    for path in sorted((real_data / "mmlu" / "test").glob("*.csv")):
        rows = read_mmlu([str(path)])
        subject = path.name.removesuffix("_test.csv")
        counts[subject] = len(rows)
        assert {row["subject"] for _, row in rows} == {subject}
        assert all(len(row["choices"]) == 4 and row["answer"] in range(4) for _, row in rows)
    assert sorted(counts.values()) == [11] * 18 + [20] * 12


def test_jsonl_keeps_line_numbers_over_blank_lines_and_odd_separators(put):
    path = put("x.jsonl", {"a": 1}, "", {"a": "two\u2028lines"})
    assert read_jsonl([path]) == [
        (f"{path} line 1", {"a": 1}),
        (f"{path} line 3", {"a": "two\u2028lines"}),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [('{"a": ', "line 2 is not valid JSON"), ("[1]", "line 2 is not a JSON object but list")],
)
def test_a_malformed_json_line_is_named(put, line, expected):
    with pytest.raises(DataError, match=expected):
        read_jsonl([put("x.jsonl", {"a": 1}, line)])


def test_socialiqa_pairs_lines_with_labels(put):
    rows = read_socialiqa([put("q.jsonl", SOCIAL, SOCIAL), put("l.lst", "2", "1")])
    assert [row["label"] for _, row in rows] == ["2", "1"]


def test_socialiqa_without_all_labels_is_refused(put):
    with pytest.raises(DataError, match=r"has 2 questions, but .* has 1 labels"):
        read_socialiqa([put("q.jsonl", SOCIAL, SOCIAL), put("l.lst", "2")])


def test_socialiqa_label_outside_the_choices_names_file_and_row(put):
    with pytest.raises(DataError, match=r"q.jsonl line 2: its label in .*l.lst is '4'"):
        read_socialiqa([put("q.jsonl", SOCIAL, SOCIAL), put("l.lst", "2", "4")])


def test_socialiqa_needs_its_second_file(put):
    with pytest.raises(DataError, match="needs two files"):
        read_socialiqa([put("q.jsonl", SOCIAL)])


def test_arc_accepts_numbers_and_letters_as_labels(put):
    path = put("a.jsonl", arc("3", "1234"), arc("E", "ABCDE"), arc(3, "123"))
    rows = [row for _, row in read_arc([path])]
    assert [row["answerKey"] for row in rows] == ["3", "E", "3"]
    assert rows[0]["choices"] == {"text": ["t1", "t2", "t3", "t4"], "label": ["1", "2", "3", "4"]}


@pytest.mark.parametrize("key", ["D", None])
def test_arc_key_outside_the_labels_names_file_and_row(put, key):
    with pytest.raises(DataError, match=r"a.jsonl line 2: answerKey is .*labels A, B, C"):
        read_arc([put("a.jsonl", arc(), arc(key))])


def test_mmlu_fields_may_span_lines_and_look_like_missing_values(put):
    path = put("logic_test.csv", '"first\nsecond",None,NA,"a, b",nan,D', "q,1,2,3,4,A")
    (origin, first), (_, second) = read_mmlu([path])
    assert first == {
        "question": "first\nsecond",
        "subject": "logic",
        "choices": ["None", "NA", "a, b", "nan"],
        "answer": 3,
    }
    assert origin.endswith("row 1")
    assert second["answer"] == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("q,1,2,3,4", "row 2 has 5 fields; needed: question, four choices, answer"),
        ("q,1,2,3,4,E", "row 2: the answer is 'E'; allowed: A, B, C, D"),
        ('"q,1,2,3,4,A', "row 2 is not valid CSV"),
    ],
)
def test_a_malformed_mmlu_row_is_named(put, line, expected):
    with pytest.raises(DataError, match=expected):
        read_mmlu([put("x_test.csv", "q,1,2,3,4,A", line)])
