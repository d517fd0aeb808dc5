"""What a pretrained model's folder must hold, checked before anything heavy is loaded."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import ConfigError

COMMIT = re.compile(r"[0-9a-f]{40}")
WEIGHT_SUFFIXES = (".safetensors", ".bin")
# A fast tokenizer, or what one can be made of.
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
CAUSAL_SUFFIXES = ("ForCausalLM", "LMHeadModel")
# What configurations call the longest sequence their model takes.
POSITION_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
WRONG = "config key 'model.pretrained.path': the folder"


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
            f"{WRONG} {path} holds no tokenizer ({', '.join(TOKENIZER_FILES)}); save the model's "
            "tokenizer there with save_pretrained"
        )
    positions = longest_sequence(read_config(path))
    if positions is not None and positions < max_tokens:
        raise ConfigError(
            f"config key 'corpus.max_tokens' is {max_tokens}, but the model in {path} takes "
            f"{positions} tokens (its config.json); lower the key"
        )


def check_revision(path: str, revision: str) -> None:
    """Refuse a hub id that no commit pins.

    Raises:
        ConfigError: ``revision`` is no commit hash.
    """
    if not COMMIT.fullmatch(revision):
        raise ConfigError(
            f"config key 'model.pretrained.path' is {path!r}, which is no folder here; to use it "
            f"as a hub id, pin 'model.pretrained.revision' (now {revision!r}) to a 40-digit commit"
        )


def check_folder(folder: str | os.PathLike) -> None:
    """Refuse a folder that holds no causal language model with its weights.

    Raises:
        ConfigError: names what is missing, or the architecture that is not one.
    """
    folder = Path(folder)
    if not (folder / "config.json").exists():
        raise ConfigError(
            f"{WRONG} {folder} has no config.json, so it is no model in Hugging Face format"
        )
    names = read_config(folder).get("architectures") or []
    if names and not any(str(name).endswith(CAUSAL_SUFFIXES) for name in names):
        raise ConfigError(
            f"{WRONG} {folder} holds the architecture {', '.join(map(str, names))} (config.json); "
            "allowed: a causal language model, such as LlamaForCausalLM or GPTNeoXForCausalLM"
        )
    if not weight_files(folder):
        raise ConfigError(f"{WRONG} {folder} holds no weights ({' or '.join(WEIGHT_SUFFIXES)})")


def weight_files(folder: str | os.PathLike) -> list[Path]:
    """The weight files of a model folder, sorted by name."""
    return [path for path in sorted(Path(folder).iterdir()) if path.suffix in WEIGHT_SUFFIXES]


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
