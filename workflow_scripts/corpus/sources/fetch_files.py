"""Fetch the files of one part of a hub dataset into the hub's cache, file by file.

in   nothing
out  receipt: JSON, the files of the part with their sizes

A file that is complete in the cache is not fetched again, so a job that was cut off goes on
where it was. Offline, nothing is fetched: a file that is not in the cache is an error.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.corpus.sources.hub import not_in_cache, snapshot


def fetch(file: str, size: int, layout: Mapping[str, Any], offline: bool = False) -> None:
    """Have one file in the cache, complete.

    Raises:
        DataError: it is not there and cannot be fetched, or has another size than listed.
    """
    path = Path(snapshot(layout)) / file
    if not (path.exists() and path.stat().st_size == size):
        _download(file, layout, offline)
    found = path.stat().st_size
    if found != size:
        raise DataError(
            f"{path} has {found:,} bytes, but corpus.hub.listing says {size:,}; delete it "
            "from the cache, or write the listing anew with list_hub"
        )


def _download(file: str, layout: Mapping[str, Any], offline: bool) -> None:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    offline = offline or constants.HF_HUB_OFFLINE
    try:
        hf_hub_download(
            layout["dataset"],
            file,
            repo_type="dataset",
            revision=layout["revision"],
            cache_dir=constants.HF_HUB_CACHE,
            local_files_only=offline,
        )
    except LocalEntryNotFoundError as error:
        if offline:
            raise not_in_cache(file, layout) from None
        raise _not_fetched(file, layout, error) from None
    except (HfHubHTTPError, OSError) as error:
        raise _not_fetched(file, layout, error) from None


def _not_fetched(file: str, layout: Mapping[str, Any], error: Exception) -> DataError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError(
        f"{file} of dataset {layout['dataset']} at {layout['revision'][:12]} cannot be fetched: "
        f"{reason}"
    )


def open_source(
    documents: Sequence[str], receipts: Sequence[str], layout: Mapping[str, Any], data: str = ""
) -> tuple[list[str], str]:
    """The source files of a part as artifacts name them, and the folder below which they lie.

    Args:
        documents: source files that are inputs of the rule; none for a hub dataset.
        receipts: the receipt of :mod:`fetch_files`, for a hub dataset.
        layout: as :func:`~workflow_scripts.corpus.sources.sources.source_layout` gives it.
        data: config key ``data``. Files below it are named from there, so that the folder can be
            moved and no artifact records its place.

    Raises:
        DataError: a fetched file is no longer in the cache.
    """
    if not receipts:
        return _below(documents, data)
    record, root = read_json(receipts[0]), snapshot(layout)
    for file in [*record["documents"], *record["beside"]]:
        if not os.path.isfile(os.path.join(root, file)):
            raise DataError(
                f"{file} of dataset {layout['dataset']} was fetched but is no longer in {root}; "
                f"delete {receipts[0]} and run again to fetch it anew"
            )
    return list(record["documents"]), root


def _below(files: Sequence[str], folder: str) -> tuple[list[str], str]:
    """Names of files from a folder, and the folder; as they are where one lies elsewhere."""
    names = [os.path.relpath(file, folder) for file in files] if folder else []
    if not names or any(name.startswith(os.pardir) for name in names):
        return list(files), ""
    return names, folder


def main(snakemake: Any) -> None:
    """Fetch the part's files in turn."""
    params = snakemake.params
    documents, beside = list(params.documents), list(params.beside)
    sizes = dict(zip([*documents, *beside], params.sizes, strict=True))
    progress = Progress(len(sizes), "files in the cache")
    for file, size in sizes.items():
        fetch(file, size, params.layout, params.offline)
        progress.advance()
    receipt = {"documents": documents, "beside": beside, "bytes": sum(sizes.values())}
    write_json(snakemake.output.receipt, receipt)


if __name__ == "__main__":
    run_job(main, snakemake)
