"""Prompt, choices and right answer of a question, made of its row as lm-eval makes them.

The same templates with the same rules (lm-eval 0.4.13, ``ConfigurableTask.doc_to_*``), without its
seconds of import; a test holds the two equal. Beyond lm-eval it is kept what a template was
given: whether a gold answer of digits is a text of the questions or a position.
"""

import ast
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, Template

from workflow_scripts.benchmarks.tasks.task_files import FunctionName
from workflow_scripts.common.errors import DataError, nearest

# The column in a template such as {{gold}}, {{ gold }} or {{gold | trim}}.
PLAIN = re.compile(r"\{\{\s*(\w+)[^}]*\}\}")
# Values written so far by the templates being rendered.
_written: list[Any] = []


def _keep(value: Any) -> Any:
    _written.append(value)
    return value


def _regex_replace(string: str, pattern: str, repl: str, count: int = 0) -> str:
    return re.sub(pattern, repl, string, count=count)


_environment = Environment(
    loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True, finalize=_keep
)
_environment.filters["regex_replace"] = _regex_replace


@functools.cache
def _template(text: str) -> Template:
    return _environment.from_string(text)


def render(template: str, row: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Text of a template over a row, and the values that it was given."""
    compiled = _template(template)
    _written.clear()
    text = compiled.render(**row)
    return text, list(_written)


@dataclass(frozen=True)
class Gold:
    """The right answer of a question.

    Attributes:
        value: what lm-eval gets: a position, or the text of a choice.
        text: the text of the question's row that it comes from; None where it is a number, a
            computed position, or what a function gave.
        column: the column that it comes from, for messages.
    """

    value: Any
    text: str | None = None
    column: str = "gold"


@dataclass(frozen=True)
class Question:
    """One question: its place, its prompt, its choices and its gold answer."""

    origin: str
    prompt: Any
    choices: Any
    gold: Gold


def has_function(config: Mapping[str, Any], key: str) -> bool:
    """True where a key of a task is a function, which lm-eval alone can call."""
    return isinstance(config.get(key), FunctionName) or callable(config.get(key))


def make_prompt(config: Mapping[str, Any], row: Mapping[str, Any]) -> Any:
    """The prompt, as ``doc_to_text`` gives it; a number where lm-eval reads a position."""
    value = config["doc_to_text"]
    if not isinstance(value, str) or value in row:
        return row[value] if isinstance(value, str) else value
    text, given = _rendered("doc_to_text", value, row)
    _refuse_missing("doc_to_text", given)
    return ast.literal_eval(text) if text.isdigit() else text


def make_choices(config: Mapping[str, Any], row: Mapping[str, Any]) -> Any:
    """The choices, as ``doc_to_choice`` gives them."""
    value = config["doc_to_choice"]
    if callable(value):
        return value(row)
    if isinstance(value, dict):
        return list(value.values())
    if not isinstance(value, str):
        return value
    if value in row:
        return row[value]
    text, _ = _rendered("doc_to_choice", value, row)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise DataError(
            f"its doc_to_choice gives {_short(text)}, which is no list of texts; name the column "
            "of such a list, or write a template that gives one, such as {{[a, b|string]}}"
        ) from None


def make_gold(config: Mapping[str, Any], row: Mapping[str, Any]) -> Gold:
    """The right answer, as ``doc_to_target`` gives it."""
    value = config["doc_to_target"]
    if not isinstance(value, str):
        return Gold(value)
    column = PLAIN.sub(r"\1", value.strip())
    if value in row:
        found = row[value]
        return Gold(found, found if isinstance(found, str) else None, column)
    text, given = _rendered("doc_to_target", value, row)
    source = given[0] if len(given) == 1 and isinstance(given[0], str) else None
    if text.isdigit():
        try:
            return Gold(ast.literal_eval(text), source, column)
        except SyntaxError:
            return Gold(text, source, column)
    if len(text) >= 2 and text[0] == "[" and text[-1] == "]":
        try:
            return Gold(ast.literal_eval(text))
        except (SyntaxError, ValueError):
            pass
    return Gold(text, text, column)


def _rendered(key: str, template: str, row: Mapping[str, Any]) -> tuple[str, list[Any]]:
    try:
        return render(template, row)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        missing = re.match(r"'(\w+)' is undefined", reason)
        known = [str(column) for column in row]
        near = nearest(missing[1], known) if missing else ""
        there = f"; its columns: {', '.join(known)}{near}" if missing else ""
        raise DataError(f"its {key} ({_short(template)}) cannot be made: {reason}{there}") from None


def _refuse_missing(key: str, given: list[Any]) -> None:
    """Refuse missing values, which the prompt would show as ``None`` or ``nan``."""
    for value in given:
        if value is None or isinstance(value, bytes) or value != value:
            raise DataError(
                f"its {key} would say {str(value)!r}, since a value is missing or no text; fill it "
                "in, or leave it out with {% if column %}..{% endif %}"
            )


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
