"""Files of questions of every format: the same rows, text as written, faults by file and row."""

import gzip
import json
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from workflow_scripts.benchmarks.tasks.question_files import read_questions
from workflow_scripts.common.errors import ConfigError, DataError

ROWS = [
    {"q": "When?\nSay, quickly", "a": "1969-07-20", "b": "None", "gold": "0"},
    {"q": 'The "pan"', "a": "NA", "b": "007", "gold": "1"},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
CSV = 'q,a,b,gold\n"When?\nSay, quickly",1969-07-20,None,0\n"The ""pan""",NA,007,1\n'
TEXTS = {
    "x.jsonl": LINES,
    "x.ndjson": f"\n{LINES}\n",
    "lines.json": LINES,
    "list.json": json.dumps(ROWS, indent=1),
    "rows.json": json.dumps({"one": ROWS[0], "two": ROWS[1]}),
    "columns.json": json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]}),
    "x.csv": CSV,
    "windows.csv": CSV.replace("\n", "\r\n").replace("When?\r\n", "When?\n"),
    "bom.csv": f"\ufeff{CSV}",
    "x.TSV": CSV.replace(",", "\t").replace("Say\t", "Say,"),
}


def declared(name):
    return "csv" if "csv" in name or "TSV" in name else "json"


@pytest.fixture
def read(tmp_path):
    """Rows of a file with this content."""

    def run(name, content, kind=None, **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_questions([str(path)], kind or declared(name), options)

    return run


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("pack", ["", ".gz", ".zst"])
def test_text_stays_text_in_every_format(read, name, pack):
    content = TEXTS[name].encode()
    packed = {".gz": gzip.compress, ".zst": zstandard.compress}.get(pack, bytes)(content)
    rows = read(name + pack, packed, declared(name))
    assert [row for _, row in rows] == ROWS
    assert all(f"{name}{pack} " in origin for origin, _ in rows)


def test_parquet_keeps_texts_and_lists_and_gives_categories_as_their_values(tmp_path):
    path = tmp_path / "x.parquet"
    table = pa.table(
        {
            "q": pa.array(["p", "q"]).dictionary_encode(),
            "choices": [["1969-07-20", "None"], ["NA", "007"]],
            "day": [date(1969, 7, 20), None],
            "time": [datetime(2001, 9, 11, 8), None],
            "price": [Decimal("1.50"), None],
            "gold": [0, 1],
        }
    )
    pq.write_table(table, path)
    rows = read_questions([str(path)], "parquet")
    assert [origin for origin, _ in rows] == [f"{path} row 1", f"{path} row 2"]
    assert rows[0][1]["q"] == "p"
    assert rows[0][1]["choices"] == ["1969-07-20", "None"]
    assert [row["gold"] for _, row in rows] == [0, 1]


def test_rows_lie_under_a_field(read):
    content = json.dumps({"version": 1, "data": ROWS})
    assert [row for _, row in read("x.json", content, field="data")] == ROWS
    with pytest.raises(DataError, match=r"x.json is one object with rows under 'data'; .* field"):
        read("x.json", content)
    with pytest.raises(ConfigError, match=r"has no key 'rows' \(field\); its keys: version, data"):
        read("x.json", content, field="rows")


def test_csv_without_a_header_and_with_another_delimiter(read):
    rows = read("x.csv", "p;1\nq;2\n", delimiter=";", column_names=["prompt", "gold"])
    assert [row for _, row in rows] == [
        {"prompt": "p", "gold": "1"},
        {"prompt": "q", "gold": "2"},
    ]


HALF = '{"q": "stays \\ud83d"}\n'
FAULTS = [
    ("x.jsonl", '{"q": 1}\n{"q": ', "x.jsonl line 2 is not valid JSON"),
    ("x.jsonl", '{"q": NaN}\n', "x.jsonl line 1 holds NaN, which is no JSON value"),
    ("x.jsonl", '{"q": 1, "q": 2}\n', "x.jsonl line 1 has the key 'q' twice"),
    ("x.jsonl", HALF, r"x.jsonl line 1 holds \\ud83d, half of a surrogate pair"),
    ("x.json", f"[{HALF}]", r"x.json holds \\ud83d, half of a surrogate pair"),
    ("x.jsonl", "[1]\n", "x.jsonl line 1 is not a JSON object but list"),
    ("x.json", "[1]\n", "x.json row 1 is not a JSON object but int"),
    ("x.json", '[{"q": 1},\n {"q": \n', "x.json line 3 is not valid JSON"),
    ("x.json", '{"q": ["a"], "r": ["a", "b"]}', "its columns q, r differ in length"),
    ("x.json", "7", "x.json holds JSON int"),
    ("x.json.gz", gzip.compress(b"[" * 99999)[:-9], "x.json.gz cannot be read: "),
    ("x.json.gz", b"[]", "x.json.gz cannot be read: "),
    ("x.jsonl.zst", zstandard.compress(LINES.encode())[:-9], "x.jsonl.zst cannot be read: "),
    ("x.jsonl", LINES.encode("utf-16"), "x.jsonl cannot be read as UTF-8 text: byte 0"),
    ("x.csv", CSV.encode("utf-16"), "x.csv cannot be read as UTF-8 text: byte 0"),
    ("x.csv", "q,q,gold\na,b,0\n", "x.csv: its header names the column 'q' twice"),
    ("x.csv", "q,a,gold\nx,y\n", "x.csv line 2 has 2 fields, but there are 3 columns: q, a, gold"),
    ("x.csv", "q,a\nx,y\nx,y,z\n", "x.csv line 3 has 3 fields"),
    ("x.csv", 'q,a\nx,"y\n', "x.csv line 2 is not valid CSV"),
    ("x.csv", "q,a\n1,2\n3", "x.csv line 3 has 1 fields"),
]


@pytest.mark.parametrize(("name", "content", "expected"), FAULTS)
def test_a_broken_file_is_one_line_that_names_file_and_row(read, name, content, expected):
    with pytest.raises(DataError, match=expected) as error:
        read(name, content)
    assert "\n" not in str(error.value)


def test_a_pair_of_surrogates_is_a_character(read):
    assert read("x.jsonl", '{"q": "\\ud83d\\ude00"}')[0][1] == {"q": "\U0001f600"}


def test_a_file_that_is_no_parquet_is_one_line(read):
    with pytest.raises(DataError, match=r"x.parquet cannot be read as parquet: "):
        read("x.parquet", b"PAR1 and no more", "parquet")


@pytest.mark.parametrize(
    ("name", "kind", "other"),
    [("x.csv", "json", "csv"), ("x.jsonl.gz", "csv", "json"), ("x.json", "parquet", "json")],
)
def test_a_file_of_another_format_than_the_task_says_is_refused(read, name, kind, other):
    with pytest.raises(ConfigError, match=rf"is to be read as '{kind}'; name the format '{other}'"):
        read(name, "", kind)
