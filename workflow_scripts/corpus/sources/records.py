"""From a raw row to a document, or to the reason why it is malformed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from workflow_scripts.common.labels import read_label, shown, unknown_label
from workflow_scripts.common.words import counts_as_one_word
from workflow_scripts.corpus.sources.hub import MANIFEST, NUMBERS
from workflow_scripts.corpus.sources.sources import attribute_name

# Key under which a raw record carries labels from other files; no column has this name.
LABELS = "\x00labels"
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.[^\W\d]{2,}(:\d+)?(/\S*)?")


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that is not a document.

    Attributes:
        reason: short code, counted in the sampling report.
        detail: one line for people.
        labels: what the row's labels are counted under: the unknown one as it is spelt, else
            those of the taxonomy that the row has.
    """

    reason: str
    detail: str
    labels: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A labelled document; ``url_domain`` and ``source`` may be unknown."""

    doc_id: str
    text: str
    topic: str
    format: str
    url_domain: str | None
    source: str | None


def read_document(raw: Mapping[str, Any], layout: Mapping[str, Any]) -> Document | Malformed:
    """Check one raw record and pick its fields.

    Args:
        raw: a row; in a Dolma layout with ``attributes`` by folder name.
        layout: as :func:`~workflow_scripts.corpus.sources.sources.source_layout` gives it.
    """
    values = {name: field_value(raw, layout, name) for name in ("id", "text", "topic", "format")}
    for kind in ("topic", "format"):
        values[kind] = _label(values[kind], kind, layout)
    problem = _problem(values, raw, layout)
    if problem:
        known = tuple(values[kind] for kind in ("topic", "format") if isinstance(values[kind], str))
        return problem if problem.labels else replace(problem, labels=known)
    doc_id, source = str(values["id"]), field_value(raw, layout, "source")
    return Document(
        doc_id,
        values["text"],
        values["topic"],
        values["format"],
        _site(raw, layout, doc_id),
        source if isinstance(source, str) and _writable(source) else None,
    )


def _problem(
    values: Mapping[str, Any], raw: Mapping[str, Any], layout: Mapping[str, Any]
) -> Malformed | None:
    for name, value in values.items():
        if value is None:
            state = "is null or blank" if layout[name] in raw else "is missing"
            found = _siblings(raw, layout[name])
            return Malformed(f"missing_{name}", f"{name} ({layout[name]!r}) {state}{found}")
    doc_id, text = values["id"], values["text"]
    if isinstance(doc_id, bool) or not isinstance(doc_id, str | int) or doc_id == "":
        return Malformed("invalid_id", f"id {doc_id!r} is not a string or whole number")
    problem = _text_problem(text)
    for kind in ("topic", "format"):
        problem = problem or (values[kind] if isinstance(values[kind], Malformed) else None)
    if not problem and not all(map(_writable, (str(doc_id), text))):
        return Malformed("invalid_unicode", "id or text holds half of a surrogate pair")
    return problem


def _label(value: Any, kind: str, layout: Mapping[str, Any]) -> str | Malformed | None:
    """Label of a value, None without one, or the reason why the taxonomy does not have it."""
    if value is None:
        return None
    if label := read_label(kind, value):
        return label
    # A column of whole numbers with gaps holds them with a point, a folder's name as text.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.isdecimal() and value.isascii():
        value = int(value[:9])
    if isinstance(value, int) and not isinstance(value, bool):
        return _numbered(value, kind, layout)
    return Malformed(f"unknown_{kind}", unknown_label(kind, value), (shown(value),))


def _numbered(number: int, kind: str, layout: Mapping[str, Any]) -> str | Malformed:
    """Label of a number, by the config's list of labels."""
    order = layout.get(f"{kind}s", [])
    if 0 <= number < len(order):
        return order[number]
    known = f"counts {len(order)} from 0" if order else "is empty"
    detail = f"{kind} is the number {number}; corpus.numbering.{kind}s {known}"
    return Malformed(f"unknown_{kind}", detail, (str(number),))


