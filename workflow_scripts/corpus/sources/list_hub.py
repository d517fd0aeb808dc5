"""Write the listing of a hub dataset at its pinned revision, which plans are made from.

    python -m workflow_scripts.corpus.sources.list_hub --configfile configs/mine.yaml

Reads ``corpus.hub`` of the study and writes the file that ``corpus.hub.listing`` names. A
revision never changes, so this is done once. Offline (``corpus.hub.offline`` or HF_HUB_OFFLINE),
the files that are in the cache are listed.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import AtlasError, DataError
from workflow_scripts.common.files import atomic_path
from workflow_scripts.corpus.sources.hub import check_hub, listing_text, snapshot
from workflow_scripts.corpus.sources.sources import resolve


def cached_sizes(section: Mapping[str, Any]) -> dict[str, int]:
    """Size of each file of the dataset that is in the cache.

    Raises:
        DataError: the cache holds nothing of the revision.
    """
    root = Path(snapshot(section))
    found = {
        str((Path(folder) / name).relative_to(root)): (Path(folder) / name).stat().st_size
        for folder, _, names in os.walk(root)
        for name in names
    }
    if not found:
        raise DataError(f"offline, and the cache has no files in {root}")
    return found


def hub_sizes(section: Mapping[str, Any]) -> dict[str, int]:
    """Size of each file of the dataset on the hub.

    Raises:
        DataError: the hub does not answer, or knows no such dataset and revision.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError  # also of a network that is not there
    from huggingface_hub.hf_api import RepoFile

    try:
        tree = HfApi().list_repo_tree(
            section["dataset"], recursive=True, revision=section["revision"], repo_type="dataset"
        )
        return {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
    except (HTTPError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{section['dataset']} cannot be listed: {reason}") from None


def write_listing(config: Mapping[str, Any]) -> str:
    """Write the listing that the study names; returns its path."""
    from huggingface_hub import constants

    section = config["corpus"]["hub"]
    check_hub(section)
    offline = section["offline"] or constants.HF_HUB_OFFLINE
    sizes = cached_sizes(section) if offline else hub_sizes(section)
    target = resolve(section["listing"], config["data"])
    with atomic_path(target) as temporary:
        temporary.write_text(listing_text(section["dataset"], section["revision"], sizes))
    total = sum(sizes.values()) / 2**30
    sys.stdout.write(f"{len(sizes):,} files, {total:,.1f} GiB, listed in {target}\n")
    return target


def main() -> None:
    """Read the command line and write the listing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", help="the study, laid over config.yaml")
    arguments = parser.parse_args()
    try:
        write_listing(load_study(arguments.configfile))
    except AtlasError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
