"""An existing matrix: both forms are read alike, and each fault is one line with file and row."""

import copy
from pathlib import Path

import polars as pl
import pytest
import yaml

from workflow_scripts.common.bin_matrix import read_matrix
from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import AtlasError, ConfigError, DataError
from workflow_scripts.influence.maps.topic_weights import read_topic_weights

DEFAULT = yaml.safe_load((Path(__file__).resolve().parents[2] / "config.yaml").read_text())
WIDE = """topic,format,doc_count,first,second
health,faq,10,0.5,-1
games,tutorial,4,,2e-1
games,faq,0,,
"""
# Without gaps.
FULL = """topic,format,doc_count,first,second
health,faq,10,0.5,-1
games,tutorial,4,1.5,2e-1
games,faq,3,0.25,7
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


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index", "level_0"])
def test_a_column_that_numbers_the_rows_is_no_benchmark(written, name):
    """As pandas and R write it; 'index' was read as a benchmark, the others were refused."""
    plain, (header, *lines) = read_matrix(written(FULL)), FULL.splitlines()
    numbered = [f"{name},{header}", *(f"{i * 7},{line}" for i, line in enumerate(lines))]
    assert read_matrix(written("\n".join(numbered))) == plain


def test_the_index_of_a_parquet_table_is_no_benchmark(written, tmp_path):
    import pandas as pd

    frame = pd.read_csv(written(FULL)).set_index(pd.Index([7, 3, 9]))
    frame.to_parquet(tmp_path / "index.parquet")
    found = pl.read_parquet(tmp_path / "index.parquet").columns
    assert found[-1] == "__index_level_0__"
    assert read_matrix(str(tmp_path / "index.parquet")).benchmarks == ("first", "second")


def test_empty_columns_and_rows_of_a_spreadsheet_are_passed_over(written):
    padded = "\n".join(f"{line},," for line in [*FULL.splitlines(), ",,,,"])
    assert read_matrix(written(padded)) == read_matrix(written(FULL, "plain.csv"))


def test_a_nameless_column_of_other_values_is_refused(written):
    with pytest.raises(DataError, match="column '' cannot be the name of a benchmark"):
        read_matrix(written("topic,format,\nhealth,faq,0.5\ngames,faq,0.5\n"))


def test_labels_and_headers_of_a_matrix_are_read_in_any_spelling(written):
    text = FULL.replace("health", "__label__Health").replace("faq", " FAQ ")
    text = text.replace("topic,format,doc_count", "Topic,FORMAT, Doc_Count")
    assert read_matrix(written(text)) == read_matrix(written(FULL, "plain.csv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("topic,weight\nhealth\u00e9,1\n".encode("latin-1"), r"line 2 holds the byte 0xe9"),
        ("topic,weight\nhealth,1\n".encode("utf-16"), "it is UTF-16; save it as csv in UTF-8"),
        (b"topic;weight\nhealth;1\n", "separate cells by commas, not by ';'"),
        (b"topic,weight\nhealth,1\n\nHealth,2\n", "row 4: topic 'health' comes twice"),
        (b"topic,weight\nhealth,1\nhealthy,2\n", "row 3: topic 'healthy' .* did you mean 'health'"),
        (b"topic,share\nhealth,1\n", r"lacks the column 'weight'.*found: topic, share"),
        (b"", "lacks the column 'topic'.*found: nothing"),
    ],
)
def test_weights_that_cannot_be_read_are_one_line(tmp_path, content, message):
    path = tmp_path / "weights.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_topic_weights(str(path))
    assert "\n" not in str(error.value)


def test_weights_are_read_as_spreadsheets_and_pandas_write_them(tmp_path):
    expected = {"health": 0.5, "games": 0.25, "electronics_and_hardware": 0.25}
    rows = ["Health,0.5", "__label__games, 0.25", "Electronics & Hardware,0.25"]
    path = tmp_path / "weights.csv"
    path.write_text("\n".join(["\ufeffTopic,Weight", *rows]))
    assert read_topic_weights(str(path)) == expected
    path.write_text("\n".join([",topic,weight", *(f"{i},{row}" for i, row in enumerate(rows))]))
    assert read_topic_weights(str(path)) == expected
    table = pl.DataFrame({"topic": list(expected), "weight": list(expected.values())})
    table.write_parquet(tmp_path / "weights.parquet")
    assert read_topic_weights(str(tmp_path / "weights.parquet")) == expected
