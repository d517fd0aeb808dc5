"""Sidecars: a small JSON beside each artifact with its identity and provenance.

``x.parquet.meta.json`` holds the artifact's size and digest, the digests of the parameters its
rule consumed and of its inputs by name, the seeds and the package versions. It holds no time, host
or path, so that the same config gives the same bytes. What it holds decides whether the artifact
is made again (``run/records.py``).
"""

import os
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from workflow_scripts.common.digests import SourceDigests
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import file_digest, read_json, value_digest, write_json

PACKAGES = (
    "altair",
    "bergson",
    "datasets",
    "lm_eval",
    "numpy",
    "peft",
    "polars",
    "pyarrow",
    "scipy",
    "seaborn",
    "snakemake",
    "tokenizers",
    "torch",
    "transformers",
)

# Up to this size an input's bytes are hashed again before it is used (0.4 s for 256 MiB);
# larger ones are checked by size alone.
FULL_CHECK_BYTES = 64 * 2**20

# Parameters and inputs that say where and when, not what: they change no byte of an artifact.
PLACES = frozenset({"state", "data"})
ORDER_ONLY = frozenset({"checked"})
# Parameters that an artifact only notes down when it is made: a change makes nothing again.
NOTED = frozenset({"noted"})
# Keys of every record; a file of the user's that happens to have a record's name lacks them.
KEYS = frozenset({"bytes", "sha256", "rule", "settings_digest", "inputs"})
# Enough of a parameter's digest to see that it changed.
SHORT = 12


def sidecar_path(path: str | os.PathLike) -> Path:
    """Path of the sidecar of an artifact."""
    return Path(f"{os.fspath(path)}.meta.json")


def loaded_versions() -> dict[str, str]:
    """Versions of those of our packages that this process has imported."""
    return {name: metadata.version(name) for name in PACKAGES if name in sys.modules}


def read_record(path: str | os.PathLike) -> dict[str, Any] | None:
    """Read the record of an artifact.

    Returns:
        None without a record: the file is the user's, as may be a file with a record's name, or
        its job was killed before it ended.
    """
    try:
        record = read_json(sidecar_path(path))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, Mapping) and set(record) >= KEYS else None


def artifact_digest(path: str | os.PathLike, sources: SourceDigests | None = None) -> str:
    """Digest of a file's content, from its record where it has one.

    Args:
        path: the file.
        sources: what is known of files without a record; None reads them.
    """
    record = read_record(path)
    if record is not None:
        return str(record["sha256"])
    return sources.digest(path) if sources else file_digest(path)


def content_digest(path: str | os.PathLike, sources: SourceDigests) -> str:
    """Digest of what a file holds now, whatever its record says, as far as reading is cheap.

    Of an artifact too large to be read (``FULL_CHECK_BYTES``) the record is believed where its size
    is right.

    Args:
        path: the file.
        sources: what is known of files that have been read before.
    """
    size = Path(path).stat().st_size
    if size > FULL_CHECK_BYTES:
        record = read_record(path)
        if record is not None and record["bytes"] == size:
            return str(record["sha256"])
    return sources.digest(path)


def recorded_params(params: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Parameters of a rule that decide what it makes."""
    return {name: value for name, value in params if name not in PLACES | NOTED}


def recorded_inputs(inputs: Iterable[tuple[str, Any]]) -> dict[str, str | list[str]]:
    """Paths of a rule's inputs by name, without those that only have to be there first."""
    return {
        name: str(value) if isinstance(value, str) else [str(path) for path in value]
        for name, value in inputs
        if name not in ORDER_ONLY
    }


def input_digests(
    inputs: Mapping[str, str | list[str]], sources: SourceDigests | None = None
) -> dict[str, str | list[str]]:
    """Digest, or list of digests, of each named input."""
    return {
        name: artifact_digest(value, sources)
        if isinstance(value, str)
        else [artifact_digest(path, sources) for path in value]
        for name, value in inputs.items()
    }


def verify(path: str | os.PathLike) -> None:
    """Check an artifact against its record.

    A file without a record (a source file of the user's) passes.

    Raises:
        IntegrityError: the file differs from its record; the message names it.
    """
    record = read_record(path)
    if record is None:
        return
    size = Path(path).stat().st_size
    if size != record["bytes"]:
        state = "truncated" if size < record["bytes"] else "changed"
        raise IntegrityError(
            f"{path} is {state}: it has {size} bytes, its record says {record['bytes']}; "
            "delete it and run again"
        )
    if size <= FULL_CHECK_BYTES and file_digest(path) != record["sha256"]:
        raise IntegrityError(
            f"{path} was changed after it was written: its digest differs from its record; "
            "delete it and run again"
        )


def write_sidecar(
    path: str | os.PathLike,
    rule: str,
    params: Mapping[str, Any],
    inputs: Mapping[str, str | Iterable[str]],
) -> None:
    """Write the sidecar of one finished artifact.

    Args:
        path: the artifact.
        rule: name of the rule that made it.
        params: the parameters that the rule consumed; those named ``seed*`` are also listed.
        inputs: digest, or list of digests, of each named input.
    """
    record = {
        "bytes": Path(path).stat().st_size,
        "sha256": file_digest(path),
        "rule": rule,
        "settings_digest": value_digest(dict(params)),
        "params": param_digests(params),
        "inputs": dict(inputs),
        "seeds": {name: value for name, value in params.items() if name.startswith("seed")},
        "versions": loaded_versions(),
    }
    write_json(sidecar_path(path), record)


def param_digests(params: Mapping[str, Any]) -> dict[str, str]:
    """Short digest of each parameter, by which a changed one can be named."""
    return {name: value_digest(value)[:SHORT] for name, value in params.items()}
