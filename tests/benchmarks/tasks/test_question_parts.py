"""Questions are made as lm-eval makes them: the same prompt, choices and gold on many shapes."""

import dataclasses

import pytest

from tests.benchmarks.made_up import inline
from workflow_scripts.benchmarks.tasks.question_parts import make_choices, make_gold, make_prompt
from workflow_scripts.benchmarks.tasks.task_shape import KEYS, METRICS

ROW = {
    "prompt": "What is 1 + 1?",
    "number": "7",
    "choices": ["1", "2", "it's", 'a "b"'],
    "written": '["x", "y", "1969-07-20"]',
    "options": {"text": ["p", "q"], "label": ["A", "B"]},
    "a": "None",
    "b": "NA",
    "c": "1969-07-20",
    "key": "B",
    "gold": 1,
    "text_gold": "2",
    "padded": "02",
    "nothing": None,
    "yes": True,
    "several": "[0, 1]",
    "date": "[2001-09-11]",
}
SHAPES = [
    {"doc_to_text": "prompt"},
    {"doc_to_text": "Q: {{prompt}}\nA:\n"},
    {"doc_to_text": "{{number}}"},
    {"doc_to_text": "{{prompt.upper() | regex_replace('W', 'w')}}"},
    {"doc_to_choice": "{{choices}}"},
    {"doc_to_choice": "written"},
    {"doc_to_choice": "{{written}}"},
    {"doc_to_choice": "{{options.text}}"},
    {"doc_to_choice": "{{[a, b, c]}}"},
    {"doc_to_choice": {"first": "one", "second": "two"}},
    {"doc_to_choice": ["no", "yes"]},
    {"doc_to_target": 1},
    {"doc_to_target": "{{gold}}"},
    {"doc_to_target": "{{gold - 1}}"},
    {"doc_to_target": "{{gold - 2}}"},
    {"doc_to_target": "text_gold"},
    {"doc_to_target": "{{text_gold}}"},
    {"doc_to_target": "{{text_gold|int}}"},
    {"doc_to_target": "{{'ABCD'.index(key)}}"},
    {"doc_to_target": "{{options.label.index(key)}}"},
    {"doc_to_target": "{% if key == 'B' %}1{% else %}0{% endif %}"},
    {"doc_to_target": "{{yes}}"},
    {"doc_to_target": "{{nothing}}"},
    {"doc_to_target": "{{several}}"},
    {"doc_to_target": "{{date}}"},
    {"doc_to_target": " {{key}}"},
]


@pytest.fixture(scope="module")
def task():
    """A task of lm-eval over one row, whose keys are replaced."""
    from lm_eval.api.task import ConfigurableTask

    from workflow_scripts.benchmarks.tasks.local_data import splits_of

    config = inline()
    splits = splits_of(config, [("x", ROW)])
    return ConfigurableTask(config=config | {"custom_dataset": lambda **_: splits})


@pytest.mark.parametrize("change", SHAPES, ids=str)
def test_a_part_is_what_lm_eval_makes_of_it(task, change):
    config = inline(**change)
    (key,) = change
    ours = {"doc_to_text": make_prompt, "doc_to_choice": make_choices, "doc_to_target": make_gold}
    theirs = getattr(task, key)(ROW, change[key])
    got = ours[key](config, ROW)
    got = got.value if key == "doc_to_target" else got
    assert (got, type(got)) == (theirs, type(theirs))


@pytest.mark.parametrize("text", ["{{missing}}", "{{prompt", "{{padded + 1}}"])
def test_what_lm_eval_cannot_render_is_an_error_here_too(task, text):
    with pytest.raises(Exception):  # noqa: B017
        task.doc_to_text(ROW, text)
    with pytest.raises(ValueError, match=r"its doc_to_text .* cannot be made"):
        make_prompt(inline(doc_to_text=text), ROW)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("text_gold", "2"),
        ("{{text_gold}}", "2"),
        ("{{text_gold | trim}}", "2"),
        ("{{text_gold|int}}", None),
        ("{{gold}}", None),
        ("{{'ABCD'.index(key)}}", None),
        ("{% if key == 'B' %}1{% endif %}", None),
        ("{{key}}", "B"),
    ],
)
def test_a_gold_of_digits_is_known_to_be_a_text_or_a_position(target, text):
    assert make_gold(inline(doc_to_target=target), ROW).text == text


def test_the_keys_and_metrics_of_a_task_are_those_of_lm_eval():
    from lm_eval.api.registry import DEFAULT_METRIC_REGISTRY
    from lm_eval.config.task import TaskConfig

    assert {field.name for field in dataclasses.fields(TaskConfig)} == set(KEYS) - {"group"}
    assert tuple(DEFAULT_METRIC_REGISTRY["multiple_choice"]) == METRICS
