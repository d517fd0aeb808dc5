"""Number of questions of a benchmark, counted in its local files if they are present."""

import functools
import os
from collections.abc import Mapping
from typing import Any

from workflow_scripts.benchmarks.definitions import Definition, TaskEntry, resolve
from workflow_scripts.benchmarks.tasks.question_readers import READERS
from workflow_scripts.common.errors import AtlasError


def question_count(definition: Definition, config: Mapping[str, Any]) -> int:
    """Questions of a benchmark: counted, else stated by its definition, else by the config.

    Args:
        definition: of the benchmark.
        config: the complete configuration.
    """
    counts = [_of_task(entry, definition, config) for entry in definition.tasks]
    known = [count for count in counts if count is not None]
    limit = definition.limit
    if counts and len(known) == len(counts):
        return max(1, sum(min(count, limit or count) for count in known))
    stated = definition.questions or config["preflight"]["questions"]
    return min(stated, len(definition.tasks) * (limit or stated))


def _of_task(entry: TaskEntry, definition: Definition, config: Mapping[str, Any]) -> int | None:
    """Rows of a task's local files; None where they are not here, or not readable."""
    results = f"results/{config['study']}"
    paths = [resolve(path, results, config["data"], definition.path.parent) for path in entry.files]
    if not paths or not all(map(os.path.isfile, paths)):
        return None
    reader = entry.reader or str(entry.config.get("dataset_path", ""))
    return _rows(reader, tuple((path, os.path.getmtime(path)) for path in paths))


@functools.lru_cache(maxsize=256)
def _rows(reader: str, files: tuple[tuple[str, float], ...]) -> int | None:
    try:
        return len(READERS[reader]([path for path, _ in files])) if reader in READERS else None
    except AtlasError:
        return None  # the check of the questions says what is wrong, when the run starts
