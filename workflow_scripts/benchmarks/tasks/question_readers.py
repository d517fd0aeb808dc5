"""Readers of upstream benchmark files: rows with the columns of the task's hub dataset.

Each reader takes the paths of its files in the order of the definition and returns one
``(origin, row)`` per question, ``origin`` naming its place for messages.
"""

import csv
import functools
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workflow_scripts.benchmarks.tasks.question_files import (
    Rows,
    read_json_lines,
    read_questions,
    read_text,
)
from workflow_scripts.common.errors import DataError


def read_jsonl(paths: list[str]) -> Rows:
    """One JSON object a line, its keys as columns; blank lines are skipped.

    Raises:
        DataError: a line is no JSON object.
    """
    return [row for path in paths for row in read_json_lines(path)]


def read_socialiqa(paths: list[str]) -> Rows:
    """SocialIQA as released: questions in one file, labels 1-3 in another, line by line.

    Returns:
        Columns context, question, answerA, answerB, answerC, label (``1``, ``2`` or ``3``).

    Raises:
        DataError: not two files, a different number of lines, a missing field or label.
    """
    if len(paths) != 2:
        raise DataError(
            f"reader socialiqa needs two files, the questions and their labels; got {len(paths)}: "
            f"{', '.join(paths)}"
        )
    questions, labels = read_jsonl(paths[:1]), read_text(paths[1]).split()
    if len(questions) != len(labels):
        raise DataError(
            f"{paths[0]} has {len(questions)} questions, but {paths[1]} has {len(labels)} labels; "
            "each question needs its label on the same line"
        )
    fields = ("context", "question", "answerA", "answerB", "answerC")
    rows = []
    for (origin, row), label in zip(questions, labels, strict=True):
        if label not in ("1", "2", "3"):
            raise DataError(f"{origin}: its label in {paths[1]} is {label!r}; allowed: 1, 2, 3")
        rows.append(
            (origin, {field: _string(row, field, origin) for field in fields} | {"label": label})
        )
    return rows


def read_arc(paths: list[str]) -> Rows:
    """ARC as released: a stem, labelled choices (letters or numbers) and the key of the answer.

    Returns:
        Columns id, question, choices {text, label} and answerKey.

    Raises:
        DataError: a field is missing, or the key is not one of the labels.
    """
    return [(origin, _arc_row(origin, row)) for origin, row in read_jsonl(paths)]


def _arc_row(origin: str, row: dict[str, Any]) -> dict[str, Any]:
    question = row.get("question")
    if not isinstance(question, dict) or not isinstance(question.get("choices"), list):
        raise DataError(f"{origin}: 'question' must hold 'stem' and a list 'choices'")
    choices = question["choices"]
    labels = [str(choice.get("label")) for choice in choices]
    key = str(row.get("answerKey"))
    if key not in labels:
        raise DataError(
            f"{origin}: answerKey is {row.get('answerKey')!r}, not one of the labels "
            f"{', '.join(labels)}"
        )
    return {
        "id": str(row.get("id", "")),
        "question": _string(question, "stem", origin),
        "choices": {
            "text": [_string(choice, "text", origin) for choice in choices],
            "label": labels,
        },
        "answerKey": key,
    }


def read_mmlu(paths: list[str]) -> Rows:
    """MMLU as released: CSV without header, question, four choices and the answer's letter.

    The csv module, not a table library: choices such as ``None`` and ``NA`` must stay text, and
    quoted fields may span lines.

    Returns:
        Columns question, subject (from the file's name), choices and answer (0-3).

    Raises:
        DataError: a row has not six fields, or its answer is not A, B, C or D.
    """
    return [row for path in paths for row in _mmlu_rows(path)]


def _mmlu_rows(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    subject = Path(path.removesuffix(".gz").removesuffix(".zst")).stem
    for suffix in ("_test", "_dev", "_val"):
        subject = subject.removesuffix(suffix)
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    number = 0
    try:
        for number, fields in enumerate(lines, start=1):
            origin = f"{path} row {number}"
            if len(fields) != 6:
                raise DataError(
                    f"{origin} has {len(fields)} fields; needed: question, four choices, answer"
                )
            question, *choices, answer = fields
            if answer not in ("A", "B", "C", "D"):
                raise DataError(f"{origin}: the answer is {answer!r}; allowed: A, B, C, D")
            yield (
                origin,
                {
                    "question": question,
                    "subject": subject,
                    "choices": choices,
                    "answer": "ABCD".index(answer),
                },
            )
    except csv.Error as error:
        raise DataError(f"{path} row {number + 1} is not valid CSV: {error}") from None


def _string(row: dict[str, Any], field: str, origin: str) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise DataError(f"{origin}: {field!r} is {value!r}; it must be a text")
    return value


READERS: dict[str, Callable[[list[str]], Rows]] = {
    "jsonl": read_jsonl,
    **{
        name: functools.partial(read_questions, declared=name)
        for name in ("json", "csv", "parquet")
    },
    "socialiqa": read_socialiqa,
    "arc": read_arc,
    "mmlu": read_mmlu,
}
