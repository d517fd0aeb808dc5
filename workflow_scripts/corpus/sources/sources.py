"""Source of the corpus: its files, their grouping into parts, and the layout of the fields.

Used while the rules are parsed, so it imports nothing heavy and names the config key in every
error.
"""

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from workflow_scripts.common.errors import ConfigError, nearest
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.corpus.sources.hub import check_hub, matching, read_listing, side_files

LINE_SUFFIXES = (".jsonl", ".json")
COMPRESSIONS = ("", ".gz", ".zst")
LINE_FILES = tuple(suffix + packed for suffix in LINE_SUFFIXES for packed in COMPRESSIONS)
PLANTED_FILES = 4
DATA = "<data>/"
# Name that Hive and its followers give the folder of rows without a value.
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def resolve(path: str, data: str) -> str:
    """Replace a leading ``<data>/`` by the folder ``data``; relative paths stay relative."""
    return os.path.normpath(
        os.path.join(data, path.removeprefix(DATA)) if path.startswith(DATA) else path
    )


def source_files(config: Mapping[str, Any], results: str) -> list[str]:
    """The document files of the study, sorted and without repeats.

    Args:
        config: the complete configuration.
        results: results folder of the study, where the planted world is written.

    Raises:
        ConfigError: a pattern matches nothing, a file is of a kind that cannot be read, or the
            planted world asks for a label outside the taxonomy.
    """
    source = config["corpus"]["source"]
    if source == "planted":
        planted = config["corpus"]["planted"]
        _check_labels("planted.topics", "topics", planted["topics"], TOPICS)
        _check_labels("planted.formats", "formats", planted["formats"], FORMATS)
        return [f"{results}/corpus/world/documents-{i}.jsonl.gz" for i in range(PLANTED_FILES)]
    if source == "hub":
        return hub_files(config)
    key = f"corpus.{source}.documents"
    allowed = LINE_FILES if source == "dolma" else (*LINE_FILES, ".parquet")
    files: set[str] = set()
    for pattern in config["corpus"][source]["documents"]:
        files.update(_matches(pattern, config["data"], key))
    _check_suffixes(files, allowed, key)
    return sorted(files)


def _check_suffixes(files: Iterable[str], allowed: tuple[str, ...], key: str) -> None:
    for file in sorted(files):
        if not file.endswith(allowed):
            raise ConfigError(
                f"config key {key!r} names {file!r}; allowed are files that end in "
                f"{', '.join(allowed)}"
            )


def hub_files(config: Mapping[str, Any]) -> list[str]:
    """The document files of a hub dataset, by their paths there; from the listing alone.

    Raises:
        ConfigError: the listing is missing or of another dataset, a pattern matches nothing, or
            a file with labels is not listed.
    """
    section, layout = config["corpus"]["hub"], source_layout(config)
    sizes = hub_sizes(config)
    files = matching(list(sizes), section["documents"], "corpus.hub.documents")
    _check_suffixes(files, (*LINE_FILES, ".parquet"), "corpus.hub.documents")
    for file in beside(files, layout):
        if file not in sizes:
            raise ConfigError(
                f"{section['listing']} has no file {file!r}, in which corpus.hub.columns looks "
                "for labels"
            )
    return files


def hub_sizes(config: Mapping[str, Any]) -> dict[str, int]:
    """Size of each file of the hub dataset, from the listing; empty for another source."""
    section = config["corpus"]["hub"]
    if config["corpus"]["source"] != "hub":
        return {}
    check_hub(section)
    listing = resolve(section["listing"], config["data"])
    return read_listing(listing, section["dataset"], section["revision"])


def beside(files: Sequence[str], layout: Mapping[str, Any]) -> list[str]:
    """Files with labels that go with some document files of a hub dataset."""
    attributes = [attribute_file(file, name) for file in files for name in attribute_names(layout)]
    return [*attributes, *side_files(files, layout)]


def _check_labels(key: str, name: str, labels: Sequence[str], allowed: Sequence[str]) -> None:
    for label in labels:
        if label not in allowed:
            hint = nearest(label, list(allowed)) or f": {', '.join(allowed)}"
            raise ConfigError(
                f"config key 'corpus.{key}' holds {label!r}, which is not one of the "
                f"{len(allowed)} WebOrganizer {name}{hint}"
            )


def _matches(pattern: str, data: str, key: str) -> list[str]:
    path = resolve(pattern, data)
    if os.path.isdir(path):
        raise ConfigError(
            f"config key {key!r} names the folder {pattern!r}; write a pattern of files, "
            f"such as {pattern.rstrip('/') + '/*.jsonl.gz'!r}"
        )
    found = [path] if os.path.isfile(path) else glob.glob(_escaped(path), recursive=True)
    found = [os.path.normpath(name) for name in found if os.path.isfile(name)]
    if not found:
        where = "" if path == pattern else f" (looked for {path!r})"
        hint = "; <data> stands for the config key 'data'" if pattern.startswith(DATA) else ""
        raise ConfigError(f"config key {key!r}: {pattern!r} matches no file{where}{hint}")
    return found


def _escaped(path: str) -> str:
    """The pattern with its leading folders that are there as they are written taken literally.

    So a folder ``corpus [v1]`` is itself, whether ``<data>`` means it or the pattern names it.
    """
    literal, *rest = Path(path).parts
    if literal != os.sep and not os.path.isdir(literal):
        return path
    while rest and os.path.isdir(os.path.join(literal, rest[0])):
        literal = os.path.join(literal, rest.pop(0))
    return os.path.join(glob.escape(literal), *rest)


