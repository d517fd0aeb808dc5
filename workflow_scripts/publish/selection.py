"""Selection of the shared files; imports nothing heavy, since the rule needs it when parsed."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

# Shared files of a run besides its adapters: sets, course and outcome.
RUN_TABLES = ("sets.parquet", "history.parquet", "run.json")


def shared_targets(targets: Iterable[str], settings: Mapping[str, object]) -> list[str]:
    """Targets of the study that are shared: all but gradients and, unless asked for, scores."""
    return [
        path
        for path in targets
        if "/attribution/" not in path or (settings["scores"] and "/attribution/scores/" in path)
    ]


def shared_runs(runs: Iterable[str], arms: Iterable[str], adapters: object) -> list[str]:
    """Files of the unlearning runs, by their ``run.json``: tables, and adapters where wanted."""
    names = [*RUN_TABLES, *(f"{arm}.safetensors" for arm in arms if adapters)]
    return [str(PurePosixPath(run).with_name(name)) for run in runs for name in names]
