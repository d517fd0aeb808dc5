"""The tasks that lm-eval brings, found by name without importing it."""

import functools
import importlib.metadata
import importlib.util
import re
from pathlib import Path

from workflow_scripts.common.errors import ConfigError, nearest

TASK_LINE = re.compile(rb"""^["']?task["']?\s*:\s*["']?([\w./:-]+)["']?\s*$""", re.MULTILINE)


@functools.cache
def built_in_tasks() -> dict[str, Path]:
    """Task file of each task that lm-eval brings, by name.

    A task's file has its name on a line of its own. Looking for that line in all files takes
    0.5 s; lm-eval's own index parses them, which takes 13 s.
    """
    folder = Path(importlib.util.find_spec("lm_eval").submodule_search_locations[0]) / "tasks"
    matches = (
        (TASK_LINE.search(path.read_bytes()), path) for path in sorted(folder.rglob("*.yaml"))
    )
    return {match.group(1).decode(): path for match, path in matches if match}


def built_in_file(name: str) -> Path:
    """Task file of one task that lm-eval brings.

    Raises:
        ConfigError: it brings no such task.
    """
    known = built_in_tasks()
    if name not in known:
        raise ConfigError(
            f"lm-eval {importlib.metadata.version('lm_eval')} brings no task {name!r} "
            f"(groups and tags must be given as their tasks){nearest(name, list(known))}"
        )
    return known[name]
