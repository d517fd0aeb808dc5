"""Checks of a question as it is scored: a prompt, choices, and one gold answer among them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from workflow_scripts.benchmarks.tasks.question_files import Rows
from workflow_scripts.benchmarks.tasks.question_parts import Gold, Question, make_choices
from workflow_scripts.common.errors import DataError

# A position that a table has made a fraction of: 1.0.
WHOLE = re.compile(r"\d+\.0+")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def gold_index(target: Any, choices: list[str]) -> int | None:
    """Position of the gold answer from what ``doc_to_target`` gave, None without a gold answer.

    lm-eval takes a position or the text of a choice. It also takes -1 and counts such a
    question as wrong; here it has no gold answer.
    """
    if isinstance(target, str):
        return choices.index(target) if target in choices else None
    if isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(choices):
        return target
    return None


def are_letters(choices: list[str]) -> bool:
    """True where choices are the letters from A on, and not texts."""
    return [choice.strip() for choice in choices] == list(LETTERS[: len(choices)])


def form_problem(definition: Any, form: str, choices: list[str]) -> str:
    """Message for a benchmark that declares another form of its answers than they have."""
    return (
        f"benchmark {definition.name!r}: key 'answer_form' is {definition.answer_form!r}, but "
        f"its choices are {form}s, such as {choices}; correct the definition"
    )


def check_golds(questions: Iterable[Question]) -> list[str]:
    """Check every question of a file or task.

    Returns:
        Places of the questions that have one choice twice; lm-eval scores them as they are.

    Raises:
        DataError: names the first question that is wrong, and the way out.
    """
    twice, kinds = [], {}
    for question in questions:
        problem = question_problem(question)
        if problem:
            raise DataError(f"{question.origin}{problem}")
        if len(set(question.choices)) < len(question.choices):
            twice.append(question.origin)
        kinds.setdefault(_kind(question), question)
    kinds.pop(None, None)
    if len(kinds) > 1:
        number, text = kinds["position"], kinds["text"]
        raise DataError(
            f"{number.origin} has the gold answer {number.gold.text!r}, which none of its choices "
            f"is, so that it would be read as a position, but {text.origin} gives the text of a "
            "choice; give positions in all questions, or texts in all"
        )
    return twice


def _kind(question: Question) -> str | None:
    """Reading of a gold answer that is a text of the questions; None where it is no text."""
    text = question.gold.text
    if text is None:
        return None
    return "text" if text in question.choices else "position"


def question_problem(question: Question) -> str | None:
    """Fault of a question, to be read behind its place, or None."""
    problem = choices_problem(question.choices) or prompt_problem(question.prompt)
    if problem:
        return f": {problem}"
    problem = gold_problem(question.gold, question.choices)
    return f" has no gold answer: {problem}" if problem else None


def prompt_problem(prompt: Any) -> str | None:
    """Fault of a prompt, or None."""
    if isinstance(prompt, str) and prompt.strip():
        return _unicode_problem("prompt", prompt)
    way = "; name its column as it is (doc_to_text: column)" if isinstance(prompt, int) else ""
    return f"its prompt is {prompt!r}; it must be a text that is not empty{way}"


def choices_problem(choices: Any) -> str | None:
    """Fault of the choices of a question, or None."""
    texts = isinstance(choices, list) and all(isinstance(c, str) and c.strip() for c in choices)
    if texts and len(choices) > 1:
        return next(filter(None, (_unicode_problem("choice", c) for c in choices)), None)
    way = ""
    if isinstance(choices, str) and choices.strip()[:1] == "[":
        way = '; a list that is written as text is read by doc_to_choice: "{{column}}"'
    elif isinstance(choices, dict) and "text" in choices:
        way = '; its texts are read by doc_to_choice: "{{column.text}}"'
    elif isinstance(choices, list) and any(c is None or c == "" for c in choices):
        way = '; empty ones are left out by doc_to_choice: "{{[a, b, c] | select | list}}"'
    elif isinstance(choices, list) and any(isinstance(c, int | float) for c in choices):
        way = """; numbers become texts by doc_to_choice: "{{column | map('string') | list}}\""""
    return f"it has the choices {choices!r}; a question needs a list of at least two texts{way}"


