"""Records of runs (``run.json``), and the check that a file lies in its own place.

Runs lie in .../unlearning/{target}/{topic}/seed{seed}/, those of the control in
.../unlearning/control/seed{seed}/, those of cross-fitting in a folder ``halves`` of their topic;
the folder of a topic may be a slot such as ``top01``.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.unlearning.arms import CONTROL

# Folder of a topic's runs on halves of the questions.
CROSS_FITTED = "halves"
KEYS = ("topic", "seed", "balance", "arms")


def target_of(path: str | os.PathLike) -> str:
    """Target benchmark of a file of a run, or ``control``, by its folder."""
    folder = Path(path).parents[1]
    if folder.name == CROSS_FITTED:
        folder = folder.parent
    return CONTROL if folder.name == CONTROL else folder.parent.name


def read_run(path: str | os.PathLike) -> dict[str, Any]:
    """The record of one run.

    Raises:
        IntegrityError: it cannot be read, lacks a key, or belongs to another seed.
    """
    try:
        record = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path} cannot be read ({error}); delete it and run again") from None
    absent = [key for key in KEYS if not isinstance(record, dict) or key not in record]
    if absent:
        raise IntegrityError(f"{path} lacks {', '.join(absent)}; delete it and run again")
    _check(path, "seed", f"seed{record['seed']}", Path(path).parent.name)
    if "target" in record:
        _check(path, "target", record["target"], target_of(path))
    return record


def check_adapter(
    path: str | os.PathLike, about: Mapping[str, Any], record: Mapping[str, Any]
) -> None:
    """Refuse an adapter that is not that of its place.

    Args:
        path: .../seed{seed}/{arm}.safetensors.
        about: what the adapter says of itself.
        record: ``run.json`` of its run.

    Raises:
        IntegrityError: target, topic, seed, arm or settings are those of another.
    """
    _check(path, "arm", about["arm"], Path(path).stem)
    _check(path, "target", about["target"], target_of(path))
    for key in ("topic", "seed", "adapter"):
        _check(path, key, about[key], record.get(key))


def _check(path: str | os.PathLike, key: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise IntegrityError(
            f"{path} is of the {key} {found!r}, but its place is that of {expected!r}; delete it "
            "and run again"
        )
