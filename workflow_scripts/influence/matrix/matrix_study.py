"""Give the study of a matrix a name and a config: what make matrix runs first.

    python -m workflow_scripts.influence.matrix.matrix_study path/to/matrix.csv --study name

Writes the config to results/<study>/.state/matrix.yaml, where a path may hold blanks, quotes and
brackets, and prints the study's name. A study that was made from something else is left alone.
"""

import argparse
import os
import re
import sys
import unicodedata
from pathlib import Path

import yaml

from workflow_scripts.common.config.load import complete, load_study
from workflow_scripts.common.errors import AtlasError, ConfigError
from workflow_scripts.common.files import atomic_path

CONFIG = Path(".state", "matrix.yaml")
PREFIX = "matrix"


def study_of(file: str) -> str:
    """Name of the study of a matrix: ``matrix-`` and the file's name in letters that names have.

    ``matrix.csv`` gives ``matrix``, ``My scores (2).csv`` gives ``matrix-my-scores-2``.
    """
    plain = unicodedata.normalize("NFKD", Path(file).stem).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9_]+", "-", plain.lower()).strip("-_")
    return PREFIX if words in ("", PREFIX) else f"{PREFIX}-{words}"


def claim(file: str, study: str) -> Path:
    """Write the config of the study of this matrix, and return its path.

    Args:
        file: the matrix.
        study: name of the study.

    Raises:
        ConfigError: the name is not allowed for a study, or is another study's.
        DataError: the file is no matrix.
    """
    config = {"study": study, "influence": {"matrix": file}}
    complete(load_study() | config)
    folder = Path("results", study)
    path = folder / CONFIG
    if (made_from := _made_from(folder)) and not _same(made_from, file):
        raise ConfigError(
            f"study {study!r} is there already, made from {made_from}; give this one another name "
            f"(make matrix FILE=... STUDY=name), or delete {folder}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
        Path(temporary).write_text(text, encoding="utf-8")
    return path


def _made_from(folder: Path) -> str | None:
    """The matrix that a study's folder was made from, or words for another source; None if new."""
    path = folder / CONFIG
    if path.is_file():
        return yaml.safe_load(path.read_text(encoding="utf-8"))["influence"]["matrix"]
    return "another config" if folder.exists() and any(folder.iterdir()) else None


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def main(arguments: list[str] | None = None) -> int:
    """Claim the study's name and print it; 1 on a clear error."""
    parser = argparse.ArgumentParser(description="Name the study of a matrix.")
    parser.add_argument("file", help="the matrix, csv or parquet")
    parser.add_argument("--study", default=None, help="its name; without, from that of the file")
    named = parser.parse_args(arguments)
    study = named.study or study_of(named.file)
    try:
        claim(named.file, study)
    except AtlasError as error:
        sys.stderr.write(f"config error: {error}\n")
        return 1
    sys.stdout.write(f"{study}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
