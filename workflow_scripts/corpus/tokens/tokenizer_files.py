"""The tokenizer's two files: save them, and read a pretrained model's."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.common.errors import ConfigError
from workflow_scripts.common.files import atomic_path, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"
# Keys of where a tokenizer was loaded from; they would carry a machine's paths.
PLACES = ("name_or_path", "_commit_hash", "is_local", "local_files_only", "tokenizer_file")


def load_reference(path: str, revision: str) -> "PreTrainedTokenizerFast":
    """The tokenizer of a pretrained model.

    Args:
        path: local folder, or hub id.
        revision: commit hash of a hub id; not used for a folder.

    Raises:
        ConfigError: there is no fast tokenizer there, or a hub id has no revision.
    """
    from transformers import AutoTokenizer

    pinned: dict[str, Any] = {}
    if Path(path).is_dir():
        pinned["local_files_only"] = True
    elif not revision:
        raise ConfigError(
            f"config key 'model.pretrained.path' is {path!r}, no local folder; as a hub id it "
            "needs 'model.pretrained.revision', a commit hash"
        )
    else:
        pinned["revision"] = revision
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, **pinned)
    except (OSError, ValueError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"no tokenizer can be loaded from {path!r}: {reason}") from None
    if not tokenizer.is_fast:
        raise ConfigError(
            f"the tokenizer of {path!r} has no fast form ({TOKENIZER}), which the workflow needs"
        )
    return tokenizer


def save_tokenizer(
    tokenizer: "PreTrainedTokenizerFast", tokenizer_file: str, settings_file: str
) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` of one folder, atomically."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        settings = json.loads((Path(folder) / SETTINGS).read_text())
        # Newer releases put the chat template into a file of its own; the settings may hold it.
        template = Path(folder) / "chat_template.jinja"
        if template.exists():
            settings["chat_template"] = template.read_text()
        with atomic_path(tokenizer_file) as temporary:
            shutil.copyfile(Path(folder) / TOKENIZER, temporary)
    write_json(settings_file, {k: v for k, v in settings.items() if k not in PLACES})


def load_tokenizer(tokenizer_file: str | os.PathLike) -> "PreTrainedTokenizerFast":
    """The study's tokenizer from the folder of its ``tokenizer.json``."""
    from transformers import AutoTokenizer

    folder = str(Path(tokenizer_file).parent)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
