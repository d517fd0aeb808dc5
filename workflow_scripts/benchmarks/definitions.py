"""Benchmark definitions: ``benchmarks/<name>.yaml``, checked against a closed schema.

Read when the rule file is parsed, so nothing heavy is imported here.
"""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.benchmarks.tasks.task_files import data_files, read_task_file, read_yaml
from workflow_scripts.benchmarks.tasks.task_shape import (
    check_output_type,
    check_parts,
    check_unique,
)
from workflow_scripts.common.config.load import check
from workflow_scripts.common.errors import ConfigError, nearest
from workflow_scripts.common.files import value_digest
from workflow_scripts.common.taxonomy import display_name

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
SCHEMA_FILE = ROOT / "schemas" / "benchmark.yaml"
QUESTIONS = "<results>/corpus/questions/"


@dataclass(frozen=True)
class TaskEntry:
    """One lm-eval task of a benchmark.

    Attributes:
        name: the task's name in lm-eval.
        config: its keys, for a task written in the definition or in a file; empty for one that
            lm-eval brings.
        path: its task file, or None.
        task_files: the task file, what it includes, and modules whose functions it names.
        reader: layout of ``files``; None where the task reads its dataset by itself.
        files: local data files as written, with <data>/ and <results>/.
        revision: commit of the task's dataset on the hub, or None.
        group: field of a question that holds its passage, or None.
    """

    name: str
    config: dict[str, Any]
    path: Path | None
    task_files: tuple[Path, ...]
    reader: str | None
    files: tuple[str, ...]
    revision: str | None
    group: str | None = None

    @property
    def local(self) -> bool:
        """True if no question comes from the hub."""
        return bool(self.files)


@dataclass(frozen=True)
class Definition:
    """One benchmark; the keys are described in ``schemas/benchmark.yaml``."""

    name: str
    title: str
    description: str
    domain: str
    capability: str
    answer_form: str
    metric: str
    target: str
    instruction: str
    limit: int | None
    questions: int | None
    tasks: tuple[TaskEntry, ...]
    path: Path

    @property
    def local(self) -> bool:
        """True if no question comes from the hub."""
        return all(entry.local for entry in self.tasks)

    @property
    def asked(self) -> str:
        """Digest of what decides the questions and their answers: no title, domain or target."""
        keys = ("name", "config", "reader", "files", "revision")
        tasks = [
            {key: getattr(entry, key) for key in keys}
            | ({"group": entry.group} if entry.group else {})
            for entry in self.tasks
        ]
        own = {key: getattr(self, key) for key in ("answer_form", "metric", "instruction", "limit")}
        return value_digest(own | {"tasks": tasks})


@functools.cache
def load_schema() -> dict[str, Any]:
    """The JSON schema of a definition."""
    return yaml.safe_load(SCHEMA_FILE.read_text())


def available(folder: Path = FOLDER) -> list[str]:
    """Names of the definitions in ``folder``, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_definition(name: str, folder: Path = FOLDER) -> Definition:
    """Read and check the definition of one benchmark.

    Raises:
        ConfigError: no such benchmark, or its definition breaks the schema; one line that names
            the file, the key, what is allowed and the nearest known name.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = available(folder)
        raise ConfigError(
            f"config key 'benchmarks' names {name!r}, but {shown(path)} does not exist; "
            f"available: {', '.join(known)}{nearest(name, known)}"
        )
    try:
        value = check(_spelled_out(read_yaml(path)), load_schema(), "key")
        check_title(value["title"], "key 'title'")
        tasks = tuple(_task(item, f"tasks.{i}", folder) for i, item in enumerate(value["tasks"]))
        check_unique([entry.name for entry in tasks])
    except ConfigError as error:
        raise ConfigError(f"benchmark {name!r} ({shown(path)}): {error}") from None
    optional = {key: value.get(key) for key in ("limit", "questions")}
    return Definition(**value | optional | {"name": name, "tasks": tasks, "path": path})


def check_title(title: str, where: str) -> None:
    """Refuse a title that Snakemake takes for a pattern.

    Raises:
        ConfigError: it holds a brace; names its place.
    """
    if "{" in title or "}" in title:
        raise ConfigError(
            f"{where} is {title!r}; braces stand for wildcards, write it without them"
        )


def _spelled_out(value: dict[str, Any]) -> dict[str, Any]:
    """Mapping of a task that is given as a bare name."""
    if not isinstance(value.get("tasks"), list):
        return value
    tasks = [{"task": item} if isinstance(item, str) else item for item in value["tasks"]]
    return value | {"tasks": tasks}


def _task(item: dict[str, Any], key: str, folder: Path) -> TaskEntry:
    """One entry of ``tasks``, which the schema has checked key by key.

    Raises:
        ConfigError: keys are missing or exclude each other, or a task file cannot be used.
    """
    kinds = [kind for kind in ("task", "config", "file") if kind in item]
    if len(kinds) != 1:
        raise ConfigError(
            f"key {key!r} has {' and '.join(kinds) or 'none'} of task, config, file; give one"
        )
    path = folder / item["file"] if "file" in item else None
    config, task_files = read_task_file(path) if path else (item.get("config", {}), [])
    if config:
        try:
            check_output_type(config)
            check_parts(config)
        except ConfigError as error:
            raise ConfigError(f"key {key!r}: {error}") from None
    name = item.get("task") or config.get("task")
    if not isinstance(name, str):
        raise ConfigError(
            f"key {key!r}: the task has no name; its configuration needs the key 'task'"
        )
    data = item.get("data", {})
    if ("reader" in data) != ("files" in data):
        raise ConfigError(f"key '{key}.data' needs both 'reader' and 'files', or 'revision' alone")
    if "files" in data and "revision" in data:
        raise ConfigError(f"key '{key}.data' has local files and a hub revision; give one of them")
    own = [] if "files" in data else data_files(config)
    revision = data.get("revision") or (config.get("dataset_kwargs") or {}).get("revision")
    files = tuple(data.get("files") or own)
    if not files and not revision:
        raise ConfigError(
            f"key '{key}.data' is missing: task {name!r} needs local files (reader and files) or "
            "the commit of its hub dataset (revision); nothing is fetched unpinned"
        )
    own = (data.get("reader"), files, revision, data.get("group"))
    return TaskEntry(name, config, path, tuple(task_files), *own)


