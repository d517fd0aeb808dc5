"""Copy files without paths of this machine, and see that none is left in the folder."""

import base64
import re
import shutil
from pathlib import Path

import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.tables import write_table
from workflow_scripts.publish.places import DATA, Places

TEXTS = {".html", ".csv", ".json", ".md", ".rst", ".svg", ".yaml", ".txt", ".cff", ".py"}
# Columns that hold texts of the corpus and the questions, which are nobody's paths here.
CONTENT = {"text", "prompt", "choices", "target"}
HEADER = 2**27  # bytes of a safetensors header, at most
EMBEDDED = re.compile(r"base64,([A-Za-z0-9+/]{40,}={0,2})")


def copy_file(source: Path, target: Path, name: str | None, data: str, places: Places) -> bool:
    """Copy one file; returns whether paths in it were replaced.

    Args:
        source: the file.
        target: where to.
        name: declared name of its table, where it is one.
        data: config key ``data``: a file named below it is named by ``<data>/`` instead.
        places: what is replaced.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".parquet":
        return _copy_table(source, target, name, data, places)
    if source.suffix in TEXTS:
        text = source.read_bytes().decode("utf-8", "surrogateescape")
        shared = places.replace(text)
        target.write_bytes(shared.encode("utf-8", "surrogateescape"))
        return shared != text
    shutil.copyfile(source, target)
    return False


def _copy_table(source: Path, target: Path, name: str | None, data: str, places: Places) -> bool:
    frame = pl.read_parquet(source)
    shared = without_paths(frame, data, places)
    if shared.equals(frame):
        if source != target:
            shutil.copyfile(source, target)
        return False
    if name:
        write_table(shared, target, name)
    else:
        shared.write_parquet(target)
    return True


def without_paths(frame: pl.DataFrame, data: str, places: Places) -> pl.DataFrame:
    """A table whose columns of text name no place of this machine."""
    columns = []
    for column in frame.get_columns():
        if column.dtype not in (pl.String, pl.Categorical) or column.name in CONTENT:
            continue
        values = column.cast(pl.String).unique().drop_nulls().to_list()
        known = {value: places.replace(value) for value in values}
        if column.name == "file":
            known = {value: _below(value, data, new) for value, new in known.items()}
        changed = {old: new for old, new in known.items() if old != new}
        if changed:
            columns.append(column.cast(pl.String).replace(changed).alias(column.name))
    return frame.with_columns(columns)


def _below(file: str, data: str, otherwise: str) -> str:
    folder = data.rstrip("/") + "/"
    return DATA + file.removeprefix(folder) if file.startswith(folder) else otherwise


def check_anonymous(folder: Path, places: Places) -> None:
    """Refuse a folder in which a file names a place of this machine.

    Raises:
        DataError: names the file and what it holds.
    """
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        for text in _texts(path):
            if word := places.found_in(text):
                raise DataError(
                    f"{path} holds {word!r}, a place of this machine; name files by <data>/ or by "
                    "paths relative to the project in the config and the definitions, and publish "
                    "again"
                )


def _texts(path: Path) -> list[str]:
    """Texts of a file, including those of embedded files."""
    if path.suffix == ".parquet":
        strings = pl.read_parquet(path).select(pl.col(pl.String, pl.Categorical)).get_columns()
        named = [column.cast(pl.String) for column in strings if column.name not in CONTENT]
        return ["\n".join(column.unique().drop_nulls().to_list()) for column in named]
    if path.suffix == ".safetensors":
        with path.open("rb") as handle:
            header = handle.read(int.from_bytes(handle.read(8), "little") % HEADER)
        return [header.decode("utf-8", "replace")]  # the rest is numbers
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix not in TEXTS:
        return [text]
    embedded = (base64.b64decode(found + "==") for found in EMBEDDED.findall(text))
    return [text, *(content.decode("utf-8", "replace") for content in embedded)]
