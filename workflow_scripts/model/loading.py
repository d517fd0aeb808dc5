"""Load the study's model and tokenizer from their artifacts.

``model.json`` says where the weights are: beside it (trained here), in a local folder, or on
the hub at a pinned revision. Nothing else in the workflow opens a model.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.common.errors import DataError, IntegrityError
from workflow_scripts.common.files import file_digest, read_json, value_digest
from workflow_scripts.common.streams import stream

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHT_SUFFIXES = (".safetensors", ".bin")


def describe_folder(folder: str | os.PathLike) -> dict[str, str]:
    """SHA-256 of each weight and config file of a local model folder, by file name.

    Raises:
        DataError: the folder holds no config.json or no weights.
    """
    folder = Path(folder)
    if not (folder / "config.json").exists():
        raise DataError(f"model folder {folder} has no config.json; model.pretrained.path is wrong")
    weights = [path for path in sorted(folder.iterdir()) if path.suffix in WEIGHT_SUFFIXES]
    if not weights:
        raise DataError(f"model folder {folder} holds no weights ({' or '.join(WEIGHT_SUFFIXES)})")
    return {path.name: file_digest(path) for path in [folder / "config.json", *weights]}


def model_record(source: str, path: str, revision: str, files: dict[str, str]) -> dict[str, Any]:
    """Content of ``model.json``: where the model is and the digest that stands for it.

    Args:
        source: ``trained`` (beside the record), ``folder`` or ``hub``.
        path: folder or hub id; empty when trained.
        revision: commit hash of a hub id, else empty.
        files: SHA-256 by file name; empty for a hub id, where the revision stands for them.
    """
    record = {"source": source, "path": path, "revision": revision, "files": files}
    identity = files or {"path": path, "revision": revision}
    return {**record, "digest": value_digest(identity)}


def read_record(model_json: str | os.PathLike) -> dict[str, Any]:
    """Read ``model.json`` with ``path`` resolved: the folder, or the hub id."""
    record = read_json(model_json)
    if record["source"] == "trained":
        record["path"] = str(Path(model_json).parent)
    return record


def load_model(
    model_json: str | os.PathLike, precision: str = "float32", device: str = "cpu"
) -> "PreTrainedModel":
    """Load the causal language model that ``model.json`` points to, in evaluation mode.

    Args:
        model_json: the artifact ``model/model.json``.
        precision: ``float32`` or ``bfloat16``.
        device: ``cpu`` or ``cuda``.

    Raises:
        DataError: there is no such device here.
        IntegrityError: a local file is not the one that the record was made of.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    if device == "cuda" and not torch.cuda.is_available():
        raise DataError("model.device is 'cuda', but this machine shows no CUDA GPU; use 'cpu'")
    record = read_record(model_json)
    if record["source"] != "hub":
        os.environ["HF_HUB_OFFLINE"] = "1"
        _check_files(record)
    model = AutoModelForCausalLM.from_pretrained(
        record["path"],
        revision=record["revision"] or None,
        dtype=getattr(torch, precision),
    )
    return model.to(device).eval()


def untrained_model(
    model_json: str | os.PathLike, seed: int, number: int = 0, device: str = "cpu"
) -> "PreTrainedModel":
    """A model of the same architecture with fresh random weights, float32.

    Args:
        model_json: the artifact ``model/model.json``.
        seed: the model's seed; the draw differs from the one the training began with.
        number: which of several untrained models.
        device: ``cpu`` or ``cuda``.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    record = read_record(model_json)
    config = AutoConfig.from_pretrained(record["path"], revision=record["revision"] or None)
    torch.manual_seed(int(stream(seed, "untrained model", number).integers(2**31)))
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).to(device).eval()


def load_tokenizer(folder: str | os.PathLike) -> "PreTrainedTokenizerBase":
    """Load the tokenizer from ``corpus/tokenizer/``."""
    from transformers import AutoTokenizer

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return AutoTokenizer.from_pretrained(os.fspath(folder))


def _check_files(record: dict[str, Any]) -> None:
    for name, digest in record["files"].items():
        path = Path(record["path"]) / name
        if not path.exists():
            raise IntegrityError(f"model file {path} is missing, but model.json was made with it")
        if file_digest(path) != digest:
            raise IntegrityError(
                f"model file {path} differs from the one model.json was made with; "
                "delete model.json and run again"
            )
