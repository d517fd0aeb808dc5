"""Parts of an lm-eval task file, read without lm-eval: includes, functions, data files.

The rule file needs every file behind a task when it is parsed, and importing lm-eval takes
seconds. Includes are merged as lm-eval merges them (the including file wins).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.benchmarks.tasks.question_files import OPTIONS
from workflow_scripts.common.errors import ConfigError, nearest

# Values of dataset_path that stand for a format of local files instead of a hub dataset.
FILE_FORMATS = ("csv", "json", "parquet")
# Formats that the datasets library reads too, and nothing here does.
OTHER_FORMATS = (
    *("arrow", "excel", "feather", "hdf5", "jsonl", "lance", "pandas", "sql", "text", "tsv"),
    *("txt", "webdataset", "xlsx", "xml", "yaml"),
)


class _Loader(yaml.SafeLoader):
    """Safe loader that keeps ``!function module.name`` as a marked string."""


class FunctionName(str):
    """Value of a ``!function`` tag."""


_Loader.add_constructor(
    "!function", lambda loader, node: FunctionName(loader.construct_scalar(node))
)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: the file cannot be read or is no mapping; the message gives the line.
    """
    try:
        value = yaml.load(path.read_text(), Loader=_Loader)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{path}{place} is not valid YAML: {problem}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path} must hold keys and values, not {type(value).__name__}")
    return value


def read_task_file(path: Path, above: tuple[Path, ...] = ()) -> tuple[dict[str, Any], list[Path]]:
    """Read a task file with all that it includes.

    Args:
        path: the task file.
        above: the files that include it.

    Returns:
        The merged configuration, functions unresolved, and the local files behind it: the file
        itself, those it includes, and the modules beside them whose functions they name.

    Raises:
        ConfigError: a file is missing, is not YAML, or includes itself.
    """
    path = path.resolve()
    if path in above:
        raise ConfigError(f"{path} includes itself through {above[-1]}")
    if not path.is_file():
        by = f", included by {above[-1]}" if above else ""
        raise ConfigError(f"task file {path} does not exist{by}")
    own = read_yaml(path)
    files = [path, *_modules(own, path.parent)]
    includes = own.pop("include", [])
    merged: dict[str, Any] = {}
    for include in includes if isinstance(includes, list) else [includes]:
        config, more = read_task_file(path.parent / include, (*above, path))
        merged |= config
        files += more
    return merged | own, list(dict.fromkeys(files))


def _modules(value: Any, folder: Path) -> list[Path]:
    """Python files beside a task file whose functions it names."""
    if isinstance(value, FunctionName):
        module = folder / (value.rpartition(".")[0].replace(".", "/") + ".py")
        return [module.resolve()] if module.is_file() else []
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [path for item in value for path in _modules(item, folder)]
    return []


def data_files(config: Mapping[str, Any]) -> list[str]:
    """Local files that a task reads by itself (``dataset_path: json`` and its like).

    Raises:
        ConfigError: they are of a format that is not read, or the task says more about them.
    """
    declared = config.get("dataset_path")
    kwargs = config.get("dataset_kwargs") or {}
    if declared in OTHER_FORMATS:
        raise ConfigError(
            f"the task's dataset_path is {declared!r}; local files are read as "
            f"{', '.join(FILE_FORMATS)} (JSON lines are 'json', .tsv files 'csv')"
        )
    if declared not in FILE_FORMATS:
        return []
    allowed = ("data_files", *OPTIONS[declared])
    unknown = [key for key in kwargs if key not in allowed]
    if unknown:
        raise ConfigError(
            f"the task's dataset_kwargs has the key {unknown[0]!r}, which is not known for local "
            f"files of {declared!r}; allowed: {', '.join(allowed)}{nearest(unknown[0], [*allowed])}"
        )
    return _strings(kwargs.get("data_files"))


def asked_split(config: Mapping[str, Any]) -> str:
    """The split whose rows are the questions.

    Raises:
        ConfigError: the task names none.
    """
    split = config.get("test_split") or config.get("validation_split")
    if not split:
        raise ConfigError("the task names no test_split or validation_split, so it asks nothing")
    return split


def asked_files(config: Mapping[str, Any]) -> list[str]:
    """Of the files that a task reads by itself, those of the split that it asks.

    Raises:
        ConfigError: it asks a split that its data_files do not have.
    """
    files, split = config["dataset_kwargs"]["data_files"], asked_split(config)
    # Files without a split are the split train, for the datasets library and so for lm-eval.
    splits = files if isinstance(files, dict) else {"train": files}
    if split not in splits:
        raise ConfigError(
            f"the task asks the split {split!r}, but its data_files are for "
            f"{', '.join(map(str, splits))}; write data_files: {{{split}: ..}}"
        )
    return _strings(splits[split])


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value or [] for text in _strings(item)]
