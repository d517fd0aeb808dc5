"""Files of adapters: the weights of one arm at every dose reached, in one safetensors file."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import atomic_path

Weights = dict[str, torch.Tensor]
# Keys that identify an adapter, so that none is taken for another.
KEYS = ("base", "adapter", "target", "topic", "seed", "arm")


def write_adapters(
    path: str | os.PathLike, by_dose: Mapping[float, Weights], about: Mapping[str, Any]
) -> None:
    """Write the adapters of an arm; one that reached no dose gives a file without tensors.

    Args:
        path: the file; tensors are named ``<dose>/<parameter>``.
        by_dose: weights by dose (nats).
        about: what they belong to, every key of ``KEYS``: digest of the base model, settings
            of the adapter, target benchmark, topic, seed and arm.
    """
    tensors = {
        f"{float(dose)!r}/{name}": weight.contiguous()
        for dose, weights in by_dose.items()
        for name, weight in weights.items()
    }
    # One key of metadata: safetensors writes several in the order of a hash table.
    metadata = {"about": json.dumps(dict(about), sort_keys=True)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def read_adapters(path: str | os.PathLike, base: str) -> tuple[dict[float, Weights], dict]:
    """Adapters of an arm by dose, and what they belong to.

    Args:
        path: a file of :func:`write_adapters`.
        base: digest of the base model that they are to be put on.

    Raises:
        IntegrityError: they were trained on another base model, or the file is damaged.
    """
    by_dose: dict[float, Weights] = {}
    try:
        with safe_open(Path(path), framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            for key in sorted(file.keys()):
                dose, _, name = key.partition("/")
                by_dose.setdefault(float(dose), {})[name] = file.get_tensor(key)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"adapter {path} is damaged ({error}); delete it and run again"
        ) from None
    absent = [key for key in KEYS if not isinstance(about, dict) or key not in about]
    if absent:
        raise IntegrityError(
            f"adapter {path} does not say its {' and '.join(absent)}; delete it and run again"
        )
    if about["base"] != base:
        raise IntegrityError(
            f"adapter {path} was trained on the base model {str(about['base'])[:12]}, but "
            f"model.json is {base[:12]}; delete the adapter and run again"
        )
    return by_dose, about
