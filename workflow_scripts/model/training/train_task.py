"""One task of data-parallel training; started by the rule train_model.

python -m workflow_scripts.model.training.train_task request.json
"""

import ctypes
import dataclasses
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import load_tokenizer
from workflow_scripts.model.training.process_group import Team, joined
from workflow_scripts.model.training.training import (
    ArchitectureSettings,
    TrainSettings,
    build_model,
    train,
)

logger = logging.getLogger("atlas")
PR_SET_PDEATHSIG = 1


@dataclasses.dataclass(frozen=True)
class Request:
    """Request of a training.

    Attributes:
        shards: paths of the tokenised shards, in order.
        tokenizer: folder of the tokenizer.
        settings: the config section ``model.train``.
        seed: of weights and order.
        state: folder of the state of an unfinished run; the model is left in ``finished`` there.
        device: ``cpu`` or ``cuda``.
        threads: of each task.
    """

    shards: list[str]
    tokenizer: str
    settings: dict[str, Any]
    seed: int
    state: str
    device: str
    threads: int

    @property
    def finished(self) -> Path:
        """Folder of the trained model and its history."""
        return Path(self.state) / "finished"

    def write(self) -> Path:
        """Leave the request where its tasks read it."""
        path = Path(self.state) / "request.json"
        write_json(path, dataclasses.asdict(self))
        return path


def split_settings(settings: Mapping[str, Any]) -> tuple[ArchitectureSettings, TrainSettings]:
    """Split the config section ``model.train``, tasks left out, in shape and training."""
    shape = {field.name for field in dataclasses.fields(ArchitectureSettings)}
    return (
        ArchitectureSettings(**{key: settings[key] for key in settings if key in shape}),
        TrainSettings(**{key: settings[key] for key in settings if key not in shape | {"tasks"}}),
    )


def read_documents(shards: list[str]) -> list[np.ndarray]:
    """Token ids (n_tokens,) int32 of all documents, in the order of the working set.

    That order does not depend on the number of shards, so neither does the model.
    """
    frames = [read_table(path, "corpus/shards", ["input_ids"]) for path in shards]
    return [np.asarray(ids, np.int32) for frame in frames for ids in frame["input_ids"]]


def fulfil(request: Request, team: Team) -> None:
    """Train, resuming a killed run, and leave model and history in ``request.finished``."""
    torch.set_num_threads(request.threads)
    architecture, settings = split_settings(request.settings)
    documents = read_documents(request.shards)
    model = build_model(architecture, len(load_tokenizer(request.tokenizer)), request.seed)
    model = model.to(team.device)
    if team.rank == 0:
        logger.info(
            "%s parameters, %d documents, %s tokens, %d passes, %d task(s)",
            f"{model.num_parameters():,}",
            len(documents),
            f"{sum(map(len, documents)):,}",
            settings.passes,
            team.size,
        )
    progress: Progress | None = None

    def report(step: int, steps_total: int, loss: float) -> None:
        nonlocal progress
        if progress is None:
            # The clock starts at the first report, so that a resumed run's rate is its own.
            progress = Progress(steps_total, "steps", interval=10)
            progress.skip(step)
        progress.advance(step - progress.done, f"loss {loss:.3f}")

    heard = report if team.rank == 0 else None
    history = train(model, documents, settings, request.seed, Path(request.state), heard, team)
    if team.rank == 0:
        model.save_pretrained(request.finished, safe_serialization=True)
        write_json(request.finished / "history.json", history)


def end_with_parent() -> None:
    """Let this process be killed when the one that started it dies (Linux).

    Otherwise the tasks of a killed job would go on, and write beside those of its second start.
    """
    parent = os.environ.get("ATLAS_PARENT")
    if parent is None:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the process that started this task is gone")


def main() -> None:
    """Read the request, join the team and train."""
    end_with_parent()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logger.setLevel(logging.INFO)
    request = Request(**read_json(sys.argv[1]))
    try:
        with joined(request.device) as team:
            fulfil(request, team)
    except AtlasError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
