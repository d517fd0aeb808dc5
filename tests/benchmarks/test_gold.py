"""One gold answer among the choices: what names it, what is refused, and the way out that works."""

import re

import pytest

from tests.benchmarks.made_up import inline
from workflow_scripts.benchmarks.gold import check_golds, with_positions
from workflow_scripts.benchmarks.questions import make_question
from workflow_scripts.common.errors import DataError

TEXTS = [" cool", " dry", "hot"]
NUMBERS = ["2", "1", "3"]


def check(golds, choices, target="gold"):
    """Positions of the gold answers of a file, one question for each."""
    config = inline(doc_to_target=target)
    rows = [
        (f"f line {number}", {"prompt": "p", "choices": choices, "gold": gold})
        for number, gold in enumerate(golds, start=1)
    ]
    rows = with_positions(rows, config)
    questions = [make_question(origin, row, config) for origin, row in rows]
    check_golds(questions)
    values = [question.gold.value for question in questions]
    return [choices.index(value) if isinstance(value, str) else value for value in values]


@pytest.mark.parametrize(
    ("golds", "choices", "target", "positions"),
    [
        ([0, 2], TEXTS, "gold", [0, 2]),
        (["hot", " dry"], TEXTS, "gold", [2, 1]),
        (["hot", " dry"], TEXTS, "{{gold}}", [2, 1]),
        (["0", "2"], TEXTS, "gold", [0, 2]),
        (["0", "2"], TEXTS, "{{gold}}", [0, 2]),
        (["B", "C"], TEXTS, "{{'ABC'.index(gold)}}", [1, 2]),
        (["B", "C"], ["A", "B", "C"], "gold", [1, 2]),
        ([1, 0], NUMBERS, "gold", [1, 0]),
        ([1, 0], NUMBERS, "{{gold}}", [1, 0]),
        (["1", "0"], NUMBERS, "{{gold|int}}", [1, 0]),
        (["1", "3"], NUMBERS, "{{choices.index(gold)}}", [1, 2]),
        (["0", "1"], ["0", "1", "2"], "gold", [0, 1]),
        (["7", "8"], ["7", "8"], "gold", [0, 1]),
        ([True, False], ["no", "yes"], "{{gold|int}}", [1, 0]),
        ([1.0, 0.0], TEXTS, "{{gold|int}}", [1, 0]),
    ],
)
def test_a_position_or_a_text_names_one_choice(golds, choices, target, positions):
    assert check(golds, choices, target) == positions


@pytest.mark.parametrize(
    ("golds", "choices", "target", "expected"),
    [
        (["2"], NUMBERS, "gold", "'2' is the text of choice 0 and, as a position, choice 2 ('3')"),
        (["2"], NUMBERS, "{{gold}}", "{{gold|int}}"),
        (["2"], [" 2", " 1", " 3"], "{{gold}}", "'2' is the text of choice 0"),
        (["2"], NUMBERS, "{{gold | trim}}", "'2' is the text of choice 0"),
        (["7"], ["7", "8"], "{{gold}}", "7 is not the position (0 to 1)"),
        ([True], ["no", "yes"], "gold", 'write "{{gold|int}}"'),
        (["True"], ["no", "yes"], "gold", "'True' is not the position (0 to 1)"),
        ([1.0], TEXTS, "gold", "write it as a whole number"),
        (["1.0"], TEXTS, "{{gold}}", "'1.0' is not the position (0 to 2)"),
        ([-1], TEXTS, "gold", "-1 is not the position (0 to 2)"),
        (["-1"], TEXTS, "{{gold}}", "'-1' is not the position"),
        ([3], TEXTS, "gold", "positions count from 0"),
        (["A"], TEXTS, "gold", "{{'ABC'.index(gold)}}"),
        (["b"], TEXTS, "{{gold}}", "{{'abc'.index(gold)}}"),
        (["cool"], TEXTS, "gold", "the nearest is ' cool', which differs in blanks or capitals"),
        (["Hot"], TEXTS, "gold", "the nearest is 'hot'"),
        (["02"], TEXTS, "{{gold}}", "'02' is not the position"),
        (
            ["cold"],
            TEXTS,
            "gold",
            "'cold' is not the position (0 to 2) or the text of one of its 3",
        ),
        ([[0, 1]], TEXTS, "gold", "there are several, [0, 1]"),
        (["a"], ["a", "b", "a"], "gold", "'a' is the text of several of its choices"),
        (["hot", "1"], TEXTS, "{{gold}}", "give positions in all questions, or texts in all"),
    ],
)
def test_a_gold_that_names_no_choice_or_two_is_refused_with_the_way_out(
    golds, choices, target, expected
):
    with pytest.raises(DataError, match=re.escape(expected)) as error:
        check(golds, choices, target)
    assert re.match(r"f line \d has ", str(error.value))
    assert "\n" not in str(error.value)


def test_the_way_out_names_the_column_of_the_file():
    config = inline(doc_to_target="answer")
    row = {"prompt": "p", "choices": TEXTS, "answer": "B"}
    with pytest.raises(DataError, match=re.escape("{{'ABC'.index(answer)}}")):
        check_golds([make_question("f", row, config)])


def test_two_choices_of_one_text_are_counted_where_the_gold_is_a_position():
    config = inline()
    row = {"prompt": "p", "choices": ["a", "b", "a"], "gold": 1}
    assert check_golds([make_question("f line 1", row, config)]) == ["f line 1"]


@pytest.mark.parametrize(
    ("choices", "way"),
    [
        ('["a", "b"]', '"{{column}}"'),
        ({"text": ["a", "b"], "label": ["A", "B"]}, '"{{column.text}}"'),
        (["a", "b", ""], "select | list"),
        (["a", None], "select | list"),
        ([1, 2], "map('string')"),
        (["a", " "], "at least two texts"),
        ("a, b", "at least two texts"),
    ],
)
def test_choices_that_are_no_list_of_texts_are_refused_with_the_way_out(choices, way):
    row = {"prompt": "p", "choices": choices, "gold": 0}
    with pytest.raises(DataError, match=re.escape(way)):
        check_golds([make_question("f", row, inline())])


@pytest.mark.parametrize(("value", "shown"), [(None, "None"), (float("nan"), "nan")])
def test_a_missing_value_does_not_stand_in_a_prompt(value, shown):
    row = {"prompt": "p", "context": value, "choices": TEXTS, "gold": 0}
    with pytest.raises(DataError, match=f"f: its doc_to_text would say '{shown}'"):
        make_question("f", row, inline(doc_to_text="{{context}} {{prompt}}"))
    template = "{% if context %}{{context}} {% endif %}{{prompt}}"
    if value is None:
        assert make_question("f", row, inline(doc_to_text=template)).prompt == "p"
