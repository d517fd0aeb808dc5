"""Questions as the datasets that lm-eval's tasks take: local rows, or a pinned hub dataset."""

import atexit
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import huggingface_hub.constants

from workflow_scripts.benchmarks.tasks.question_files import Rows
from workflow_scripts.benchmarks.tasks.task_files import asked_split
from workflow_scripts.common.errors import DataError

# One of several files that hold a split: data/test-00000-of-00002.parquet.
PART = re.compile(r"(.*)-\d{5}-of-(\d{5})(\.\w+)")


class Questions(list):
    """Rows as they were read, in the shape of a dataset: no value changes its type."""

    def __init__(self, rows: Rows) -> None:
        """Keep the rows without their places."""
        super().__init__(row for _, row in rows)
        self.features = dict.fromkeys(column for row in self for column in row)


def go_offline() -> None:
    """Let nothing in this process reach the hub from here on.

    The variables alone are read when the libraries are imported, so the values they have
    already read are set too.
    """
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        os.environ[name] = "1"
    huggingface_hub.constants.HF_HUB_OFFLINE = True
    datasets.config.HF_HUB_OFFLINE = True
    datasets.config.HF_DATASETS_OFFLINE = True


@functools.cache
def use_temporary_cache() -> Path:
    """Let the datasets library write into a folder of this process, removed at its end.

    Its own place lies in HOME, which may not be writable, and gives the rows of an earlier file
    where another has its path, size and time. What was downloaded from the hub stays where it is.
    """
    folder = Path(tempfile.mkdtemp(prefix="atlas-datasets-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["HF_DATASETS_CACHE"] = str(folder)
    datasets.config.HF_DATASETS_CACHE = folder
    datasets.config.DOWNLOADED_DATASETS_PATH = folder / "downloads"
    datasets.config.EXTRACTED_DATASETS_PATH = folder / "downloads" / "extracted"
    os.environ["HF_MODULES_CACHE"] = str(folder / "modules")
    datasets.config.HF_MODULES_CACHE = str(folder / "modules")
    return folder


def splits_of(config: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
    """Local rows as the split that the task asks; its other splits, for shots, are empty.

    Args:
        config: lm-eval configuration of the task.
        rows: its questions, as a reader gives them, every column in each.

    Raises:
        ConfigError: the task names no split to ask.
        DataError: the task works on the dataset, and a column holds values of different types.
    """
    split = asked_split(config)
    # A function over the dataset needs the library's own, which has one type a column.
    asked, empty = Questions(rows), Questions([])
    if config.get("process_docs"):
        asked = _dataset(asked)
        empty = asked.select([])
    else:
        empty.features = asked.features
    names = [config.get(f"{kind}_split") for kind in ("training", "validation", "test", "fewshot")]
    names.append((config.get("fewshot_config") or {}).get("split"))
    return {name: empty for name in names if name} | {split: asked}


def _dataset(rows: Questions) -> datasets.Dataset:
    try:
        return datasets.Dataset.from_dict(
            {column: [row[column] for row in rows] for column in rows.features}
        )
    except Exception as error:
        raise DataError(
            f"rows do not agree in the types of their values: {one_line(error)}"
        ) from error


def hub_dataset(config: Mapping[str, Any], revision: str | None) -> Any:
    """A task's dataset of the hub at its pinned commit; out of reach, as it was downloaded.

    Raises:
        DataError: it cannot be loaded, or was not downloaded wholly before.
    """
    path, name = config["dataset_path"], config.get("dataset_name")
    kwargs = dict(config.get("dataset_kwargs") or {})
    kwargs = {key: kwargs[key] for key in kwargs if key not in ("trust_remote_code", "revision")}
    try:
        return datasets.load_dataset(path, name, revision=revision, **kwargs)
    except Exception as error:
        reason = one_line(error)
    folder = _downloaded(path, revision)
    if folder is None:
        raise DataError(
            f"dataset {path!r} at {revision} cannot be loaded from the hub ({reason}) and was not "
            "downloaded before; run once where the hub is reached, with the same HF_HOME"
        )
    try:
        return datasets.load_dataset(str(folder), name, **kwargs)
    except Exception as error:
        raise DataError(
            f"dataset {path!r} in {folder} cannot be read: {one_line(error)}"
        ) from error


def _downloaded(path: str, revision: str | None) -> Path | None:
    """Folder of a dataset that was downloaded before, None where it was not.

    Raises:
        DataError: a part of one of its files is missing.
    """
    try:
        folder = huggingface_hub.snapshot_download(
            path, repo_type="dataset", revision=revision, local_files_only=True
        )
    except Exception:
        return None
    found = {str(file.relative_to(folder)) for file in Path(folder).rglob("*") if file.is_file()}
    for parts in filter(None, map(PART.fullmatch, found)):
        stem, count, suffix = parts.groups()
        wanted = {f"{stem}-{i:05d}-of-{count}{suffix}" for i in range(int(count))}
        if missing := sorted(wanted - found):
            raise DataError(
                f"dataset {path!r} was downloaded in part: {missing[0]} is not in {folder}; run "
                "once where the hub is reached"
            )
    return Path(folder)


def one_line(error: BaseException) -> str:
    """Kind and first line of an error of a library."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
