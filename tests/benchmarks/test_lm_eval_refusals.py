"""Refusals of the adapter, each by name in one line; and its small pure functions."""

import math

import pytest
import torch

from tests.benchmarks.made_up import inline, row
from workflow_scripts.benchmarks.answers import gold_index, in_units, margin
from workflow_scripts.benchmarks.tasks.built_in import built_in_tasks
from workflow_scripts.common.errors import ConfigError, DataError, NumericsError


@pytest.mark.parametrize(
    ("gold", "problem"),
    [
        (None, ": column 'gold' is empty; it is its doc_to_target"),
        (4, " has no gold answer: 4 is not"),
        (-1, " has no gold answer: -1 is not"),
    ],
)
def test_a_question_without_gold_names_file_and_line(ask, workbench, gold, problem):
    rows = [row(0), row(1), row(2) | {"gold": gold}]
    with pytest.raises(DataError, match=rf"questions.jsonl line 3{problem}"):
        ask(workbench.ask(rows))


def test_a_benchmark_without_any_gold_is_refused(ask, workbench):
    rows = [{key: row(i)[key] for key in ("prompt", "choices")} for i in range(3)]
    with pytest.raises(ConfigError, match=r"'doc_to_target' is 'gold', but the .* no such column"):
        ask(workbench.ask(rows))
    with pytest.raises((DataError, ConfigError), match=r"questions.jsonl line 1.*undefined"):
        ask(workbench.ask(rows, inline(doc_to_target="{{answer + 1}}")))


@pytest.mark.parametrize("choices", [[], ["only one"]])
def test_a_question_without_a_choice_is_refused_by_file_and_line(ask, workbench, choices):
    rows = [row(0), row(1) | {"choices": choices, "gold": 0}]
    with pytest.raises(DataError, match=r"questions.jsonl line 2: it has the choices"):
        ask(workbench.ask(rows))


@pytest.mark.parametrize("prompt", [None, "", "7"])
def test_a_question_without_a_prompt_is_refused_by_file_and_line(ask, workbench, prompt):
    """A prompt of digits is a position for lm-eval, which would take a choice for the prompt."""
    rows = [row(0), row(1) | {"prompt": prompt}]
    text = "prompt" if prompt != "7" else "{{prompt}}"
    problem = r"column 'prompt' is empty" if prompt is None else r"its prompt is (''|7);"
    with pytest.raises(DataError, match=rf"questions.jsonl line 2: {problem}"):
        ask(workbench.ask(rows, inline(doc_to_text=text)))


def test_gold_may_be_the_text_of_a_choice(ask, workbench):
    rows = [row(i) | {"gold": row(i)["choices"][2]} for i in range(3)]
    assert ask(workbench.ask(rows)).queries["gold"].to_list() == [2, 2, 2]


def test_empty_question_file_is_refused(ask, workbench):
    with pytest.raises(DataError, match=r"questions.jsonl: no question in it"):
        ask(workbench.ask([]))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"doc_to_txt": "x"}, "lm-eval cannot build it .*doc_to_txt"),
        ({"test_split": None}, "names no test_split or validation_split"),
        ({"doc_to_target": [0, 1]}, "several gold answers"),
        (
            {"metric_list": [{"metric": "acc_norm"}]},
            "its metrics are acc_norm, but the definition's key 'metric' is 'acc'",
        ),
    ],
)
def test_a_task_that_cannot_be_traced_is_refused_by_name(ask, workbench, change, expected):
    with pytest.raises(ConfigError, match=expected) as error:
        ask(workbench.ask([row(0)], inline(**change)))
    assert str(error.value).startswith("benchmark 'made_up', task 'made_up': ")


def test_unknown_built_in_task_names_the_nearest(ask, workbench):
    data = {"reader": "jsonl", "files": ["<results>/questions.jsonl"]}
    with pytest.raises(ConfigError, match=r"brings no task 'arc_chalenge'.*'arc_challenge'"):
        ask(workbench.define(tasks=[{"task": "arc_chalenge", "data": data}]))


def test_the_task_index_finds_what_lm_eval_brings():
    found = built_in_tasks()
    assert len(found) > 10_000
    assert found["social_iqa"].name == "siqa.yaml"
    assert {"hellaswag", "mmlu_sociology", "mmlu_sociology_continuation"} <= set(found)
    assert "mmlu_stem_continuation" not in found, "a tag is no task"


def test_declared_answer_form_must_be_true(ask, workbench):
    letters = [row(i) | {"choices": ["A", "B", "C", "D"]} for i in range(2)]
    with pytest.raises(DataError, match="'answer_form' is 'text', but its choices are letters"):
        ask(workbench.ask(letters))
    assert ask(workbench.ask(letters, answer_form="letter")).queries.height == 2


def test_a_broken_model_is_told_by_the_number(ask, workbench, tiny):
    """The weights are put back by hand: monkeypatch leaves a module without its parameter."""
    weight = tiny.model.lm_head.weight
    sound = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(math.nan)
    try:
        with pytest.raises(NumericsError, match=r"made_up/0: log-likelihoods .*nan"):
            ask(workbench.ask([row(0)]))
    finally:
        with torch.no_grad():
            weight.copy_(sound)


def test_margin_by_hand():
    """Summed: -2 against the best wrong -1.5. Per character: -2/10 against -1.5/3 and -8/8."""
    choices = ["ten chars.", "abc", "12345678"]
    logs = [-2.0, -1.5, -8.0]
    assert margin(in_units(logs, choices, "acc"), 0) == pytest.approx(-0.5)
    assert margin(in_units(logs, choices, "acc_norm"), 0) == pytest.approx(-0.2 + 0.5)


def test_gold_index_accepts_positions_and_texts_alone():
    assert [gold_index(value, ["x", "y"]) for value in (0, 1, "y", 2, -1, True, "z", None)] == [
        0, 1, 1, None, None, None, None, None,
    ]  # fmt: skip


def test_rows_that_differ_in_type_are_refused(ask, workbench):
    rows = [row(0), row(1) | {"choices": "one, two"}]
    with pytest.raises(DataError, match=r"questions.jsonl line 2: it has the choices 'one, two'"):
        ask(workbench.ask(rows))


def test_a_choice_longer_than_the_model_is_refused(ask, workbench, tiny, monkeypatch):
    monkeypatch.setattr(tiny.model.config, "max_position_embeddings", 8)
    long = row(0) | {"choices": ["proud", "a", "b", "melts away slowly " * 4]}
    with pytest.raises(DataError, match=r"choice ' melts away .* tokens; the model can score 1 to"):
        ask(workbench.ask([long]))
