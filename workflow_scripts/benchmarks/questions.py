"""What can be known of a benchmark's questions before anything runs: their task and local files.

Called when a run starts, before its first job: a benchmark that cannot be asked must not be found
out when the model has been trained. Nothing heavy is imported.
"""

import re
from collections.abc import Mapping
from typing import Any

from workflow_scripts.benchmarks.built_in import built_in_file
from workflow_scripts.benchmarks.definitions import Definition, TaskEntry, resolve
from workflow_scripts.benchmarks.readers import READERS, Rows, read_jsonl
from workflow_scripts.benchmarks.task_files import FunctionName, read_task_file
from workflow_scripts.benchmarks.task_shape import PARTS, check_output_type
from workflow_scripts.common.errors import AtlasError, ConfigError, DataError, nearest

# A key of a task that is a column as it stands: prompt, or {{prompt}}.
COLUMN = re.compile(r"(?:\{\{\s*)?([A-Za-z_]\w*)(?:\s*\}\})?")


def check_questions(definitions: Mapping[str, Definition], results: str, data: str) -> None:
    """Check the tasks of each benchmark, and their local files row by row.

    Args:
        definitions: of the study's benchmarks.
        results: the study's results folder; files in it are made by rules and not looked at.
        data: config key ``data``.

    Raises:
        ConfigError: lm-eval brings no such task, or it is of a kind that is not traced, or its
            keys name columns that its questions do not have.
        DataError: a file is broken or has no question; names the file and the row.
    """
    for definition in definitions.values():
        for entry in definition.tasks:
            try:
                _check_entry(entry, definition, results, data)
            except AtlasError as error:
                where = f"benchmark {definition.name!r}, task {entry.name!r}"
                raise type(error)(f"{where}: {error}") from None


def _check_entry(entry: TaskEntry, definition: Definition, results: str, data: str) -> None:
    if not entry.config:
        config, _ = read_task_file(built_in_file(entry.name))
        check_output_type(config)
    if any(written.startswith("<results>/") for written in entry.files):
        return
    paths = [resolve(written, results, data, definition.path.parent) for written in entry.files]
    if entry.reader:
        rows = READERS[entry.reader](paths)
    elif paths and all(path.endswith(".jsonl") for path in paths):
        rows = read_jsonl(paths)
    else:
        return
    if not rows:
        raise DataError(f"{', '.join(paths)}: no question in it")
    if entry.config and "process_docs" not in entry.config:
        check_rows(rows, entry.config)


def check_rows(rows: Rows, config: Mapping[str, Any]) -> None:
    """Check that the columns a task names are there, in every row, and hold what they have to.

    Args:
        rows: questions with their places.
        config: the task's keys; those that are templates or functions are not looked into.

    Raises:
        ConfigError: no row has such a column.
        DataError: a row lacks it, or has no prompt or fewer than two choices in it.
    """
    known = list(dict.fromkeys(column for _, row in rows for column in row))
    for key in PARTS:
        named = _column(config.get(key))
        if named and named not in known:
            raise ConfigError(
                f"key {key!r} is {config[key]!r}, but the questions have no such column; their "
                f"columns: {', '.join(known)}{nearest(named, known)}"
            )
        for origin, row in rows if named else ():
            if problem := _problem(key, named, row):
                raise DataError(f"{origin}: {problem}")


def _column(value: Any) -> str | None:
    """The column that a key of a task stands for, or None where it is no plain column."""
    if not isinstance(value, str) or isinstance(value, FunctionName):
        return None
    found = COLUMN.fullmatch(value.strip())
    return found[1] if found else None


def _problem(key: str, column: str, row: Mapping[str, Any]) -> str | None:
    """What is wrong with one value of a question, or None."""
    value = row.get(column)
    if value is None:
        return f"column {column!r} is {'empty' if column in row else 'missing'}; it is its {key}"
    if key == "doc_to_text":
        return prompt_problem(value)
    return choices_problem(value) if key == "doc_to_choice" else None


def prompt_problem(prompt: Any) -> str | None:
    """What is wrong with a prompt, or None."""
    if isinstance(prompt, str) and prompt.strip():
        return None
    return f"its prompt is {prompt!r}; it must be a text that is not empty"


def choices_problem(choices: Any) -> str | None:
    """What is wrong with the choices of a question, or None."""
    texts = isinstance(choices, list) and all(isinstance(c, str) and c for c in choices)
    if texts and len(choices) > 1:
        return None
    return f"it has the choices {choices!r}; a question needs a list of at least two texts"
