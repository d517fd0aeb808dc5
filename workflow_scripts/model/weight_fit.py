"""Fit of a pretrained model's weights to its architecture, found without reading a weight.

The architecture is built on torch's meta device, which has shapes and no values, and loaded by
transformers itself from tensors of the shapes that the files' headers state. So renamed, fused and
tied weights and those that an architecture ignores count as they do in a real loading.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.common.errors import DataError, first_line
from workflow_scripts.model.weights import loaded_weights, read_header

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

SHOWN = 3
# Names of dtypes in a safetensors header; what is not here counts as bytes.
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "BOOL": "bool",
}
FAILURES = (OSError, ValueError, KeyError, ImportError, RuntimeError, AttributeError, TypeError)


def load_shapes(path: str, revision: str) -> tuple["PreTrainedModel", dict[str, Any]]:
    """Build a pretrained model without values and load its weights' shapes into it.

    Args:
        path: local folder, or hub id (its files are fetched where they are not in the cache).
        revision: commit hash of a hub id.

    Returns:
        The model on the meta device, and transformers' report of the loading.

    Raises:
        DataError: transformers cannot make a model of it.
    """
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    # The report of the loading is judged here, in one line.
    transformers_logging.set_verbosity_error()
    place: dict[str, Any] = {
        "device_map": {"": "meta"},
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,
    }
    try:
        if not Path(path).is_dir():
            return AutoModelForCausalLM.from_pretrained(path, revision=revision, **place)
        config = AutoConfig.from_pretrained(path, local_files_only=True)
        kind = type(_without_values(config))
        return kind.from_pretrained(None, config=config, state_dict=file_tensors(path), **place)
    except FAILURES as error:
        raise DataError(f"no model can be loaded from {path!r}: {first_line(error)}") from error


def _without_values(config: Any) -> "PreTrainedModel":
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def file_tensors(folder: str) -> dict[str, "torch.Tensor"]:
    """Tensors of a folder's weight files by name, with shape and dtype and no values."""
    import torch

    tensors = {}
    for file in loaded_weights(folder):
        if file.suffix != ".safetensors":
            tensors.update(torch.load(file, map_location="meta", weights_only=True))
            continue
        for name, (dtype, shape) in read_header(file).items():
            kind = getattr(torch, DTYPES.get(dtype, "uint8"))
            tensors[name] = torch.empty(shape, dtype=kind, device="meta")
    return tensors


def check_loading(model: "PreTrainedModel", info: Mapping[str, Any], path: str) -> None:
    """Refuse a model of which a weight is not in the files, or the files hold another.

    Args:
        model: as loaded.
        info: transformers' report of the loading.
        path: where the files are, for the message.

    Raises:
        DataError: names the weights.
    """
    if getattr(model, "_hf_peft_config_loaded", False):
        raise DataError(
            f"{path!r} holds an adapter (adapter_config.json), which was applied on top of the "
            "weights; merge it (merge_and_unload of peft) and save the model without adapter_*"
        )
    missing, unexpected = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    mismatched = sorted(info["mismatched_keys"])
    problems = [
        f"{len(missing)} weights of the architecture are missing ({_listed(missing)})"
        if missing
        else "",
        f"{len(unexpected)} belong to no part of it ({_listed(unexpected)})" if unexpected else "",
        f"{len(mismatched)} have another shape ({_listed(map(_shapes, mismatched))})"
        if mismatched
        else "",
    ]
    if any(problems):
        raise DataError(
            f"the weights in {path!r} do not fit {type(model).__name__}: "
            f"{'; '.join(filter(None, problems))}; {_advice(missing, unexpected)}"
        )


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _shapes(entry: Sequence[Any]) -> str:
    name, in_file, in_model = entry
    return f"{name}: {tuple(in_file)} in the file, {tuple(in_model)} in the model"


def _advice(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    """Say what to do; where one prefix explains every name, which."""
    known = set(missing)
    for other in unexpected[:1]:
        for name in missing:
            prefix = other.removesuffix(name)
            if prefix != other and {each.removeprefix(prefix) for each in unexpected} <= known:
                return (
                    f"the names in the files begin with {prefix!r}, as those of a compiled or "
                    "wrapped model do: save the model inside it with save_pretrained"
                )
    return "copy the files again, or save the whole model with save_pretrained"
