import gzip
import json

import polars as pl
import pytest
import zstandard

from workflow_scripts.common.errors import DataError
from workflow_scripts.corpus.sources.readers import parse_line, raw_rows, read_lines
from workflow_scripts.corpus.sources.records import Malformed


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst", "parquet"])
def test_every_format_gives_the_same_rows(made_up, tmp_path, suffix):
    rows = made_up.rows(50)
    path = made_up.write(tmp_path / f"docs.{suffix}", rows)
    assert list(raw_rows(path, made_up.table)) == list(enumerate(rows, start=1))


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst", "parquet"])
def test_wanted_rows_alone_are_given(made_up, tmp_path, suffix):
    rows = made_up.rows(50)
    path = made_up.write(tmp_path / f"docs.{suffix}", rows)
    found = list(raw_rows(path, made_up.table, {7, 31}))
    assert found == [(7, rows[6]), (31, rows[30])]


def test_lines_count_from_one_and_blank_lines_keep_their_number(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n\n{"a": 2}\r\n{"a": 3}')
    assert [row for row, _ in read_lines(str(path))] == [1, 3, 4]


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_truncated_archive_is_an_error_and_not_a_short_file(tmp_path, suffix):
    """The zstandard stream reader ends silently inside a frame: the tail was lost unnoticed."""
    lines = b"".join(b'{"a": "%032x"}\n' % (i * 2**70) for i in range(20000))
    packed = gzip.compress(lines) if suffix == "gz" else zstandard.compress(lines)
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(DataError, match=rf"a\.jsonl\.{suffix} cannot be read after line \d+"):
        list(read_lines(str(path)))


def test_files_that_are_not_what_their_name_says_are_errors(made_up, tmp_path):
    for name in ("a.jsonl.gz", "a.jsonl.zst", "a.parquet"):
        (tmp_path / name).write_bytes(b'{"id": 1}\n' * 10)
        with pytest.raises(DataError, match=rf"{name} cannot be read"):
            list(raw_rows(str(tmp_path / name), made_up.table))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": 1', "invalid_json"),
        (b"[1, 2]", "not_an_object"),
        (b'{"id": "\xff"}', "invalid_utf8"),
        (b"[" * 100_000, "invalid_json"),
    ],
)
def test_malformed_lines_have_a_reason(line, reason):
    assert parse_line(line).reason == reason


def test_byte_order_mark_is_no_error():
    assert parse_line(b'\xef\xbb\xbf{"id": 1}') == {"id": 1}


def test_parquet_without_a_declared_column_names_it_and_those_found(made_up, tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"id": ["a"], "text": ["b c"], "topic": ["health"]}).write_parquet(path)
    with pytest.raises(DataError, match=r"no column 'format'.*columns found: id, text, topic"):
        list(raw_rows(str(path), {**made_up.table, "url": ""}))


def test_dolma_attributes_join_by_order(made_up, tmp_path):
    rows = made_up.rows(12)
    path = made_up.write_dolma(tmp_path, rows)
    found = [raw["attributes"]["labels"]["topic"] for _, raw in raw_rows(path, made_up.dolma)]
    assert found == [row["topic"] for row in rows]


def test_misaligned_dolma_attributes_name_file_and_line(made_up, tmp_path):
    rows = made_up.rows(6)
    path = made_up.write_dolma(tmp_path, rows)
    swapped = [rows[i] for i in (0, 1, 3, 2, 4, 5)]
    labels = [{"id": row["id"], "attributes": {}} for row in swapped]
    made_up.write(tmp_path / "attributes/labels/000.json.gz", labels)
    message = (
        r"attributes/labels/000\.json\.gz:3 is for id 'doc-0003', but .*documents/000\.json\.gz:3"
    )
    with pytest.raises(DataError, match=message):
        list(raw_rows(path, made_up.dolma))


@pytest.mark.parametrize(
    ("count", "message"), [(5, "ends before line 6"), (7, ":7 has no document")]
)
def test_dolma_attribute_file_of_another_length_is_refused(made_up, tmp_path, count, message):
    rows = made_up.rows(7)
    path = made_up.write_dolma(tmp_path, rows[:6])
    labels = [{"id": row["id"], "attributes": {}} for row in rows[:count]]
    made_up.write(tmp_path / "attributes/labels/000.json.gz", labels)
    with pytest.raises(DataError, match=message):
        list(raw_rows(path, made_up.dolma))