def _text_problem(text: object) -> Malformed | None:
    if not isinstance(text, str):
        return Malformed("invalid_text", f"text is {type(text).__name__}, not a string")
    if not text.strip():
        return Malformed("empty_text", "text is empty")
    if counts_as_one_word(text):
        return Malformed(
            "one_word_text", f"text {shown(text)!r} is one short word: nothing to predict"
        )
    return None


def _writable(text: str) -> bool:
    """True if a string is valid Unicode; JSON can spell halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def field_value(raw: Mapping[str, Any], layout: Mapping[str, Any], name: str) -> Any:
    """Value of a field in a raw record, None if the field is missing."""
    where = layout[name]
    if name in raw.get(LABELS, ()):
        return raw[LABELS][name]
    if not where or (layout["kind"] != "table" and where.startswith((NUMBERS, MANIFEST))):
        return None
    if where in raw:
        return best_label(raw[where]) if name in ("topic", "format") else raw[where]
    folder = None if layout["kind"] == "table" else attribute_name(where)
    if folder is not None:
        return attribute_label(raw["attributes"][folder], where.split(":", 2)[2])
    value = follow(raw, where)
    return best_label(value) if name in ("topic", "format") else value


def follow(raw: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path such as ``metadata.topic``, None where the path ends early."""
    value: Any = raw
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _siblings(raw: Mapping[str, Any], path: str) -> str:
    """Keys of the last record on a dotted path that lacks the next step."""
    step, value, way = path, raw, ""
    while "." in step and isinstance(value, Mapping):
        first, step = step.split(".", 1)
        value, way = value.get(first), f"{way}.{first}".lstrip(".")
    if not isinstance(value, Mapping) or not way or step in value:
        return ""
    return f"; {way} has: {shown(', '.join(map(str, value))) or 'nothing'}"


def attribute_label(attributes: Mapping[str, Any], key: str) -> Any:
    """The label that a Dolma attribute holds, None where it holds none.

    A tagger may write a label as the value of ``key``, or, in Dolma's own way, one attribute
    per class whose name ends in the label and whose value is its score: ``key`` then ends in
    ``*`` and means the common beginning. Values are read in Dolma's three styles: plain,
    a list of spans [start, end, value], and a mapping.
    """
    if not key.endswith("*"):
        return best_label(attributes.get(key))
    start = key[:-1]
    return best_label(
        {name[len(start) :]: value for name, value in attributes.items() if name.startswith(start)}
    )


def best_label(value: Any) -> Any:
    """One label out of a plain value, spans of labels (the longest wins) or scores by label."""
    if isinstance(value, Mapping):
        scores = {label: _score(entry) for label, entry in value.items()}
        known = [(-score, label) for label, score in scores.items() if score is not None]
        return min(known)[1] if known else None
    if isinstance(value, list):
        spans = [span for span in value if isinstance(span, list) and len(span) == 3]
        if spans:
            return max(spans, key=lambda span: span[1] - span[0])[2]
        return value[0] if len(value) == 1 else value or None
    blank = value.strip() == "" if isinstance(value, str) else value != value  # not a number
    return None if blank else value


def _score(value: Any) -> float | None:
    """Score of a class: a number, or the score of the longest of its spans."""
    value = best_label(value) if isinstance(value, list) else value
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _site(raw: Mapping[str, Any], layout: Mapping[str, Any], doc_id: str) -> str | None:
    url = field_value(raw, layout, "url")
    site = site_of(url) if isinstance(url, str) else None
    if site is None and "://" in doc_id:
        site = site_of(doc_id)
    return site


def site_of(url: str) -> str | None:
    """Host name of a URL, or of a bare ``host/path``, in lower case without ``www.`` and port.

    Returns None for text that is neither, so that a free-text source never becomes a site.
    """
    url = url.strip()
    if "://" not in url:
        if not _HOST.fullmatch(url):
            return None
        url = f"http://{url}"
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    if not host or not _writable(host):
        return None
    return host.removeprefix("www.").rstrip(".") or None
