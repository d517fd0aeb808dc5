"""Check of a benchmark's questions before anything runs: their task and local files.

Called when a run starts, before its first job: a benchmark that cannot be asked must not be found
out when the model has been trained. Nothing heavy is imported.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from workflow_scripts.benchmarks.definitions import ROOT, Definition, TaskEntry, resolve
from workflow_scripts.benchmarks.gold import are_letters, check_golds, form_problem, with_positions
from workflow_scripts.benchmarks.tasks.built_in import built_in_file
from workflow_scripts.benchmarks.tasks.question_files import Rows, read_questions
from workflow_scripts.benchmarks.tasks.question_parts import (
    Question,
    has_function,
    make_choices,
    make_gold,
    make_prompt,
)
from workflow_scripts.benchmarks.tasks.question_readers import READERS
from workflow_scripts.benchmarks.tasks.task_files import (
    FunctionName,
    asked_files,
    asked_split,
    read_task_file,
)
from workflow_scripts.benchmarks.tasks.task_shape import (
    PARTS,
    check_keys,
    check_metric,
    check_output_type,
)
from workflow_scripts.common.errors import AtlasError, ConfigError, DataError, nearest

# The keys that make questions of the rows of a file.
MADE_BY = (*PARTS, "process_docs")
# A key of a task that is a plain column: prompt, or {{prompt}}.
COLUMN = re.compile(r"(?:\{\{\s*)?([A-Za-z_]\w*)(?:\s*\}\})?")


def check_questions(definitions: Mapping[str, Definition], results: str, data: str) -> None:
    """Check the tasks of each benchmark, and every question of their local files.

    Args:
        definitions: of the study's benchmarks.
        results: the study's results folder; files in it are made by rules and not looked at.
        data: config key ``data``.

    Raises:
        ConfigError: lm-eval brings no such task, or it is of a kind that is not traced, or its
            keys name columns that its questions do not have.
        DataError: a file is broken or has no question, or a question is wrong; names the row.
    """
    check_local(definitions, results, data)
    if named := _with_functions(definitions):
        _check_in_lm_eval(named, results, data)


def check_local(definitions: Mapping[str, Definition], results: str, data: str) -> None:
    """The check of what templates make; see :func:`check_questions`.

    Raises:
        AtlasError: a line for each benchmark that cannot be asked.
    """
    problems = []
    for definition in definitions.values():
        try:
            check_definition(definition, results, data)
        except AtlasError as error:
            problems.append(error)
    if problems:
        raise type(problems[0])("\n".join(map(str, problems)))


def check_definition(definition: Definition, results: str, data: str) -> None:
    """Check each task of a benchmark, and whether its choices are what it declares."""
    examples = []
    for entry in definition.tasks:
        try:
            examples.append(_check_entry(entry, definition, results, data))
        except AtlasError as error:
            where = f"benchmark {definition.name!r}, task {entry.name!r}"
            raise type(error)(f"{where}: {error}") from None
    # Letters are letters in all tasks; texts in one settle it though others are not known.
    texts = [choices for choices in examples if choices and not are_letters(choices)]
    if texts or None not in examples:
        form, choices = ("text", texts[0]) if texts else ("letter", examples[0])
        if form != definition.answer_form:
            raise DataError(form_problem(definition, form, choices))


def _with_functions(definitions: Mapping[str, Definition]) -> list[Definition]:
    """Benchmarks on local files whose questions lm-eval alone can make, by Python functions."""
    return [
        definition
        for definition in definitions.values()
        if definition.local
        and any(map(_by_functions, definition.tasks))
        and not any(map(_is_made, definition.tasks))
    ]


def _by_functions(entry: TaskEntry) -> bool:
    config = entry.config or read_task_file(built_in_file(entry.name))[0]
    return any(has_function(config, key) for key in MADE_BY)


def _check_in_lm_eval(named: list[Definition], results: str, data: str) -> None:
    """Build tasks as their job will, in a process of its own: its imports take seconds.

    Raises:
        DataError: a task cannot be built, or one of its questions is wrong.
    """
    words = [sys.executable, "-m", "workflow_scripts.benchmarks.build_tasks"]
    words += ["--results", results, "--data", data, "--folder", str(named[0].path.parent)]
    done = subprocess.run(
        [*words, *(definition.name for definition in named)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    if done.returncode:
        raise DataError((done.stderr.strip().splitlines() or ["no message"])[-1])


def _check_entry(
    entry: TaskEntry, definition: Definition, results: str, data: str
) -> list[str] | None:
    """Check a task.

    Returns:
        Choices of one of its questions, of one with texts where not all are letters; None where
        they are not there yet, or lm-eval alone can make them.
    """
    config = entry.config
    if not config:
        config, _ = read_task_file(built_in_file(entry.name))
        check_output_type(config)
    check_keys(config)
    check_metric(config, definition.metric)
    if not entry.local or _is_made(entry):
        return None
    rows = checked_rows(entry, config, definition, results, data)
    if any(has_function(config, key) for key in MADE_BY):
        return None
    choices = [make_choices(config, row) for _, row in rows[: definition.limit]]
    return next((each for each in choices if not are_letters(each)), choices[0])


def _is_made(entry: TaskEntry) -> bool:
    """True where a rule of the study makes the questions."""
    return any(written.startswith("<results>/") for written in entry.files)


def checked_rows(
    entry: TaskEntry, config: Mapping[str, Any], definition: Definition, results: str, data: str
) -> Rows:
    """Questions of a task from its local files, checked as far as its templates make them.

    Every row has every column, and positions written as text are numbers. Where Python functions
    make the questions, they are checked when lm-eval has made them.

    Raises:
        ConfigError: the files are of another format, or not of the split that is asked, or lack
            a column that the task names.
        DataError: a file is broken or has no question, or a question is wrong; names the row.
    """
    asked_split(config)
    written = entry.files if entry.reader else asked_files(config)
    paths = [resolve(path, results, data, definition.path.parent) for path in written]
    if entry.reader:
        rows = READERS[entry.reader](paths)
    else:
        rows = read_questions(paths, config["dataset_path"], config["dataset_kwargs"])
    if not rows:
        raise DataError(f"{', '.join(paths)}: no question in it")
    rows = with_all_columns(rows, config)
    n_asked = len(rows[: definition.limit])
    asked = with_positions(rows[:n_asked], config)
    if not any(has_function(config, key) for key in MADE_BY):
        check_golds(make_question(origin, row, config) for origin, row in asked)
    return asked + rows[n_asked:]


def with_all_columns(rows: Rows, config: Mapping[str, Any]) -> Rows:
    """Rows that have every column that one of them has, None where a row lacks it.

    Raises:
        ConfigError: a column that the task names is in none.
        DataError: a row has nothing in such a column.
    """
    if config.get("process_docs") is None:
        check_rows(rows, config)
    columns = dict.fromkeys(column for _, row in rows for column in row)
    return [(origin, columns | row) for origin, row in rows]


def make_question(origin: str, row: Mapping[str, Any], config: Mapping[str, Any]) -> Question:
    """A question of a row, by the templates of its task.

    Raises:
        DataError: a template cannot be made over this row; names it.
    """
    try:
        return Question(
            origin, make_prompt(config, row), make_choices(config, row), make_gold(config, row)
        )
    except DataError as error:
        raise DataError(f"{origin}: {error}") from None


def check_rows(rows: Rows, config: Mapping[str, Any]) -> None:
    """Check that the columns a task names are there, in every row, and hold what they have to.

    Args:
        rows: questions with their places.
        config: the task's keys; those that are templates or functions are not looked into.

    Raises:
        ConfigError: no row has such a column.
        DataError: a row lacks it, or has no prompt or fewer than two choices in it.
    """
    if isinstance(config.get("doc_to_target"), list):
        raise ConfigError(
            f"key 'doc_to_target' is {config['doc_to_target']!r}, several gold answers; allowed: "
            "one gold answer a question"
        )
    known = list(dict.fromkeys(column for _, row in rows for column in row))
    for key in PARTS:
        named = _column(config.get(key))
        if named and named not in known:
            raise ConfigError(
                f"key {key!r} is {config[key]!r}, but the questions have no such column; their "
                f"columns: {', '.join(known)}{nearest(named, known)}"
            )
        for origin, row in rows if named else ():
            if row.get(named) is None:
                state = "empty" if named in row else "missing"
                raise DataError(f"{origin}: column {named!r} is {state}; it is its {key}")


def _column(value: Any) -> str | None:
    """Column that a key of a task names, or None where it is not a plain column."""
    if not isinstance(value, str) or isinstance(value, FunctionName):
        return None
    found = COLUMN.fullmatch(value.strip())
    return found[1] if found else None