def test_malformed_document_and_attribute_lines_are_rows_of_their_own(made_up, tmp_path):
    rows = made_up.rows(3)
    path = made_up.write_dolma(tmp_path, rows)
    labels = [{"id": rows[0]["id"], "attributes": {}}, "{", {"id": rows[2]["id"]}]
    made_up.write(tmp_path / "attributes/labels/000.json.gz", labels)
    found = [raw for _, raw in raw_rows(path, made_up.dolma)]
    assert isinstance(found[0], dict)
    assert [raw.reason for raw in found[1:]] == ["invalid_attributes"] * 2
    assert all(isinstance(raw, Malformed) for raw in found[1:])


def test_zstandard_of_a_long_window_is_read(made_up, tmp_path):
    """Packed with --long=27 or more: 'Frame requires too much memory for decoding'."""
    rows = made_up.rows(20)
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    settings = zstandard.ZstdCompressionParameters.from_level(3, window_log=30, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(packer.compress(lines) + packer.flush())
    assert list(raw_rows(str(path), made_up.table)) == list(enumerate(rows, start=1))


def test_packed_files_put_one_behind_another_are_read_to_their_end(made_up, tmp_path):
    rows = made_up.rows(9)
    lines = [json.dumps(row).encode() + b"\n" for row in rows]
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(map(gzip.compress, lines)))
    # Seekable files end in a frame that holds no data.
    frames = [*map(zstandard.compress, lines), b"\x5e\x2a\x4d\x18\x04\x00\x00\x00seek"]
    (tmp_path / "a.jsonl.zst").write_bytes(b"".join(frames))
    for name in ("a.jsonl.gz", "a.jsonl.zst"):
        found = [raw for _, raw in raw_rows(str(tmp_path / name), made_up.table)]
        assert found == rows, name


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_folders_state_columns_as_hive_writes_them(made_up, tmp_path, suffix):
    """A partitioned table was refused: its parts have no column of the partition."""
    rows = made_up.rows(6)
    bare = [{key: row[key] for key in ("id", "text", "url")} for row in rows]
    folder = tmp_path / "topic=science%5Fmath_and_technology" / "format=Q%26A Forum"
    path = made_up.write(folder / f"part-0.{suffix}", bare)
    stated = {"topic": "science_math_and_technology", "format": "Q&A Forum"}
    assert [raw for _, raw in raw_rows(path, made_up.table)] == [stated | row for row in bare]
    manifest, malformed = made_up.index([path], made_up.table)
    assert not malformed.reasons
    assert manifest["format"].unique().to_list() == ["q_a_forum"]


def test_a_column_goes_before_its_folder_and_the_folder_of_nulls_states_none(made_up, tmp_path):
    rows = made_up.rows(3)
    path = made_up.write(tmp_path / "topic=games" / "part.parquet", rows)
    assert [raw for _, raw in raw_rows(path, made_up.table)] == rows
    bare = [{key: value for key, value in row.items() if key != "topic"} for row in rows]
    path = made_up.write(tmp_path / "topic=__HIVE_DEFAULT_PARTITION__" / "part.parquet", bare)
    assert [raw["topic"] for _, raw in raw_rows(path, made_up.table)] == [None] * 3


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_dotted_paths_lead_into_records_of_tables(made_up, tmp_path, suffix):
    rows = [
        {"id": row["id"], "text": row["text"], "metadata": {"topic": row["topic"], "f": "FAQ"}}
        for row in made_up.rows(4)
    ]
    path = made_up.write(tmp_path / f"a.{suffix}", rows)
    layout = {**made_up.table, "topic": "metadata.topic", "format": "metadata.f", "url": ""}
    manifest, malformed = made_up.index([path], layout)
    assert not malformed.reasons
    assert manifest["topic"].to_list() == [row["metadata"]["topic"] for row in rows]
