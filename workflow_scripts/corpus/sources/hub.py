"""A dataset of the Hugging Face hub at a pinned revision: which files it has, and where they lie.

The plan of a study must not need the network. So the files of the dataset at its revision are
in a listing, a small text file beside the config that ``list_hub`` writes once: a first line
``# <dataset> <revision>``, then a line ``<bytes><tab><path>`` for each file.

Used while the rules are parsed, so it imports nothing heavy.
"""

import fnmatch
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import ConfigError, DataError, nearest

REVISION = re.compile(r"[0-9a-f]{40}")
NUMBERS = "numbers:"
MANIFEST = "manifest:"


def check_hub(section: Mapping[str, Any]) -> None:
    """Check the keys of ``corpus.hub`` that a schema cannot.

    Raises:
        ConfigError: dataset, revision or listing is missing or malformed.
    """
    if section["dataset"].count("/") != 1:
        raise ConfigError(
            f"config key 'corpus.hub.dataset' is {section['dataset']!r}; allowed: "
            "<organisation>/<name> of a dataset on the hub"
        )
    if not REVISION.fullmatch(section["revision"]):
        raise ConfigError(
            f"config key 'corpus.hub.revision' is {section['revision']!r}; allowed: the 40 digits "
            "of a commit, because a branch or tag may move"
        )
    if not section["listing"]:
        raise ConfigError(
            "config key 'corpus.hub.listing' is empty; name a file, and write it with: "
            "python -m workflow_scripts.corpus.sources.list_hub --configfile <this study>"
        )


def read_listing(path: str, dataset: str, revision: str) -> dict[str, int]:
    """Size of each file of the dataset, in bytes, by its path there.

    Raises:
        ConfigError: there is no listing, it is damaged, or it is of another dataset or revision.
    """
    command = "python -m workflow_scripts.corpus.sources.list_hub --configfile <this study>"
    try:
        first, *lines = Path(path).read_text().splitlines() or [""]
    except OSError:
        raise ConfigError(
            f"config key 'corpus.hub.listing' names {path!r}, which is not there; write it once, "
            f"where there is a network, with: {command}"
        ) from None
    if first != f"# {dataset} {revision}":
        raise ConfigError(
            f"{path}:1 is {first!r}, but corpus.hub asks for {dataset} at {revision}; "
            f"write the listing anew with: {command}"
        )
    sizes: dict[str, int] = {}
    for number, line in enumerate(lines, start=2):
        size, tab, name = line.partition("\t")
        if not tab or not size.isdigit() or not name or name.startswith("/") or ".." in name:
            raise ConfigError(f"{path}:{number} is {line!r}; allowed: <bytes><tab><path>")
        sizes[name] = int(size)
    return sizes


def listing_text(dataset: str, revision: str, sizes: Mapping[str, int]) -> str:
    """The listing as :func:`read_listing` reads it."""
    lines = [f"{size}\t{name}" for name, size in sorted(sizes.items())]
    return "\n".join([f"# {dataset} {revision}", *lines]) + "\n"


def matching(names: Sequence[str], patterns: Sequence[str], key: str) -> list[str]:
    """Names that are or match any of some patterns, sorted; ``*`` also matches ``/``.

    Raises:
        ConfigError: a pattern matches none.
    """
    found: set[str] = set()
    for pattern in patterns:
        mine = [pattern] if pattern in names else fnmatch.filter(names, pattern)
        if not mine:
            raise ConfigError(
                f"config key {key!r}: {pattern!r} matches none of the {len(names):,} files of the "
                f"listing{nearest(pattern, list(names)[:10_000])}"
            )
        found.update(mine)
    return sorted(found)


def numbers_file(pattern: str, document_file: str) -> str:
    """The file with a number for each row of a document file: ``{stem}`` is its bare name."""
    return pattern.replace("{stem}", Path(document_file).name.split(".")[0])


def side_files(files: Sequence[str], layout: Mapping[str, Any]) -> list[str]:
    """Files that hold labels of some document files: numbers by row, and manifests by id."""
    fields = [layout[name] for name in ("topic", "format")]
    patterns = [field.removeprefix(NUMBERS) for field in fields if field.startswith(NUMBERS)]
    numbers = [numbers_file(pattern, file) for file in files for pattern in patterns]
    return [*numbers, *layout.get("manifest", [])]


def snapshot(layout: Mapping[str, Any]) -> str:
    """Folder of the hub's cache where the dataset's files at the revision lie, or would lie.

    The place of the cache is no part of the study: huggingface_hub takes it from HF_HUB_CACHE or
    HF_HOME.
    """
    from huggingface_hub import constants

    folder = "--".join(["datasets", *layout["dataset"].split("/")])
    return os.path.join(constants.HF_HUB_CACHE, folder, "snapshots", layout["revision"])


def not_in_cache(file: str, layout: Mapping[str, Any]) -> DataError:
    """Error for a file that is not there while nothing may be fetched."""
    return DataError(
        f"{file} of dataset {layout['dataset']} is not in the cache ({snapshot(layout)}), and "
        "this run is offline; fetch it where there is a network (corpus.hub.offline: false and "
        "HF_HUB_OFFLINE unset), or name another cache in HF_HUB_CACHE"
    )
