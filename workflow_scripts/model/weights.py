"""Weight files of a model folder: the files that would be loaded, and their headers.

Follows transformers (``_get_resolved_checkpoint_files``) without importing it, so that a plan is
refused within a second.
"""

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import ConfigError

# In the order in which transformers looks for them.
WHOLE = ("model.safetensors", "pytorch_model.bin")
INDEX = ".index.json"
# Files that are weights of some kind, for the message of a folder that holds none to load.
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack")
ADAPTER = "adapter_config.json"
# Beginning of the placeholder that version control leaves in the place of a large file.
POINTERS = {
    b"version https://git-lfs.github.com/spec/": ("Git LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}
LONGEST_POINTER = 1024
LENGTH = struct.Struct("<Q")
PRETRAINED = "model.pretrained.path"


def loaded_weights(folder: str | os.PathLike, key: str = PRETRAINED) -> list[Path]:
    """List the weight files that transformers loads from a folder, sorted by name.

    Args:
        folder: of the model.
        key: config key that names it.

    Raises:
        ConfigError: there are none, or one that the index names is missing; says what is there.
    """
    folder = Path(folder)
    for whole in _named_in_config(folder) or WHOLE:
        if (folder / whole).is_file() and not whole.endswith(INDEX):
            return [folder / whole]
        index = folder / (whole if whole.endswith(INDEX) else whole + INDEX)
        if index.is_file():
            return _shards(index, key)
    raise ConfigError(f"{_wrong(folder, key)} holds no weights to load: {_what_is_there(folder)}")


def check_weights(folder: str | os.PathLike, key: str = PRETRAINED) -> None:
    """Refuse a folder whose weights are missing, placeholders, damaged or an adapter's.

    Args:
        folder: of the model.
        key: config key that names it.

    Raises:
        ConfigError: names the file and what to do.
    """
    folder = Path(folder)
    files = loaded_weights(folder, key)
    if (folder / ADAPTER).exists():
        raise ConfigError(
            f"{_wrong(folder, key)} holds an adapter ({ADAPTER}) beside whole weights "
            f"({files[0].name}), and it would be applied on top of them: if it is merged into them "
            "already, move the adapter_* files away; if not, merge it (merge_and_unload of peft) "
            "and save the model"
        )
    for file in files:
        check_pointer(file)
        if file.suffix == ".safetensors":
            read_header(file)
        elif not file.stat().st_size:
            raise ConfigError(f"model file {file} is empty; copy it again")


def check_pointer(file: Path) -> None:
    """Refuse a file that is a placeholder of version control.

    Raises:
        ConfigError: names the file and the command that fetches it.
    """
    if not file.is_file() or file.stat().st_size > LONGEST_POINTER:
        return
    content = file.read_bytes()
    for beginning, (program, command) in POINTERS.items():
        if content.startswith(beginning):
            raise ConfigError(
                f"model file {file} is a pointer file of {program}, not the file itself; run "
                f"'{command}' in {file.parent}"
            )


def read_header(file: str | os.PathLike) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Dtype (as safetensors writes it) and shape of the tensors of a file, by name; no weight.

    Raises:
        ConfigError: the file is a placeholder, damaged or cut off.
    """
    file = Path(file)
    check_pointer(file)
    size = file.stat().st_size
    try:
        with file.open("rb") as handle:
            (length,) = LENGTH.unpack(handle.read(LENGTH.size))
            if length > size:
                raise ValueError
            header = json.loads(handle.read(length))
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        shapes = {name: (e["dtype"], tuple(e["shape"])) for name, e in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        raise ConfigError(
            f"model file {file} is damaged: its header is not that of a safetensors file; copy it "
            "again"
        ) from None
    if LENGTH.size + length + end != size:
        raise ConfigError(
            f"model file {file} has {size:,} bytes, but its header says "
            f"{LENGTH.size + length + end:,}; copy it again"
        )
    return shapes


def shapes_of(files: list[Path]) -> Mapping[str, tuple[int, ...]]:
    """Shapes of all tensors of safetensors files, by name."""
    return {name: shape for file in files for name, (_, shape) in read_header(file).items()}


def _named_in_config(folder: Path) -> tuple[str, ...]:
    """The file that config.json names as holding the weights, if it does."""
    try:
        named = json.loads((folder / "config.json").read_text()).get("transformers_weights")
    except (OSError, ValueError, AttributeError):
        return ()
    return (named,) if isinstance(named, str) and named else ()


def _shards(index: Path, key: str) -> list[Path]:
    """The files that an index names.

    Raises:
        ConfigError: the index cannot be read, or a file is not there.
    """
    check_pointer(index)
    try:
        content: Any = json.loads(index.read_text())
        names = sorted(set(content["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"model file {index} is no index of weight files; copy it again"
        ) from None
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing or not names:
        raise ConfigError(
            f"{_wrong(index.parent, key)} lacks {len(missing)} of the {len(names)} weight files "
            f"that {index.name} names, {', '.join(missing[:3])}; copy them there"
        )
    return [index.parent / name for name in names]


def _what_is_there(folder: Path) -> str:
    """Say what a folder without loadable weights holds instead, and what to do."""
    if (folder / ADAPTER).exists():
        return (
            "it is an adapter alone (adapter_config.json); merge it into its base model "
            "(merge_and_unload of peft) and save the whole model"
        )
    found = [path.name for path in sorted(folder.iterdir()) if path.suffix in WEIGHT_SUFFIXES]
    shards = [name for name in found if "-of-" in name]
    if shards:
        kind = WHOLE[1] if shards[0].endswith(".bin") else WHOLE[0]
        return f"{shards[0]} is one of several, and their index ({kind}{INDEX}) is missing; copy it"
    other = f"; {', '.join(found[:3])} is not that" if found else ""
    return f"allowed are {' or '.join(WHOLE)}, whole or in parts with their index{other}"


def _wrong(folder: Path, key: str) -> str:
    return f"config key {key!r}: the folder {folder}"
