"""What an lm-eval task file is made of, read without lm-eval: includes, functions, data files.

The rule file needs every file behind a task when it is parsed, and importing lm-eval takes
seconds. Includes are merged as lm-eval merges them (the including file wins).
"""

from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.common.errors import ConfigError

# Values of dataset_path that stand for a format of local files instead of a hub dataset.
FILE_FORMATS = ("arrow", "csv", "json", "parquet", "text")


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


def data_files(config: dict[str, Any]) -> list[str]:
    """Local files that a task reads by itself (``dataset_path: json`` and its like)."""
    if config.get("dataset_path") not in FILE_FORMATS:
        return []
    return _strings((config.get("dataset_kwargs") or {}).get("data_files"))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value or [] for text in _strings(item)]


def map_data_files(config: dict[str, Any], resolve: Any) -> dict[str, Any]:
    """Copy of ``config`` with ``resolve`` applied to each path of its data files."""

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return resolve(value)
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return [walk(item) for item in value]

    kwargs = config["dataset_kwargs"]
    return config | {"dataset_kwargs": kwargs | {"data_files": walk(kwargs["data_files"])}}
