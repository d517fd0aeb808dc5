"""Turn the samples that lm-eval logs into the rows of the tables queries and answers."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.benchmarks.definitions import Definition
from workflow_scripts.benchmarks.gold import are_letters, form_problem, gold_index
from workflow_scripts.common.errors import DataError, IntegrityError, NumericsError
from workflow_scripts.common.tables import read_table


@dataclass(frozen=True)
class Answers:
    """A benchmark's questions and what the model makes of them.

    Attributes:
        queries: rows of the table ``benchmarks/queries``.
        answers: rows of the table ``benchmarks/answers``.
        summary: content of ``results.json``.
    """

    queries: pl.DataFrame
    answers: pl.DataFrame
    summary: dict[str, Any]


def in_units(loglikelihoods: list[float], choices: list[str], metric: str) -> np.ndarray:
    """Log-likelihoods of the choices in the units of a metric.

    ``acc`` compares summed log-likelihoods (nats); ``acc_norm`` divides each by the number of
    characters of its choice, without delimiter (lm-eval 0.4.13, ``process_results``; its bytes
    variant is another metric, ``acc_bytes``).
    """
    values = np.asarray(loglikelihoods, dtype=np.float64)
    if metric == "acc_norm":
        values = values / np.array([float(len(choice)) for choice in choices])
    return values


def margin(values: np.ndarray, gold: int) -> float:
    """Gold minus the best wrong choice, in the units of ``values``; positive when right."""
    return float(values[gold] - np.delete(values, gold).max())


def collect(
    definition: Definition,
    tasks: Mapping[str, Any],
    report: Mapping[str, Any],
    scored: Mapping[tuple[str, str], tuple[list[int], int]],
) -> Answers:
    """Rows and summary from lm-eval's report.

    Args:
        definition: the benchmark.
        tasks: lm-eval's task objects by name.
        report: what lm-eval's ``evaluate`` returned, samples included.
        scored: token ids and start of the continuation per (context, continuation) pair.

    Raises:
        DataError: the definition declares another answer form than the questions have.
        NumericsError: a log-likelihood is not finite.
    """
    queries, answers = [], []
    groups = {entry.name: entry.group for entry in definition.tasks}
    for name, task in tasks.items():
        samples = sorted(report["samples"][name], key=lambda sample: sample["doc_id"])
        passages = _passages([sample["doc"] for sample in samples], groups.get(name), name)
        for sample, passage in zip(samples, passages, strict=True):
            query, row = _sample_rows(sample, name, task, definition.metric, scored)
            queries.append(query | {"passage": passage})
            answers.append(row)
    _check_form(queries, definition)
    frames = pl.DataFrame(queries, schema_overrides={"passage": pl.String}), pl.DataFrame(answers)
    return Answers(*frames, _summary(definition, *frames, report))


def _passages(docs: Sequence[Mapping[str, Any]], group: str | None, task: str) -> list[str | None]:
    """Number of each question's passage, None for one of its own.

    The field may hold a name or the passage itself; equal ones are the same passage.

    Raises:
        DataError: no question has the field that the definition names.
    """
    if group is None:
        return [None] * len(docs)
    if not any(group in doc for doc in docs):
        fields = ", ".join(dict.fromkeys(field for doc in docs for field in doc))
        raise DataError(
            f"task {task!r}: no question has the field {group!r}, which 'data.group' names; their "
            f"fields: {fields}"
        )
    numbers: dict[str, str] = {}
    values = [str("" if doc.get(group) is None else doc[group]) for doc in docs]
    return [numbers.setdefault(v, str(len(numbers) + 1)) if v else None for v in values]


def _sample_rows(
    sample: Mapping[str, Any],
    name: str,
    task: Any,
    metric: str,
    scored: Mapping[tuple[str, str], tuple[list[int], int]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Row of ``queries`` and row of ``answers`` of one question."""
    query_id = f"{name}/{sample['doc_id']}"
    choices = task.doc_to_choice(sample["doc"])
    gold = gold_index(sample["target"], choices)
    assert gold is not None, query_id
    # Metrics such as acc_mutual_info add requests after those of the choices.
    pairs = [tuple(pair) for pair in sample["arguments"][: len(choices)]]
    loglikelihoods = [float(value) for value, _ in sample["filtered_resps"][: len(choices)]]
    if not all(map(math.isfinite, loglikelihoods)):
        raise NumericsError(
            f"question {query_id}: log-likelihoods {loglikelihoods} are not all finite; "
            "the model or its precision is broken"
        )
    values = in_units(loglikelihoods, choices, metric)
    predicted = int(np.argmax(values))
    correct = bool(sample[metric])
    assert correct == (predicted == gold), f"{query_id}: lm-eval decides differently"
    query = {
        "query_id": query_id,
        "task": name,
        "prompt": pairs[0][0],
        "choices": [continuation for _, continuation in pairs],
        "gold": gold,
        "target": pairs[gold][1],
        "choice_input_ids": [scored[pair][0] for pair in pairs],
        "choice_start": [scored[pair][1] for pair in pairs],
    }
    row = {
        "query_id": query_id,
        "loglikelihoods": loglikelihoods,
        "predicted": predicted,
        "correct": correct,
        "margin": margin(values, gold),
    }
    return query, row