def partition_columns(file: str) -> dict[str, str | None]:
    """Columns that the folders of a file state, as ``topic=health/format=faq/part.parquet``."""
    pairs = (folder.split("=", 1) for folder in Path(file).parts[:-1] if "=" in folder)
    return {
        name: None if value == NO_PARTITION else unquote(value) for name, value in pairs if name
    }


def group_parts(files: Sequence[str], parts: Sequence[str]) -> dict[str, list[str]]:
    """Split sorted files into parts: contiguous runs whose lengths differ by at most one.

    Raises:
        ConfigError: there are more parts than files.
    """
    if len(parts) > len(files):
        raise ConfigError(
            f"config key 'corpus.parts' is {len(parts)}, but the corpus has {len(files)} "
            f"file(s); allowed: 1 to {len(files)}"
        )
    cuts = [index * len(files) // len(parts) for index in range(len(parts) + 1)]
    return {part: list(files[cuts[i] : cuts[i + 1]]) for i, part in enumerate(parts)}


def source_layout(config: Mapping[str, Any]) -> dict[str, Any]:
    """Layout of the fields in the source files, as the readers want it.

    Returns:
        ``kind`` (``table``, ``dolma`` or ``hub``), ``config`` (the section the names come from)
        and one entry for each of id, text, topic, format, url and source: a column name, or
        where the kind is not ``table`` a dotted path or ``attributes:<name>:<key>``, for a hub
        dataset also ``numbers:<file>`` and ``manifest:<column>``; empty for a missing field.
        ``topics`` and ``formats`` list the labels in the order of their numbers, where the
        config does; ``dataset``, ``revision``, ``manifest`` and ``manifest_id`` are there for a
        hub dataset alone.

    Raises:
        ConfigError: a numbered label is outside the taxonomy.
    """
    corpus = config["corpus"]
    numbering = {name: labels for name, labels in corpus["numbering"].items() if labels}
    for name, allowed in (("topics", TOPICS), ("formats", FORMATS)):
        _check_labels(f"numbering.{name}", name, corpus["numbering"][name], allowed)
    return {**_fields(config), **numbering}


def _fields(config: Mapping[str, Any]) -> dict[str, Any]:
    source = config["corpus"]["source"]
    if source == "dolma":
        section = config["corpus"]["dolma"]
        fields = {"id": "id", "text": "text", "source": "source"}
        fields.update({name: section[name] for name in ("topic", "format", "url")})
        return {"kind": "dolma", "config": "corpus.dolma", **fields}
    if source == "planted":
        same = ("id", "text", "topic", "format", "url")
        return {"kind": "table", "config": "corpus.planted", "source": "", **{n: n for n in same}}
    section = config["corpus"][source]
    layout = {"kind": "table", "config": f"corpus.{source}.columns", **section["columns"]}
    if source == "hub":
        layout.update(kind="hub", dataset=section["dataset"], revision=section["revision"])
        if section["manifest"]["files"]:
            names, key = list(hub_sizes(config)), "corpus.hub.manifest.files"
            layout["manifest"] = matching(names, section["manifest"]["files"], key)
            layout["manifest_id"] = section["manifest"]["id"]
    return layout


def attribute_name(field: str) -> str | None:
    """Name of the attribute folder that ``attributes:<name>:<key>`` points into, else None.

    Raises:
        ConfigError: the field starts like an attribute but has another form.
    """
    if not field.startswith("attributes:"):
        return None
    words = field.split(":", 2)
    if len(words) != 3 or not all(words):
        raise ConfigError(
            f"{field!r} is not of the form 'attributes:<name>:<key>', "
            "such as 'attributes:labels:topic'"
        )
    return words[1]


def attribute_names(layout: Mapping[str, Any]) -> list[str]:
    """Attribute folders that a layout reads, sorted."""
    if layout["kind"] == "table":
        return []
    names = {attribute_name(layout[field]) for field in ("topic", "format", "url")}
    return sorted(name for name in names if name)


def attribute_file(document_file: str, name: str) -> str:
    """The attribute file of a Dolma document file: ``documents`` becomes ``attributes/<name>``.

    Raises:
        ConfigError: no folder of the path is called ``documents``.
    """
    folders = list(Path(document_file).parts)
    if "documents" not in folders[:-1]:
        raise ConfigError(
            f"{document_file!r} is not below a folder called 'documents', so its attribute "
            f"file for {name!r} cannot be found; the Dolma layout is documents/... beside "
            "attributes/<name>/..."
        )
    last = len(folders) - 1 - folders[::-1].index("documents")
    return str(Path(*folders[:last], "attributes", name, *folders[last + 1 :]))


def attribute_files(files: Sequence[str], layout: Mapping[str, Any]) -> list[str]:
    """Every attribute file that goes with the document files.

    Raises:
        ConfigError: one of them does not exist.
    """
    if layout["kind"] == "hub":
        return []
    found = [attribute_file(file, name) for file in files for name in attribute_names(layout)]
    for file in found:
        if not os.path.isfile(file):
            raise ConfigError(f"attribute file {file!r} does not exist; {layout['config']} asks it")
    return found


def reference_tokenizer_files(config: Mapping[str, Any]) -> list[str]:
    """Tokenizer files of a pretrained model that is a local folder; empty for a hub id."""
    reference = config["model"]["pretrained"]
    if config["model"]["source"] != "pretrained":
        return []
    folder = Path(resolve(reference["path"], config["data"]))
    names = ("tokenizer.json", "tokenizer_config.json")
    return [str(folder / name) for name in names if (folder / name).is_file()]
