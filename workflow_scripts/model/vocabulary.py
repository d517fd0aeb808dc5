"""Token ids of a model folder's tokenizer, read from its files alone."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import ConfigError

FILE = "tokenizer.json"
PRETRAINED = "model.pretrained.path"


def check_vocabulary(folder: str | os.PathLike, rows: int | None, key: str = PRETRAINED) -> None:
    """Refuse a tokenizer of which a text can have ids that the model does not have.

    A special token counts only where the tokenizer adds it: spelled out in a text it is read as
    plain text, so that an unused padding token may lie outside.

    Args:
        folder: of the model; one without ``tokenizer.json`` is checked when it is loaded.
        rows: tokens of the model, None where its config.json does not say.
        key: config key that names the folder.

    Raises:
        ConfigError: names the token, its id and the tokens of the model.
    """
    tokenizer = read_tokenizer(folder)
    if tokenizer is not None and rows is not None:
        refuse_outside(text_tokens(tokenizer).items(), rows, f"config key {key!r}", folder)


def refuse_outside(
    tokens: Iterable[tuple[str, int]], rows: int, where: str, folder: str | os.PathLike
) -> None:
    """Refuse ids at or above the number of tokens that a model has.

    Args:
        tokens: pairs of token and id.
        rows: tokens of the model.
        where: beginning of the message.
        folder: of the model.

    Raises:
        ConfigError: names the first such token.
    """
    outside = sorted((number, token) for token, number in tokens if number >= rows)
    if outside:
        number, token = outside[0]
        raise ConfigError(
            f"{where}: the tokenizer in {folder} has {len(outside)} token(s) that a text can hold "
            f"and the model does not have, such as {token!r} with id {number} (the model's ids are "
            f"0 to {rows - 1}, vocab_size {rows}); take the tokenizer that belongs to the model"
        )


def check_same_tokens(
    folder: str | os.PathLike, document_folder: str | os.PathLike, key: str = "model.query.path"
) -> None:
    """Refuse a query model whose tokenizer gives the tokens of a text other ids.

    Its questions are asked in the tokens of the study's model. Special tokens may differ, such as
    those of a chat.

    Raises:
        ConfigError: names a token with its two ids.
    """
    own, other = read_tokenizer(document_folder), read_tokenizer(folder)
    if own is None or other is None:
        return
    known, asked = base_tokens(own), base_tokens(other)
    differ = sorted(token for token, number in known.items() if asked.get(token) != number)
    if differ:
        found = asked.get(differ[0])
        raise ConfigError(
            f"config key '{key}': {len(differ)} tokens of the study's tokenizer are others in "
            f"{folder}, such as {differ[0]!r} (id {known[differ[0]]}, there "
            f"{'none' if found is None else found}); take a model that was tuned from the study's"
        )


def read_tokenizer(folder: str | os.PathLike) -> Mapping[str, Any] | None:
    """Content of ``tokenizer.json``, None if the file is missing.

    Raises:
        ConfigError: it is no tokenizer.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        base_tokens(value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"model file {path} is no tokenizer (fast form); copy it again, or save it with "
            "save_pretrained"
        ) from None
    return value


def base_tokens(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """Ids of the tokens of a ``tokenizer.json`` without those added to it, by token."""
    vocabulary = tokenizer["model"]["vocab"]
    if isinstance(vocabulary, list):  # pairs of token and score, in the order of their ids
        return {token: number for number, (token, _) in enumerate(vocabulary)}
    return dict(vocabulary)


def text_tokens(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """Ids that a text can be given, by token; special tokens apart."""
    added = {entry["content"]: entry for entry in tokenizer.get("added_tokens") or []}
    special = {token for token, entry in added.items() if entry.get("special")}
    tokens = base_tokens(tokenizer) | {token: entry["id"] for token, entry in added.items()}
    return {token: number for token, number in tokens.items() if token not in special}