def _check_form(queries: list[dict[str, Any]], definition: Definition) -> None:
    """Raise DataError unless the choices are letters exactly where the definition says so."""
    form = "letter" if all(are_letters(query["choices"]) for query in queries) else "text"
    if form != definition.answer_form:
        raise DataError(form_problem(definition, form, queries[0]["choices"]))


def _summary(
    definition: Definition, queries: pl.DataFrame, answers: pl.DataFrame, report: Mapping[str, Any]
) -> dict[str, Any]:
    """Accuracy and chance level per task and over all questions.

    Accuracies and standard errors of tasks are lm-eval's; a benchmark of several tasks averages
    over questions, as lm-eval does with ``weight_by_size``.
    """
    joined = queries.join(answers, on="query_id").with_columns(
        chance=1 / pl.col("choices").list.len()
    )
    tasks = {}
    for (name,), rows in joined.group_by("task", maintain_order=True):
        reported = report["results"][name]
        accuracy = reported[f"{definition.metric},none"]
        assert math.isclose(accuracy, rows["correct"].mean(), abs_tol=1e-9), name
        tasks[name] = {
            "accuracy": accuracy,
            "chance": rows["chance"].mean(),
            "n_questions": rows.height,
            "version": report["versions"].get(name),
        }
    n, accuracy = joined.height, joined["correct"].mean()
    keys = ("title", "domain", "capability", "answer_form", "metric", "target")
    return {
        "benchmark": definition.name,
        **{key: getattr(definition, key) for key in keys},
        "accuracy": accuracy,
        # Sample standard deviation of the 0/1 outcomes over sqrt(n), as lm-eval's mean_stderr.
        "accuracy_se": math.sqrt(accuracy * (1 - accuracy) / (n - 1)) if n > 1 else None,
        "chance": joined["chance"].mean(),
        "mean_margin": joined["margin"].mean(),
        "n_questions": n,
        "tasks": tasks,
    }


def answered_right(path: str | os.PathLike, query_ids: Sequence[str]) -> np.ndarray:
    """Correctness of the base model's answer to each question.

    Args:
        path: the table ``benchmarks/answers``.
        query_ids: Q questions, in the wanted order.

    Returns:
        (Q,) bool.

    Raises:
        IntegrityError: a question has no answer there.
    """
    answers = read_table(path, "benchmarks/answers", ["query_id", "correct"])
    right = dict(answers.rows())
    missing = [query for query in query_ids if query not in right]
    if missing:
        raise IntegrityError(
            f"{path} has no answer to question {missing[0]!r}; the answers and the question rows "
            "are of two runs: delete both and run again"
        )
    return np.array([right[query] for query in query_ids], dtype=bool)
