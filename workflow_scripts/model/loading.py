"""Load the study's model and tokenizer from their artifacts.

``model.json`` says where the weights are: beside it (trained here), in a local folder, or on
the hub at a pinned revision. Nothing else in the workflow opens a model.
"""

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.common.errors import DataError, IntegrityError, first_line
from workflow_scripts.common.files import file_digest, read_json, value_digest
from workflow_scripts.common.random_streams import stream
from workflow_scripts.model.pretrained_folder import check_folder
from workflow_scripts.model.weight_fit import check_loading
from workflow_scripts.model.weights import loaded_weights

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


def describe_folder(folder: str | os.PathLike) -> dict[str, str]:
    """SHA-256 of the config file and of each weight file of a local model folder, by file name.

    Raises:
        ConfigError: the folder is not a causal language model with its weights.
    """
    check_folder(folder)
    return {
        path.name: file_digest(path)
        for path in [Path(folder) / "config.json", *loaded_weights(folder)]
    }


def model_record(source: str, path: str, revision: str, files: dict[str, str]) -> dict[str, Any]:
    """Content of ``model.json``: place of the model and its digest.

    Args:
        source: ``trained`` (beside the record), ``folder`` or ``hub``.
        path: folder or hub id; empty when trained.
        revision: commit hash of a hub id, else empty.
        files: SHA-256 by file name; empty for a hub id, where the revision identifies them.
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
        precision: ``float32``, ``tf32`` (float32 weights, products of 10-bit mantissas on the
            GPU) or ``bfloat16``.
        device: ``cpu``, ``cuda`` (the first visible GPU) or ``auto`` (layers split over all
            visible GPUs, for a model too large for one).

    Raises:
        DataError: there is no such device here, transformers cannot make a model of it, or its
            weights are not those of its architecture.
        IntegrityError: a local file is not the one that the record was made of.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    dtype = choose_arithmetic(precision, device)
    record = read_record(model_json)
    if record["source"] != "hub":
        os.environ["HF_HUB_OFFLINE"] = "1"
        _check_files(record)
    dealt = {"device_map": "auto"} if device == "auto" else {}
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            record["path"],
            revision=record["revision"] or None,
            dtype=dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # judged below, in one line
            **dealt,
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise DataError(
            f"no model can be loaded from {record['path']!r}: {first_line(error)}"
        ) from error
    check_loading(model, info, record["path"])
    _check_finite(model, record["path"])
    if dealt:
        _check_dealt(model)
        return model.eval()
    return model.to(device).eval()


def choose_arithmetic(precision: str, device: str) -> "torch.dtype":
    """Set how the process multiplies float32 matrices on a GPU; the only place that does.

    Args:
        precision: ``float32``, ``tf32`` or ``bfloat16``.
        device: ``cpu``, ``cuda`` or ``auto``.

    Returns:
        The dtype of the weights.

    Raises:
        DataError: the machine shows no GPU.
    """
    import torch

    if device != "cpu" and not torch.cuda.is_available():
        raise DataError(
            f"model.device is {device!r}, but this machine shows no CUDA GPU; use 'cpu'"
        )
    # Set both ways: a float32 model loaded after a tf32 one, as the numerics gate does, is exact.
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def recorded_config(model_json: str | os.PathLike) -> "PreTrainedConfig":
    """The configuration of the model that the artifact ``model/model.json`` points to."""
    from transformers import AutoConfig

    record = read_record(model_json)
    return AutoConfig.from_pretrained(record["path"], revision=record["revision"] or None)


def untrained_model(
    config: "PreTrainedConfig", seed: int, number: int = 0, device: str = "cpu"
) -> "PreTrainedModel":
    """A model of the same architecture with fresh random weights, float32.

    Args:
        config: of the study's model.
        seed: the model's seed; the draw differs from the one the training began with.
        number: which of several untrained models.
        device: ``cpu``, ``cuda`` or ``auto``, as in :func:`load_model`.
    """
    import torch
    from transformers import AutoModelForCausalLM

    dtype = choose_arithmetic("float32", device)
    torch.manual_seed(int(stream(seed, "untrained model", number).integers(2**31)))
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    return (deal(model) if device == "auto" else model.to(device)).eval()


def deal(model: "PreTrainedModel", device_map: dict[str, Any] | None = None) -> "PreTrainedModel":
    """Split the layers of a model in memory over all visible GPUs (or as ``device_map`` says)."""
    from accelerate import dispatch_model, infer_auto_device_map

    whole = list(model._no_split_modules or [])
    return dispatch_model(model, device_map or infer_auto_device_map(model, None, whole))


def load_tokenizer(folder: str | os.PathLike) -> "PreTrainedTokenizerBase":
    """Load the tokenizer from ``corpus/tokenizer/``."""
    from transformers import AutoTokenizer

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return AutoTokenizer.from_pretrained(os.fspath(folder))


def release_memory() -> None:
    """Give memory that deleted models held back to the GPU, before the next one is loaded."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _check_finite(model: "PreTrainedModel", path: str) -> None:
    """Refuse weights that are no numbers, as a damaged copy or a diverged training leaves them."""
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise DataError(
                f"the weight {name} of the model in {path!r} holds values that are not finite; "
                "copy its files again, or take an earlier checkpoint"
            )


def _check_dealt(model: "PreTrainedModel") -> None:
    """Refuse a model of which a part did not fit on the GPUs: it would run at a crawl."""
    places = getattr(model, "hf_device_map", {})
    left = [name for name, place in places.items() if place in ("cpu", "disk")]
    if left:
        raise DataError(
            f"the model does not fit on the visible GPUs: {len(left)} of its {len(places)} parts, "
            f"first {left[0]!r}, would stay in the machine's memory; ask for more GPUs, or use "
            "model.precision bfloat16"
        )


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
