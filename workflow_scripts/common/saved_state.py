"""States of unfinished jobs, from which training and unlearning go on."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

logger = logging.getLogger("atlas")


def read_state(path: str | os.PathLike, device: str | torch.device) -> Mapping[str, Any] | None:
    """Load the checkpoint of a job.

    Returns None for an unreadable checkpoint; the job then restarts with identical results.

    Args:
        path: a file that exists.
        device: where its tensors go.
    """
    try:
        state = torch.load(path, weights_only=True, map_location=device)
        if "digest" in state:
            return state
        reason = "it names no run"
    # A damaged file fails in the archive, in the pickle or in its content, each in its own way.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    logger.warning("dropped %s, which cannot be read (%s); starting afresh", path, reason)
    Path(path).unlink(missing_ok=True)  # other tasks of the job may be faster
    return None
