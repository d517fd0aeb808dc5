"""The benchmarks of a study as they are shared: definitions, and digests of question files."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.benchmarks.definitions import FOLDER, Definition, load_definition, resolve
from workflow_scripts.common.files import file_digest, write_json
from workflow_scripts.publish.anonymous import copy_file
from workflow_scripts.publish.places import Places

PLACE, DIGESTS = "definitions", "questions.json"


def share_benchmarks(folder: Path, config: Mapping[str, Any], places: Places) -> None:
    """Put the definitions below ``definitions/``, as they are in ``benchmarks/``.

    Beside them ``questions.json`` names every local file of questions with its digest, so that a
    reader knows theirs for the same.
    """
    definitions = [load_definition(name) for name in config["benchmarks"]]
    for path in _files(definitions):
        copy_file(path, folder / PLACE / _name(path), None, config["data"], places)
    digests = {each.name: list(_digests(each, config, places)) for each in definitions}
    write_json(folder / PLACE / DIGESTS, digests)


def _files(definitions: Iterable[Definition]) -> list[Path]:
    """Definitions and the task files behind them, each once."""
    found = [
        path
        for each in definitions
        for path in (each.path, *(file for task in each.tasks for file in task.task_files))
    ]
    return list(dict.fromkeys(found))


def _name(path: Path) -> str:
    """Destination of a file: its path below benchmarks/, or its name if it lies elsewhere."""
    below = os.path.relpath(path, FOLDER)
    return f"elsewhere/{path.name}" if below.startswith(os.pardir) else below


def _digests(
    definition: Definition, config: Mapping[str, Any], places: Places
) -> Iterable[dict[str, Any]]:
    for written in dict.fromkeys(file for task in definition.tasks for file in task.files):
        results = f"results/{config['study']}"
        path = Path(resolve(written, results, config["data"], definition.path.parent))
        if path.is_file():
            size, digest = path.stat().st_size, file_digest(path)
            yield {"file": places.replace(written), "bytes": size, "sha256": digest}
