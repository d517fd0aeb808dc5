import pytest

from tests.support import rule_call
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.tables import read_table
from workflow_scripts.corpus.sources.document_index import (
    MalformedRows,
    check_malformed,
    merge_malformed,
)
from workflow_scripts.corpus.sources.index_documents import main
from workflow_scripts.corpus.sources.records import Malformed


def call(folder, files, layout, strict=True):
    return rule_call(
        "index_documents",
        input={"documents": files, "attributes": []},
        output={"manifest": folder / "p.parquet", "malformed": folder / "p.malformed.json"},
        params={"layout": layout, "strict": strict},
    )


def test_every_source_format_gives_the_same_manifest(made_up, tmp_path):
    rows = made_up.rows(60)
    layouts = {".jsonl": made_up.table, ".jsonl.gz": made_up.table, ".jsonl.zst": made_up.table}
    paths = {made_up.write(tmp_path / f"d{s}", rows): layout for s, layout in layouts.items()}
    paths[made_up.write(tmp_path / "d.parquet", rows)] = made_up.table
    paths[made_up.write_dolma(tmp_path, rows)] = made_up.dolma
    frames = [
        made_up.index([path], layout)[0].drop("file", "source") for path, layout in paths.items()
    ]
    assert len(frames) == 5
    assert all(frame.equals(frames[0]) for frame in frames)


def test_manifest_holds_lengths_sites_and_places(made_up, tmp_path):
    row = {"id": 7, "text": "nine char", "topic": "health", "format": "faq", "url": "www.A.org/x"}
    path = made_up.write(tmp_path / "d.jsonl", [row])
    main(call(tmp_path, [path], made_up.table))
    manifest = read_table(tmp_path / "p.parquet", "corpus/manifest")
    assert manifest.row(0, named=True) == {
        "doc_id": "7",
        "topic": "health",
        "format": "faq",
        "n_tokens_estimate": 3,
        "n_chars": 9,
        "source": None,
        "url_domain": "a.org",
        "file": path,
        "row": 1,
    }
    assert read_json(tmp_path / "p.malformed.json") == {"rows": 1, "malformed": {}}


def test_source_column_is_kept_where_declared(made_up, tmp_path):
    rows = [{**row, "where": "a list"} for row in made_up.rows(3)]
    path = made_up.write(tmp_path / "d.jsonl", rows)
    frame, _ = made_up.index([path], {**made_up.table, "source": "where"})
    assert frame["source"].to_list() == ["a list"] * 3


def test_malformed_line_stops_with_file_line_and_reason_and_writes_nothing(made_up, tmp_path):
    rows = made_up.rows(5)
    path = made_up.write(tmp_path / "d.jsonl", [rows[0], '{"id": 3,', *rows[1:]])
    with pytest.raises(DataError) as error:
        main(call(tmp_path, [path], made_up.table))
    message = str(error.value)
    assert (
        f"{path}:2: not valid JSON, Expecting property name enclosed in double quotes at column 10"
        in message
    )
    assert "1 of 6 rows are malformed (invalid_json 1), allowed share 0" in message
    assert "\n" not in message
    assert not list(tmp_path.glob("p.*"))


def test_tolerated_rows_are_counted_by_reason_with_examples(made_up, tmp_path):
    rows = made_up.rows(10)
    bad = [{**row, "topic": "cooking"} for row in rows[:5]]
    path = made_up.write(tmp_path / "d.jsonl", [*bad, "oops", *rows[5:]])
    main(call(tmp_path, [path], made_up.table, strict=False))
    report = read_json(tmp_path / "p.malformed.json")
    assert report["rows"] == 11
    counts = {reason: entry["count"] for reason, entry in report["malformed"].items()}
    assert counts == {"unknown_topic": 5, "invalid_json": 1}
    examples = report["malformed"]["unknown_topic"]["examples"]
    assert [(example["file"], example["row"]) for example in examples] == [
        (path, i) for i in (1, 2, 3)
    ]
    assert read_table(tmp_path / "p.parquet", "corpus/manifest").height == 5


def test_topic_outside_the_taxonomy_stops_with_file_and_line(made_up, tmp_path):
    rows = made_up.rows(3)
    rows[1]["topic"] = "helth"
    path = made_up.write(tmp_path / "d.parquet", rows)
    with pytest.raises(DataError, match=r"d\.parquet:2: topic 'helth'.*did you mean 'health'"):
        main(call(tmp_path, [path], made_up.table))


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_column_in_no_row_is_named_with_those_found_even_where_rows_may_fail(
    made_up, tmp_path, suffix
):
    rows = [{("body" if k == "text" else k): v for k, v in row.items()} for row in made_up.rows(4)]
    path = made_up.write(tmp_path / f"d.{suffix}", rows)
    message = r"no column 'text', which corpus\.files\.columns declares.*found: id, body, topic"
    with pytest.raises(DataError, match=message):
        main(call(tmp_path, [path], made_up.table, strict=False))


def test_column_missing_in_one_row_is_that_row_alone(made_up, tmp_path):
    rows = made_up.rows(4)
    del rows[2]["text"]
    path = made_up.write(tmp_path / "d.jsonl", rows)
    frame, malformed = made_up.index([path], made_up.table)
    assert frame.height == 3
    assert malformed.reasons["missing_text"]["examples"][0]["row"] == 3


def test_missing_url_is_no_error(made_up, tmp_path):
    rows = [{**row, "url": None} for row in made_up.rows(3)]
    frame, malformed = made_up.index([made_up.write(tmp_path / "d.jsonl", rows)], made_up.table)
    assert frame["url_domain"].null_count() == 3
    assert not malformed.reasons


def test_empty_file_is_an_empty_manifest(made_up, tmp_path):
    (tmp_path / "d.jsonl").touch()
    frame, malformed = made_up.index([str(tmp_path / "d.jsonl")], made_up.table)
    assert frame.height == 0
    assert malformed.rows == 0


def test_share_is_judged_over_all_parts():
    parts = []
    for bad in (0, 3):
        report = MalformedRows()
        report.rows = 50
        for row in range(bad):
            report.add("f.jsonl", row + 1, Malformed("empty_text", "text is empty"))
        parts.append(report.as_json())
    merged = merge_malformed(parts)
    check_malformed(merged, 0.03)
    with pytest.raises(DataError, match=r"f\.jsonl:1: text is empty; 3 of 100 rows.*share 0\.029"):
        check_malformed(merged, 0.029)
    assert [part["malformed"].get("empty_text", {}).get("count", 0) for part in parts] == [0, 3]


def test_tokens_of_texts_without_blanks_are_estimated_by_their_bytes(made_up, tmp_path):
    """A page of Chinese counted as a quarter of its characters, a third of its tokens or less."""
    texts = ["plain text " * 4, "水壶很热请不要让孩子靠近" * 4]
    rows = [{**row, "text": text} for row, text in zip(made_up.rows(2), texts, strict=True)]
    frame, _ = made_up.index([made_up.write(tmp_path / "d.jsonl", rows)], made_up.table)
    assert frame["n_tokens_estimate"].to_list() == [11, 36]
    assert frame["n_chars"].to_list() == [44, 48]
