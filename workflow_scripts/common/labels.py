"""Label reader of every source: published spellings to the labels of the taxonomy.

Dolma 3 writes ``__label__electronics_and_hardare``, WebOrganizer's own pages ``Hardware``, tables
``Electronics & Hardware``. Case, blanks, punctuation and the word *and* never distinguish two
labels, so they are left out of the comparison; what remains is the label or a name listed here.
Used while a study is planned, so it imports nothing heavy.
"""

import functools
import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from workflow_scripts.common.errors import ConfigError, nearest
from workflow_scripts.common.taxonomy import FORMATS, TOPICS

LABELS = {"topic": TOPICS, "format": FORMATS}
# Prefix of each label in fastText, and with it in Dolma 3.
PREFIX = re.compile(r"^[\W_]*label__", re.IGNORECASE)
# Published names that are not a label in another spelling.
NAMES = {
    "topic": {
        "adult": "adult_content",
        "electronics_and_hardare": "electronics_and_hardware",  # as published in Dolma 3
        "hardware": "electronics_and_hardware",
        "history": "history_and_geography",
        "science_and_tech": "science_math_and_technology",
        "science_and_technology": "science_math_and_technology",
        "software_dev": "software_development",
        "travel": "travel_and_tourism",
    },
    "format": {
        "about_organization": "about_org",
        "about_organisation": "about_org",
        "about_page_organization": "about_org",
        "about_page_organisation": "about_org",
        "about_personal": "about_pers",
        "about_page_personal": "about_pers",
        "docs": "documentation",
        "legal": "legal_notices",
        "news_organization": "news_org",
        "news_organisation": "news_org",
        "q_and_a": "q_a_forum",
        "support": "customer_support",
    },
}
# Config keys that list labels, and of which kind.
LISTS = (
    ("corpus.planted.topics", "topic"),
    ("corpus.planted.formats", "format"),
    ("corpus.numbering.topics", "topic"),
    ("corpus.numbering.formats", "format"),
    ("unlearning.topics", "topic"),
)


def _comparable(text: str) -> str:
    """The letters and digits of a label, lower case, without its prefix and the word *and*."""
    text = html.unescape(PREFIX.sub("", unicodedata.normalize("NFKC", text)))
    text = re.sub(r"<br\s*/?>", " ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = re.split(r"[\W_]+", text.lower())
    return "".join(word for word in words if word != "and")


@functools.cache
def _known(kind: str) -> dict[str, str]:
    names = {_comparable(label): label for label in LABELS[kind]}
    return names | {_comparable(name): label for name, label in NAMES[kind].items()}


@functools.lru_cache(maxsize=4096)
def _read(kind: str, text: str) -> str | None:
    return _known(kind).get(_comparable(text))


def read_label(kind: str, value: object) -> str | None:
    """The label that a value spells, or None where it spells none.

    Args:
        kind: ``topic`` or ``format``.
        value: such as ``__label__health``, ``Software Dev.`` or ``Q&A Forum``.
    """
    return _read(kind, value) if isinstance(value, str) else None


def unknown_label(kind: str, value: object) -> str:
    """Say that a value is no label, with the nearest one."""
    hint = nearest(PREFIX.sub("", str(value)).strip().lower(), list(LABELS[kind]))
    number = len(LABELS[kind])
    return f"{kind} {shown(value)!r} is not one of the {number} WebOrganizer {kind}s{hint}"


def shown(value: object) -> str:
    """A value as messages and counts show it: one line of at most 60 characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def with_labels_read(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the labels of its lists in the spelling of the taxonomy.

    What is no label stays as it is: the checks of each key say what is allowed.

    Raises:
        ConfigError: a list names one label in two spellings.
    """
    full = dict(config)
    for key, kind in LISTS:
        *sections, last = key.split(".")
        inner = full
        for name in sections:
            inner[name] = dict(inner[name])
            inner = inner[name]
        inner[last] = _read_list(key, kind, inner[last])
    return full


def _read_list(key: str, kind: str, names: Sequence[str]) -> list[str]:
    labels: list[str] = []
    for name in names:
        label = read_label(kind, name) or name
        if label in labels:
            raise ConfigError(
                f"config key {key!r} names {label!r} twice (once as {name!r}); leave one of them"
            )
        labels.append(label)
    return labels
