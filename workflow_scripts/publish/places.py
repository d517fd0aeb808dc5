"""Paths of the machine that a study ran on, and their replacements in the folder to share.

A published folder says where a file was by ``<data>/...``, by a path from the project's folder, or
not at all; a reader sets the config key ``data`` to a folder of their own.
"""

import getpass
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = "<data>/"
# "/srv/data" is no part of "/srv/database", and "/root" none of "https://example.org/root".
START, END = r"(?<![A-Za-z0-9_.~-])", r"(?![A-Za-z0-9_-]|\.[A-Za-z0-9_])"


@dataclass(frozen=True)
class Places:
    """Replacements of paths, applied to every text.

    Attributes:
        pairs: a path of this machine and its replacement, the longest first.
        moved: of files outside of the data folder, the path under which the config now looks.
        forbidden: words that no published file may hold: paths, and the person at this machine.
    """

    pairs: tuple[tuple[str, str], ...]
    moved: Mapping[str, str]
    forbidden: tuple[str, ...]

    def replace(self, text: str) -> str:
        """A text without paths of this machine."""
        for path, instead in self.pairs:
            if path not in text:
                continue
            whole, short = START + re.escape(path), instead.rstrip("/")
            text = re.sub(f"{whole}/", lambda _, new=instead: new, text)
            text = re.sub(whole + END, lambda _, new=short: new or ".", text)
        return text

    def found_in(self, text: str) -> str | None:
        """A word that may not be in a text and is; None where it is clean."""
        for word in self.forbidden:
            if word in text and re.search(START + re.escape(word) + END, text):
                return word
        return None


def places_of(config: Mapping[str, Any], project: Path | None = None) -> Places:
    """The places of a study.

    Args:
        config: the complete configuration.
        project: folder that Snakemake runs in; the working directory without.
    """
    project = project or Path.cwd()
    folders = {str(project): "", str(project.resolve()): ""}
    data = config["data"]
    if os.path.isabs(data):
        folders |= {os.path.normpath(data): DATA, os.path.realpath(data): DATA}
    home = str(Path.home())
    if len(Path(home).parts) > 1:
        folders[home] = "~/"
    folders = {path: instead for path, instead in folders.items() if len(Path(path).parts) > 1}
    moved = dict(_moved(config, folders))
    pairs = folders | {path: DATA + Path(path).name for path in moved}
    forbidden = [*pairs, *_person()]
    ordered = sorted(pairs.items(), key=lambda pair: -len(pair[0]))
    return Places(tuple(ordered), moved, tuple(forbidden))


def _person() -> Iterator[str]:
    """User at this machine; nothing if the system does not know."""
    try:
        yield f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError, ImportError):
        return


def _moved(value: Any, folders: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Absolute paths in a config that lie in none of these folders, and their new places."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _moved(item, folders)
    elif isinstance(value, str) and os.path.isabs(value):
        path = os.path.normpath(value)
        inside = [f for f, new in folders.items() if new != "~/" and _within(path, f)]
        if not inside and len(Path(path).parts) > 1:
            yield path, DATA + Path(path).name


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def shared_config(config: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """The configuration as it is shared: complete, and without a path of this machine."""
    shared = _replaced(config, places)
    if os.path.isabs(config["data"]):
        shared["data"] = "data"
    return shared


def _replaced(value: Any, places: Places) -> Any:
    if isinstance(value, Mapping):
        return {key: _replaced(item, places) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, places) for item in value]
    if isinstance(value, str) and os.path.isabs(value):
        return places.replace(os.path.normpath(value))
    return value
