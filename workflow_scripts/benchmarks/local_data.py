"""Local rows as the datasets that lm-eval's tasks take, with the hub out of reach."""

import os
from typing import Any

import datasets
import huggingface_hub.constants

from workflow_scripts.benchmarks.readers import Rows
from workflow_scripts.common.errors import ConfigError, DataError


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


def splits_of(config: dict[str, Any], rows: Rows) -> datasets.DatasetDict:
    """Local rows as the split that the task asks; its other splits, for shots, are empty.

    Args:
        config: lm-eval configuration of the task.
        rows: its questions, as a reader gives them.

    Raises:
        ConfigError: the task names no split to ask.
        DataError: a column holds values of different types.
    """
    columns = list(dict.fromkeys(column for _, row in rows for column in row))
    try:
        asked = datasets.Dataset.from_dict(
            {column: [row.get(column) for _, row in rows] for column in columns}
        )
    except Exception as error:
        raise DataError(
            f"rows do not agree in the types of their values: {one_line(error)}"
        ) from error
    split = config.get("test_split") or config.get("validation_split")
    if not split:
        raise ConfigError("the task names no test_split or validation_split, so it asks nothing")
    names = [config.get(f"{kind}_split") for kind in ("training", "validation", "test", "fewshot")]
    names.append((config.get("fewshot_config") or {}).get("split"))
    splits = {name: asked.select([]) for name in names if name}
    return datasets.DatasetDict(splits | {split: asked})


def one_line(error: BaseException) -> str:
    """Kind and first line of an error of a library."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