def resolve(path: str, results: str, data: str, folder: Path = FOLDER) -> str:
    """Path of a data file as written in a definition, for this study.

    Args:
        path: begins with ``<results>/`` or ``<data>/``, else is relative to ``folder``, or where
            nothing is there to the working directory, as lm-eval takes it.
        results: the study's results folder.
        data: config key ``data``.
        folder: of the definition.
    """
    for mark, base in (("<results>/", results), ("<data>/", data)):
        if path.startswith(mark):
            return f"{base.rstrip('/')}/{path.removeprefix(mark)}"
    beside = folder / path
    return shown(beside if beside.exists() or not Path(path).exists() else Path.cwd() / path)


def shown(path: Path) -> str:
    """Path relative to the working directory where it lies inside, else absolute."""
    path = Path(os.path.normpath(path))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def definition_inputs(definition: Definition, results: str, data: str) -> list[str]:
    """Every file that the answers of a benchmark depend on, besides model and tokenizer.

    Each task file with what it includes, each local data file. The definition itself is not among
    them: its titles may change, and what it asks is a parameter (``Definition.asked``).

    Raises:
        ConfigError: a local file is missing or empty; names the benchmark, the file and the key
            to change. Files under ``<results>/`` are made by rules and not looked for.
    """
    inputs = []
    folder = definition.path.parent
    for position, entry in enumerate(definition.tasks):
        inputs += [shown(path) for path in entry.task_files]
        for written in entry.files:
            path = resolve(written, results, data, folder)
            problem = "" if written.startswith("<results>/") else _problem(Path(path))
            if problem:
                key = f"key 'tasks.{position}' in {shown(definition.path)}"
                if written.startswith("<data>/"):
                    key = f"config key 'data' (now {data!r}) or {key}"
                raise ConfigError(
                    f"benchmark {definition.name!r} needs the file {path}, which {problem}; "
                    f"change {key}"
                )
            inputs.append(path)
    return list(dict.fromkeys(inputs))


def _problem(path: Path) -> str:
    """Problem with a file of questions, found without reading it; empty if it has none."""
    if not path.is_file():
        return "does not exist"
    return "" if path.stat().st_size else "is empty"


def study_definitions(
    names: list[str], results: str, data: str, source: str
) -> dict[str, Definition]:
    """Definitions of a study's benchmarks by name, every local file present.

    Args:
        names: config key ``benchmarks``.
        results: the study's results folder.
        data: config key ``data``.
        source: config key ``corpus.source``.

    Raises:
        ConfigError: a definition is wrong, a file is missing, or a benchmark asks questions of
            the planted world in a study without one.
    """
    definitions = {name: load_definition(name) for name in names}
    for name, definition in definitions.items():
        definition_inputs(definition, results, data)
        planted = any(
            path.startswith(QUESTIONS) for task in definition.tasks for path in task.files
        )
        if planted and source != "planted":
            raise ConfigError(
                f"config key 'benchmarks' names {name!r}, which asks about the planted world, but "
                f"corpus.source is {source!r}; choose other benchmarks or corpus.source 'planted'"
            )
    return definitions


def matrix_definitions(names: list[str]) -> dict[str, Definition]:
    """Definitions of the columns of a matrix, without questions.

    A column named like a file in ``benchmarks/`` has that definition; any other has its name as
    the title, and no domain or capability, so that no contrast takes it.

    Raises:
        ConfigError: a definition of that name is wrong.
    """
    nameless = Definition(
        name="",
        title="",
        description="A column of a bin matrix.",
        domain="",
        capability="",
        answer_form="text",
        metric="acc",
        target="gold",
        instruction="keep",
        limit=None,
        questions=None,
        tasks=(),
        path=FOLDER,
    )
    known = available()
    for name in names:
        check_title(name, "a column of influence.matrix")
    return {
        name: load_definition(name)
        if name in known
        else replace(nameless, name=name, title=display_name(name))
        for name in names
    }


def input_function(
    definitions: dict[str, Definition], results: str, data: str, wildcard: str = "benchmark"
) -> Callable[[Any], list[str]]:
    """Input function of the rules with this wildcard: the files of that benchmark alone."""

    def files(wildcards: Any) -> list[str]:
        return definition_inputs(definitions[getattr(wildcards, wildcard)], results, data)

    return files


def value_function(
    definitions: dict[str, Definition], key: str, wildcard: str = "benchmark"
) -> Callable[[Any], Any]:
    """Param function of the rules with this wildcard: one key of that benchmark's definition."""

    def value(wildcards: Any) -> Any:
        return getattr(definitions[getattr(wildcards, wildcard)], key)

    return value


def data_function(
    definitions: dict[str, Definition], data: str, wildcard: str = "benchmark"
) -> Callable[[Any], str]:
    """Param function of the rules with this wildcard: ``data`` where that benchmark names it.

    Empty for a benchmark without ``<data>`` in its files, so that another folder, which the
    question files of a new benchmark may need, runs no other benchmark again.
    """

    def value(wildcards: Any) -> str:
        tasks = definitions[getattr(wildcards, wildcard)].tasks
        named = any(path.startswith("<data>/") for task in tasks for path in task.files)
        return data if named else ""

    return value
