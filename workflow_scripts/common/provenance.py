"""Sidecars: beside each artifact a small JSON that says what it is and what it came from.

``x.parquet.meta.json`` holds the artifact's size and digest, the digest of the parameters its
rule consumed, the digests of its inputs by name, the seeds and the package versions. It holds
no time, host or path, so that the same config gives the same bytes.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

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


def sidecar_path(path: str | os.PathLike) -> Path:
    """Where the sidecar of an artifact lies."""
    return Path(f"{os.fspath(path)}.meta.json")


def loaded_versions() -> dict[str, str]:
    """Versions of those of our packages that this process has imported."""
    return {name: metadata.version(name) for name in PACKAGES if name in sys.modules}


def artifact_digest(path: str | os.PathLike) -> str:
    """Digest of a file's content, from its sidecar where it has one."""
    sidecar = sidecar_path(path)
    return read_json(sidecar)["sha256"] if sidecar.exists() else file_digest(path)


def verify(path: str | os.PathLike) -> None:
    """Check that an artifact is what its sidecar recorded.

    A file without a sidecar (a source file of the user's) passes.

    Raises:
        IntegrityError: the file differs from its record; the message names it.
    """
    sidecar = sidecar_path(path)
    if not sidecar.exists():
        return
    record, size = read_json(sidecar), Path(path).stat().st_size
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
        "inputs": dict(inputs),
        "seeds": {name: value for name, value in params.items() if name.startswith("seed")},
        "versions": loaded_versions(),
    }
    write_json(sidecar_path(path), record)
