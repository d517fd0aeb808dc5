"""The shape of the study's model, without loading it: parameters, layers, widths.

A model that is trained here has the shape of its config keys. That of a pretrained one is read
from the headers of its safetensors files, or built without memory from its config.json where
there are no weights; a hub model that is not on this machine has the one that the config states.
"""

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import ConfigError, first_line
from workflow_scripts.corpus.sources.sources import resolve
from workflow_scripts.model.pretrained_folder import check_folder
from workflow_scripts.model.weights import loaded_weights, shapes_of

# A parameter inside a numbered layer: model.layers.12.mlp.up_proj.weight
IN_LAYER = re.compile(r"\.(\d+)\..*weight$")
# Linear layers of a Llama-like layer: q, k, v, o and gate, up, down.
ATTENTION, MLP = 4, 3


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a model that its costs depend on.

    Attributes:
        parameters: all weights.
        embedding: entries of the input embedding, which costs no arithmetic.
        layers: transformer layers.
        hidden: width.
        intermediate: width of the MLP.
        vocabulary: tokens.
        modules: linear layers inside the transformer layers; each has a projected gradient.
        sides: sum over these layers of inputs + outputs; LoRA has ``rank`` x so many weights.
    """

    parameters: int
    embedding: int
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    modules: int
    sides: int

    @property
    def active(self) -> int:
        """Weights that a token is multiplied with: all but the input embedding."""
        return self.parameters - self.embedding


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """The shape of the study's model.

    Raises:
        ConfigError: it is a hub model that is not on this machine, and the config states none.
    """
    model = config["model"]
    if model["source"] == "train":
        return trained_shape(model["train"], config["corpus"]["vocab_size"])
    reference = model["pretrained"]
    path = resolve(reference["path"], config["data"])
    if Path(path).is_dir():
        check_folder(path)
    folder = _folder(path, reference["revision"])
    if folder:
        return read_shape(folder)
    stated = config["preflight"]["model"]
    if not stated["parameters"]:
        raise ConfigError(
            f"config key 'model.pretrained.path' is {reference['path']!r}, which is no folder here "
            "and not in the hub cache; state its size under 'preflight.model', or download it"
        )
    return stated_shape(**stated)


def trained_shape(train: Mapping[str, Any], vocabulary: int) -> ModelShape:
    """Shape of the Olmo3 model of ``model.train``, its output layer untied."""
    hidden, inner, layers = train["hidden_size"], train["intermediate_size"], train["layers"]
    # Beside the matrices: four norms a layer (query, key, after attention, after MLP), one at last.
    layer = ATTENTION * hidden**2 + MLP * hidden * inner + 4 * hidden
    parameters = layers * layer + 2 * vocabulary * hidden + hidden
    return stated_shape(parameters, layers, hidden, inner, vocabulary)


def stated_shape(
    parameters: int, layers: int, hidden_size: int, intermediate_size: int, vocab_size: int
) -> ModelShape:
    """Shape of a Llama-like model: seven linear layers in each transformer layer."""
    sides = layers * (ATTENTION * 2 * hidden_size + MLP * (hidden_size + intermediate_size))
    return ModelShape(
        parameters=parameters,
        embedding=vocab_size * hidden_size,
        layers=layers,
        hidden=hidden_size,
        intermediate=intermediate_size,
        vocabulary=vocab_size,
        modules=layers * (ATTENTION + MLP),
        sides=sides,
    )


@functools.cache
def read_shape(folder: Path) -> ModelShape:
    """Shape of a model folder in Hugging Face format; no weight is read.

    Raises:
        ConfigError: its config.json cannot be understood.
    """
    shapes = _file_shapes(folder) or dict(_meta_parameters(folder))
    settings = json.loads((folder / "config.json").read_text())
    matrices = [
        (int(IN_LAYER.search(name)[1]), shape)
        for name, shape in shapes.items()
        if IN_LAYER.search(name) and len(shape) == 2
    ]
    vocabulary = settings.get("vocab_size")
    if not matrices or not vocabulary:
        raise ConfigError(
            f"model folder {folder} (config key 'model.pretrained.path') has no numbered layers or "
            "no vocab_size in config.json; only decoder models of that kind are supported"
        )
    hidden = settings.get("hidden_size") or settings.get("n_embd")
    parameters = sum(math.prod(shape) for shape in shapes.values())
    untied = any("lm_head" in name or "embed_out" in name for name in shapes)
    return ModelShape(
        parameters=parameters,
        embedding=vocabulary * hidden if untied else 0,
        layers=1 + max(layer for layer, _ in matrices),
        hidden=hidden,
        intermediate=max(max(shape) for _, shape in matrices),
        vocabulary=vocabulary,
        modules=len(matrices),
        sides=sum(sum(shape) for _, shape in matrices),
    )


def _file_shapes(folder: Path) -> Mapping[str, tuple[int, ...]]:
    """Shapes in the headers of a folder's safetensors files; empty where it has none."""
    try:
        weights = loaded_weights(folder)
    except ConfigError:
        return {}
    return shapes_of(weights) if weights[0].suffix == ".safetensors" else {}


def _meta_parameters(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the parameters that a config.json describes, without memory."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ConfigError(f"model folder {folder}: {first_line(error)}") from None
    for name, parameter in model.named_parameters():
        yield name, tuple(parameter.shape)


def _folder(path: str, revision: str) -> Path | None:
    """Folder of the model's files on this machine: its own, or its place in the hub cache."""
    if Path(path).is_dir():
        return Path(path) if (Path(path) / "config.json").is_file() else None
    if not revision:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(path, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None
