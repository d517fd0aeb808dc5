"""Checks of a task that lm-eval has built: its shape, and every question as it will be scored."""

import logging
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from workflow_scripts.benchmarks.definitions import Definition
from workflow_scripts.benchmarks.gold import check_golds
from workflow_scripts.benchmarks.tasks.local_data import one_line
from workflow_scripts.benchmarks.tasks.question_parts import Gold, Question, make_gold, make_prompt
from workflow_scripts.common.errors import ConfigError, DataError

logger = logging.getLogger("atlas")


def check_task(
    task: Any, definition: Definition, origins: list[str], config: Mapping[str, Any]
) -> None:
    """Refuse what cannot be traced: other shapes of a task, and questions without a gold answer.

    Args:
        task: what lm-eval built.
        definition: the benchmark.
        origins: place of each question, empty where it is not known.
        config: the configuration that the task was built from.

    Raises:
        ConfigError: the task has several golds or contexts, filters, or not the metric.
        DataError: a question has no gold answer among its choices.
    """
    if task.multiple_input or task.multiple_target:
        kind = "a context per choice" if task.multiple_input else "several gold answers"
        raise ConfigError(f"it has {kind}; allowed: one context and one gold answer a question")
    if task.config.filter_list is not None:
        raise ConfigError("it filters the model's responses (filter_list), which is not supported")
    metrics = list(task.aggregation())
    if definition.metric not in metrics:
        raise ConfigError(
            f"its metrics are {', '.join(metrics)}, but the definition's key 'metric' is "
            f"{definition.metric!r}"
        )
    twice = check_golds(built_questions(task, definition, origins, config))
    if twice:
        logger.warning(
            "%d questions have one choice twice, the first is %s; lm-eval can count but one of "
            "the two as right",
            len(twice),
            twice[0],
        )


def built_questions(
    task: Any, definition: Definition, origins: list[str], config: Mapping[str, Any]
) -> Iterator[Question]:
    """The questions of a task as lm-eval made them.

    Raises:
        DataError: lm-eval cannot make a part of one.
    """
    documents = task.eval_docs
    # A function over the dataset may drop questions: then positions do not show the origin.
    known = len(origins) == len(documents)
    for number, document in enumerate(islice(documents, definition.limit)):
        origin = origins[number] if known else f"question {number}"
        try:
            choices, target = task.doc_to_choice(document), task.doc_to_target(document)
        except Exception as error:
            raise DataError(f"{origin} has no gold answer: {one_line(error)}") from error
        try:
            prompt = task.doc_to_text(document)
        except Exception as error:
            raise DataError(f"{origin} has no prompt: {one_line(error)}") from error
        gold = _gold_of(config, document, target)
        if origins and not callable(config["doc_to_text"]):
            prompt = _same(origin, "prompt", make_prompt(config, document), prompt)
        _same(origin, "gold answer", gold.value, target)
        yield Question(origin, prompt, choices, gold)


def _gold_of(config: Mapping[str, Any], document: Mapping[str, Any], target: Any) -> Gold:
    """Gold answer with the text that it comes from, which lm-eval does not report."""
    if not callable(config["doc_to_target"]):
        return make_gold(config, document)
    return Gold(target, target if isinstance(target, str) else None)


def _same(origin: str, part: str, ours: Any, theirs: Any) -> Any:
    if ours != theirs:
        raise DataError(f"{origin}: lm-eval reads its {part} as {theirs!r}, not {ours!r}")
    return theirs
