"""Declared tables: what breaks the declaration is refused by name."""

import polars as pl
import pytest

from workflow_scripts.common import tables
from workflow_scripts.common.errors import DataError

DECLARATION = """
pairs:
  description: Test table.
  sort: [name, part]
  rows: 3
  columns:
    name: {dtype: str, description: Name.}
    part: {dtype: int, description: Part.}
    value: {dtype: float, description: Value., nullable: true}
"""


@pytest.fixture(autouse=True)
def declared(tmp_path, monkeypatch):
    (tmp_path / "test.yaml").write_text(DECLARATION)
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    tables.table_schema.cache_clear()
    yield
    tables.table_schema.cache_clear()


def frame(**changes):
    base = {"value": [0.5, None, 2.0], "name": ["b", "a", "a"], "part": [1, 2, 1]}
    return pl.DataFrame(base | changes)


def test_rows_are_sorted_and_columns_ordered_on_writing(tmp_path):
    path = tmp_path / "pairs.parquet"
    tables.write_table(frame(), path, "test/pairs")
    back = tables.read_table(path, "test/pairs")
    assert back.columns == ["name", "part", "value"]
    assert back.rows() == [("a", 1, 2.0), ("a", 2, None), ("b", 1, 0.5)]


def test_same_rows_in_another_order_give_the_same_bytes(tmp_path):
    tables.write_table(frame(), tmp_path / "x.parquet", "test/pairs")
    tables.write_table(frame()[::-1], tmp_path / "y.parquet", "test/pairs")
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "y.parquet").read_bytes()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (frame().drop("value"), r"columns missing \['value'\]"),
        (frame().with_columns(more=1), r"unknown \['more'\]"),
        (frame()[:2], "has 2 rows, must have 3"),
        (frame(name=["b", None, "a"]), "column 'name' .* holds nulls"),
        (frame(value=[0.5, float("nan"), 2.0]), "column 'value' .* NaN or infinity"),
        (frame(part=[1, 1, 1]), "several rows with name='a', part=1"),
        (frame(part=["x", "y", "z"]), "conversion"),
    ],
)
def test_frame_that_breaks_the_declaration_is_refused_and_nothing_is_written(tmp_path, bad, words):
    path = tmp_path / "pairs.parquet"
    with pytest.raises(DataError, match=words):
        tables.write_table(bad, path, "test/pairs")
    assert not path.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["test.yaml"]


def test_reading_names_the_file_and_the_column(tmp_path):
    path = tmp_path / "pairs.parquet"
    frame().drop("part").write_parquet(path)
    with pytest.raises(DataError, match=r"pairs\.parquet: column 'part' of table"):
        tables.read_table(path, "test/pairs")
    frame(part=[1.0, 2.0, 1.0]).write_parquet(path)
    with pytest.raises(DataError, match="column 'part' is Float64"):
        tables.read_table(path, "test/pairs")
    path.write_bytes(b"PAR1 not a table")
    with pytest.raises(DataError, match=r"pairs\.parquet cannot be read"):
        tables.read_table(path, "test/pairs")


def test_an_optional_column_that_an_older_file_lacks_is_null(tmp_path):
    declared = DECLARATION.replace(
        "nullable: true}", "nullable: true}\n    note: {dtype: str, nullable: true, optional: true}"
    )
    (tmp_path / "test.yaml").write_text(declared)
    tables.table_schema.cache_clear()
    path = tmp_path / "pairs.parquet"
    frame().write_parquet(path)
    assert tables.read_table(path, "test/pairs")["note"].to_list() == [None] * 3
    chosen = tables.read_table(path, "test/pairs", ["name", "note"])
    assert chosen.columns == ["name", "note"] and chosen["note"].null_count() == 3
    tables.write_table(frame().with_columns(note=pl.lit("x")), path, "test/pairs")
    assert tables.read_table(path, "test/pairs")["note"].to_list() == ["x"] * 3