def _unicode_problem(name: str, text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"its {name} {text!r} holds half of a surrogate pair, which is no character"
    return None


def gold_problem(gold: Gold, choices: list[str]) -> str | None:
    """Reason why a gold answer does not name exactly one of the choices, or None."""
    if isinstance(gold.value, list | tuple):
        return f"there are several, {gold.value!r}; allowed: one gold answer a question"
    if gold.text is not None and (problem := _two_names(gold, choices)):
        return problem
    if gold_index(gold.value, choices) is None:
        return (
            f"{gold.value!r} is not the position (0 to {len(choices) - 1}) or the text of one of "
            f"its {len(choices)} choices{_way_out(gold, choices)}"
        )
    if isinstance(gold.value, str) and choices.count(gold.value) > 1:
        return f"{gold.value!r} is the text of several of its choices; give its position"
    return None


def _two_names(gold: Gold, choices: list[str]) -> str | None:
    """A text of digits that is one choice and counts to another."""
    text = (gold.text or "").strip()
    named = [i for i, choice in enumerate(choices) if choice.strip() == text]
    if not named or not _is_position(text, choices) or named == [int(text)]:
        return None
    return (
        f"{text!r} is the text of choice {named[0]} and, as a position, choice {int(text)} "
        f'({choices[int(text)]!r}); say which by doc_to_target: "{{{{{gold.column}|int}}}}" gives '
        f'the position, "{{{{choices.index({gold.column})}}}}" the position of the text'
    )


def _is_position(text: str, choices: list[str]) -> bool:
    return text.isascii() and text.isdigit() and int(text) < len(choices)


def _way_out(gold: Gold, choices: list[str]) -> str:
    value, text, column = gold.value, gold.text, gold.column
    as_number = f'"{{{{{column}|int}}}}"'
    if isinstance(value, bool):
        return f"; if false is the first choice and true the second, write {as_number}"
    if not isinstance(value, int) and WHOLE.fullmatch(str(value)):
        return f"; write it as a whole number, or {as_number}"
    if isinstance(value, int) and value == len(choices):
        return "; positions count from 0"
    if text is None:
        return ""
    bare = text.strip()
    close = [choice for choice in choices if choice.strip().lower() == bare.lower()]
    if close:
        return f"; the nearest is {close[0]!r}, which differs in blanks or capitals"
    letters = LETTERS[: len(choices)]
    for order in (letters, letters.lower()):
        if len(bare) == 1 and bare in order:
            way = f"\"{{{{'{order}'.index({column})}}}}\""
            return f"; a letter becomes a position by doc_to_target: {way}"
    if _is_position(bare, choices):
        return f"; a position that is written as text is read by doc_to_target: {as_number}"
    return ""


def with_positions(rows: Rows, config: Mapping[str, Any]) -> Rows:
    """Positions that are written as text in the column of the gold answer, as numbers.

    A table such as CSV has no other way to write them, and lm-eval takes the text of a column for
    the text of a choice. Nothing changes where a question's gold is the text of one of its
    choices and no position of another: then texts are meant.
    """
    column = config.get("doc_to_target")
    if not isinstance(column, str) or not all(column in row for _, row in rows):
        return rows
    numbered = []
    for origin, row in rows:
        choices = _choices_or_none(config, row)
        gold = Gold(row[column], row[column])
        if choices and isinstance(gold.text, str):
            named = gold.text.strip() in [choice.strip() for choice in choices]
            position = _is_position(gold.text, choices)
            if named and not position:
                return rows
            if position and not _two_names(gold, choices):
                row = row | {column: int(gold.text)}
        numbered.append((origin, row))
    return numbered


def _choices_or_none(config: Mapping[str, Any], row: Mapping[str, Any]) -> list[str] | None:
    """The choices of a row, None where they are wrong or made later; the check says why."""
    try:
        choices = make_choices(config, row)
    except (DataError, KeyError):
        return None
    return None if choices_problem(choices) else choices
