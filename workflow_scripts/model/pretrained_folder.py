"""Check the folder of a pretrained model before anything heavy is loaded."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import ConfigError
from workflow_scripts.model.vocabulary import check_same_tokens, check_vocabulary
from workflow_scripts.model.weights import check_pointer, check_weights, loaded_weights

COMMIT = re.compile(r"[0-9a-f]{40}")
# A fast tokenizer, or what one can be made of.
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
CAUSAL_SUFFIXES = ("ForCausalLM", "LMHeadModel")
# Keys under which configurations give the longest sequence of their model.
POSITION_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
PRETRAINED, QUERY = "model.pretrained", "model.query"
SIBLINGS = "model.siblings"
# Files beside the weights that are read, where they are there.
READ = ("generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "merges.txt")
# Numbers that a query model shares with the document model, in the words of several architectures.
SHARED = (
    "vocab_size",
    "hidden_size",
    "n_embd",
    "num_hidden_layers",
    "n_layer",
    "intermediate_size",
)


def check_reference(path: str, revision: str, max_tokens: int) -> None:
    """Check ``model.pretrained`` as far as that is possible without loading the model.

    Args:
        path: ``model.pretrained.path`` with ``<data>`` resolved.
        revision: ``model.pretrained.revision``.
        max_tokens: ``corpus.max_tokens``, which must fit into the model.

    Raises:
        ConfigError: a folder that is no causal language model with its tokenizer, or a hub id
            without a pinned commit.
    """
    if not Path(path).is_dir():
        check_revision(path, revision)
        return
    check_folder(path)
    if not any((Path(path) / name).exists() for name in TOKENIZER_FILES):
        raise ConfigError(
            f"config key '{PRETRAINED}.path': the folder {path} holds no tokenizer "
            f"({', '.join(TOKENIZER_FILES)}); save the model's tokenizer there with save_pretrained"
        )
    for name in (*TOKENIZER_FILES, *READ):
        check_pointer(Path(path) / name)
    config = read_config(path)
    check_vocabulary(path, config.get("vocab_size"))
    positions = longest_sequence(config)
    if positions is not None and positions < max_tokens:
        raise ConfigError(
            f"config key 'corpus.max_tokens' is {max_tokens}, but the model in {path} takes "
            f"{positions} tokens (its config.json); lower the key"
        )


def check_query_reference(path: str, revision: str, document_path: str, key: str = QUERY) -> None:
    """Check a model that must be like the study's, without loading it.

    Args:
        path: of ``model.query`` or of one of ``model.siblings``, with ``<data>`` resolved.
        revision: its revision.
        document_path: folder of the study's model, or what is no folder here.
        key: config section that names the model.

    Raises:
        ConfigError: a folder that is no causal language model, or one of another shape or with
            other tokens than the study's model; a hub id without a pinned commit.
    """
    if not Path(path).is_dir():
        check_revision(path, revision, key)
        return
    check_folder(path, key)
    if not Path(document_path).is_dir():
        return
    own, other = read_config(document_path), read_config(path)
    for name in SHARED:
        if name in own and name in other and own[name] != other[name]:
            raise ConfigError(
                f"config key '{key}.path': the model in {path} has {name} {other[name]}, the "
                f"study's model {own[name]}, and they must be the same; take a model that was "
                "trained as it was, or tuned from it"
            )
    check_same_tokens(path, document_path, f"{key}.path")


def reference_files(path: str) -> list[str]:
    """Files that decide what a model is: its config and its weights.

    Args:
        path: folder or hub id, checked before.

    Returns:
        None of a hub id, which a commit pins.
    """
    if not Path(path).is_dir():
        return []
    return [str(file) for file in (Path(path) / "config.json", *loaded_weights(path))]


def check_revision(path: str, revision: str, key: str = PRETRAINED) -> None:
    """Refuse a hub id that no commit pins.

    Raises:
        ConfigError: ``revision`` is no commit hash.
    """
    if not COMMIT.fullmatch(revision):
        raise ConfigError(
            f"config key '{key}.path' is {path!r}, which is no folder here; to use it "
            f"as a hub id, pin '{key}.revision' (now {revision!r}) to a 40-digit commit"
        )


def check_folder(folder: str | os.PathLike, key: str = PRETRAINED) -> None:
    """Refuse a folder that holds no causal language model with its weights.

    Args:
        folder: of the model.
        key: config section that names it.

    Raises:
        ConfigError: names what is missing, or the architecture that is not one.
    """
    folder, wrong = Path(folder), f"config key '{key}.path': the folder {folder}"
    if not (folder / "config.json").exists():
        raise ConfigError(f"{wrong} has no config.json, so it is no model in Hugging Face format")
    check_pointer(folder / "config.json")
    names = read_config(folder).get("architectures") or []
    if names and not any(str(name).endswith(CAUSAL_SUFFIXES) for name in names):
        raise ConfigError(
            f"{wrong} holds the architecture {', '.join(map(str, names))} (config.json); "
            "allowed: a causal language model, such as LlamaForCausalLM or GPTNeoXForCausalLM"
        )
    if quantised := read_config(folder).get("quantization_config"):
        method = quantised.get("quant_method") if isinstance(quantised, Mapping) else None
        raise ConfigError(
            f"{wrong} holds quantised weights ({method or 'quantization_config'}), whose gradients "
            "cannot be read; take the weights in bfloat16, float16 or float32"
        )
    check_weights(folder, f"{key}.path")


def read_config(folder: str | os.PathLike) -> dict[str, Any]:
    """The ``config.json`` of a model folder.

    Raises:
        ConfigError: it is not a JSON object.
    """
    path = Path(folder) / "config.json"
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"model file {path} cannot be read: {error}") from None
    if not isinstance(value, Mapping):
        raise ConfigError(f"model file {path} must hold an object, not {type(value).__name__}")
    return dict(value)


def longest_sequence(config: Any) -> int | None:
    """Tokens in the longest sequence that a model takes.

    Args:
        config: a ``config.json`` read, or the configuration object of transformers.

    Returns:
        None where the configuration names no limit.
    """
    for key in POSITION_KEYS:
        value = config.get(key) if isinstance(config, Mapping) else getattr(config, key, None)
        if isinstance(value, int) and value > 0:
            return value
    return None
