"""RO-Crate 1.1 metadata of the folder, and its checksums.

The format is that of https://w3id.org/ro/crate/1.1: one JSON-LD file beside the data that names
the folder, its licence and every file in it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.files import atomic_path, file_digest, write_json

METADATA, SUMS = "ro-crate-metadata.json", "SHA256SUMS"
PROFILE = "https://w3id.org/ro/crate/1.1"
KINDS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".safetensors": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
}


def files_of(folder: Path) -> list[str]:
    """Files that are listed: all but the two lists themselves, sorted."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if not path.startswith(SUMS))


def write_metadata(folder: Path, facts: Mapping[str, str], about: Mapping[str, str]) -> None:
    """Write ``ro-crate-metadata.json``.

    Args:
        folder: what is described; all other files are in it.
        facts: ``name``, ``description``, ``date``, ``licence`` and ``version`` (of the software).
        about: what a file holds, by its path; files without an entry are listed without.
    """
    paths = [path for path in files_of(folder) if path != METADATA]
    software = {
        "@id": "#software",
        "@type": "SoftwareApplication",
        "name": "Capability Atlas",
        "version": facts["version"],
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": facts["name"],
        "description": facts["description"],
        "datePublished": facts["date"],
        "license": licence(facts["licence"]),
        "isBasedOn": {"@id": software["@id"]},
        "hasPart": [{"@id": path} for path in paths],
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": PROFILE},
        "about": {"@id": "./"},
    }
    graph = [descriptor, root, software, *(_file(folder, path, about) for path in paths)]
    write_json(folder / METADATA, {"@context": f"{PROFILE}/context", "@graph": graph})


def licence(name: str) -> Any:
    """A licence as RO-Crate wants it: a web address where the name is one of SPDX."""
    if name.startswith(("http://", "https://")):
        return {"@id": name}
    return {"@id": f"https://spdx.org/licenses/{name}"} if " " not in name else name


def _file(folder: Path, path: str, about: Mapping[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "@id": path,
        "@type": "File",
        "name": Path(path).name,
        "contentSize": str((folder / path).stat().st_size),
    }
    if kind := KINDS.get(Path(path).suffix):
        entry["encodingFormat"] = kind
    if path in about:
        entry["description"] = about[path]
    return entry


def write_sums(folder: Path) -> None:
    """Write the digests of all files, in the form that ``sha256sum -c`` reads; the last file."""
    lines = [f"{file_digest(folder / path)}  {path}\n" for path in files_of(folder)]
    with atomic_path(folder / SUMS) as temporary:
        temporary.write_text("".join(lines))
