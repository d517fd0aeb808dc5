"""An existing matrix: both forms are read alike, and each fault is one line with file and row."""

import copy
from pathlib import Path

import polars as pl
import pytest
import yaml

from workflow_scripts.common.config import complete
from workflow_scripts.common.errors import AtlasError, ConfigError, DataError
from workflow_scripts.common.matrix import read_matrix

DEFAULT = yaml.safe_load((Path(__file__).resolve().parents[2] / "config.yaml").read_text())
WIDE = """topic,format,doc_count,first,second
health,faq,10,0.5,-1
games,tutorial,4,,2e-1
games,faq,0,,
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="matrix.csv"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def test_wide_csv_is_read_with_gaps_and_counts(written):
    text = WIDE + "\nlaw,faq,1,1,1\n".replace("law", "crime_and_law")
    matrix = read_matrix(written("\ufeff" + text))
    assert matrix.benchmarks == ("first", "second")
    assert matrix.values["games", "tutorial"] == {"first": None, "second": 0.2}
    assert matrix.values["health", "faq"] == {"first": 0.5, "second": -1.0}
    assert matrix.counts == {
        ("health", "faq"): 10,
        ("games", "tutorial"): 4,
        ("games", "faq"): 0,
        ("crime_and_law", "faq"): 1,
    }


def test_long_form_and_parquet_are_the_same_matrix(written, tmp_path):
    text = WIDE + "crime_and_law,faq,1,1,1\n"
    wide = pl.read_csv(written(text))
    wide.write_parquet(tmp_path / "wide.parquet")
    long = wide.unpivot(
        index=["topic", "format", "doc_count"], variable_name="benchmark", value_name="influence"
    )
    long = long.rename({"doc_count": "n_docs"}).with_columns(se=pl.lit(0.1), z=pl.lit(9.0))
    long.write_parquet(tmp_path / "long.parquet")
    long.drop("z").rename({"influence": "z"}).write_csv(tmp_path / "long.csv")
    expected = read_matrix(written(text))
    for name in ("wide.parquet", "long.parquet", "long.csv"):
        assert read_matrix(str(tmp_path / name)) == expected


def test_counts_may_be_absent(written):
    text = "\n".join(
        ",".join(line.split(",")[:2] + line.split(",")[4:]) for line in WIDE.splitlines()
    )
    assert read_matrix(written(text)).counts == {}


HEAD = "topic,format,doc_count,first\nhealth,faq,1,1\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "helth,faq,1,1\n", ["row 3", "topic 'helth'", "24 WebOrganizer topics"]),
        (HEAD + "health,faqs,1,1\n", ["row 3", "format 'faqs'"]),
        (HEAD + "health,faq,1,2\n", ["row 3", "bin health x faq", "second time"]),
        (HEAD + "games,faq,1,many\n", ["row 3", "first is 'many'", "finite number"]),
        (HEAD + "games,faq,1,nan\n", ["row 3", "first is 'nan'"]),
        (HEAD + "games,faq,1,inf\n", ["row 3", "first is 'inf'"]),
        (HEAD + "games,faq,-1,2\n", ["row 3", "doc_count is '-1'", "whole number"]),
        (HEAD + "games,faq,,2\n", ["row 3", "doc_count is ''"]),
        (HEAD + "games,faq,1.5,2\n", ["row 3", "doc_count is '1.5'"]),
        (HEAD + "games,faq,0,2\n", ["row 3", "first is 2 and doc_count is 0", "empty"]),
        (HEAD + "games,faq,1\n", ["row 3", "3 cells, the header has 4"]),
        (HEAD, ["1 bins", "at least 2"]),
        (HEAD + "games,faq,1,\n", ["benchmark 'first' has values in 1 bins"]),
        ("topic,doc_count,first\nhealth,1,1\n", ["column 'format' is missing", "found: topic"]),
        ("", ["column 'topic' is missing"]),
        ("topic,format,doc_count\nhealth,faq,1\n", ["no column of a benchmark"]),
        ("topic,format,a,a\nhealth,faq,1,1\n", ["column 'a' is there more than once"]),
        ("topic,format,My Test\nhealth,faq,1\n", ["column 'My Test'", "lower-case"]),
        ("topic,format,benchmark\nhealth,faq,a\n", ["column 'influence' is missing"]),
        ("topic,format,benchmark,z\nhealth,faq,a b,1\n", ["row 2", "benchmark 'a b'"]),
        (
            "topic,format,benchmark,z\nhealth,faq,a,1\nhealth,faq,a,1\n",
            ["row 3", "a in bin health x faq", "second time"],
        ),
        (
            "topic,format,benchmark,z,n_docs\nhealth,faq,a,1,5\nhealth,faq,b,1,6\n",
            ["row 3", "n_docs of bin health x faq is 6 here and 5"],
        ),
    ],
)
def test_each_fault_is_one_line_with_file_row_and_value(written, text, words):
    path = written(text)
    with pytest.raises(DataError) as caught:
        read_matrix(path)
    message = str(caught.value)
    assert "\n" not in message and path in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("name", "words"),
    [("absent.csv", ["does not exist"]), ("matrix.xlsx", [".csv or .parquet"])],
)
def test_a_file_that_cannot_be_a_matrix_is_named_with_its_key(tmp_path, name, words):
    with pytest.raises(ConfigError) as caught:
        read_matrix(str(tmp_path / name))
    for word in ["'influence.matrix'", *words]:
        assert word in str(caught.value)


def test_files_that_are_not_what_they_are_called_are_one_line(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(b"topic,format\n\xff\xfe\x00,1\n")
    (tmp_path / "text.parquet").write_text(WIDE)
    for name in ("bytes.csv", "text.parquet"):
        with pytest.raises(AtlasError) as caught:
            read_matrix(str(tmp_path / name))
        assert "\n" not in str(caught.value) and "cannot be read" in str(caught.value)


def test_benchmarks_of_the_study_are_the_columns_of_its_matrix(written):
    """Also: keys of corpus and unlearning that do not fit them are no matter."""
    full = written(WIDE.replace(",4,,", ",4,3,"))
    config = copy.deepcopy(DEFAULT) | {"influence": {"matrix": full}}
    assert DEFAULT["unlearning"]["benchmarks"]
    assert complete(config)["benchmarks"] == ["first", "second"]
