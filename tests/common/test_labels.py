"""One reader of labels: every published spelling is read, and nothing else."""

import json

import pytest

from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.common.labels import LABELS, NAMES, read_label, unknown_label
from workflow_scripts.common.taxonomy import display_name

STUDY = {"study": "t", "benchmarks": ["b"]}


@pytest.mark.parametrize("kind", LABELS)
def test_every_label_is_read_in_the_spellings_of_tables_figures_and_classifiers(kind):
    for label in LABELS[kind]:
        for text in (
            label,
            f"__label__{label}",
            f"  {label.upper()}\n",
            label.replace("_", "-"),
            label.replace("_", " ").title(),
            label.title().replace("_", ""),
            label.replace("_and_", " & "),
            display_name(label),
        ):
            assert read_label(kind, text) == label, text
    assert set(NAMES[kind].values()) <= set(LABELS[kind])


@pytest.mark.parametrize(
    ("kind", "text", "label"),
    [
        ("topic", "__label__electronics_and_hardare", "electronics_and_hardware"),
        ("topic", "Electronics & Hardware", "electronics_and_hardware"),
        ("topic", "Science<br>& Tech.", "science_math_and_technology"),
        ("format", "About Page (Organization)", "about_org"),
        ("format", "Q&A", "q_a_forum"),
        ("topic", "Food &amp; Dining", "food_and_dining"),
        ("format", "__LABEL__Spam / Ads", "spam_ads"),
        ("topic", "helth", None),
        ("topic", "faq", None),
        ("format", "health", None),
        ("topic", "", None),
        ("topic", "__label__", None),
        ("topic", 3, None),
        ("topic", None, None),
    ],
)
def test_published_names_are_read_and_others_are_not(kind, text, label):
    assert read_label(kind, text) == label


def test_names_of_the_published_taxonomy_are_read(real_data):
    numbers = json.loads((real_data / "weborganizer" / "id_to_label.json").read_text())
    for kind in LABELS:
        for entry in json.loads((real_data / "weborganizer" / f"{kind}s.json").read_text()):
            for name in filter(None, (entry["domain_name"], entry.get("domain_fullname"))):
                assert read_label(kind, name) == numbers[f"{kind}s"][str(entry["domain_id"])]


def test_an_unknown_label_is_one_short_line_with_the_nearest():
    assert unknown_label("topic", "__label__helth").endswith("did you mean 'health'?")
    message = unknown_label("format", "a whole\ntext " * 50)
    assert len(message) < 150 and "\n" not in message


def test_labels_of_the_config_are_read_in_any_spelling():
    unlearning = {"topics": ["Science & Tech", "__label__electronics_and_hardare"]}
    planted = {"topics": ["Health", "Social Life"], "formats": ["Q&A Forum"]}
    full = complete({**STUDY, "unlearning": unlearning, "corpus": {"planted": planted}})
    topics = ["science_math_and_technology", "electronics_and_hardware"]
    assert full["unlearning"]["topics"] == topics
    assert full["corpus"]["planted"]["topics"] == ["health", "social_life"]
    assert full["corpus"]["planted"]["formats"] == ["q_a_forum"]
    with pytest.raises(ConfigError, match=r"'unlearning\.topics' names 'health' twice"):
        complete({**STUDY, "unlearning": {"topics": ["health", "Health"]}})
